// A site of the demo's account beside the demo's own.
import { newPage } from "./browser.mjs";

/**
 * Adds a site, proves the host of `origin`, and leaves its tag in `site.snippet`. Its server must answer for
 * `/.well-known/ringfence.txt` with `site.challenge`. Answers with what keeps a browser signed in, for the demo's link works once:
 * further sites are given that as `signedIn`.
 */
export async function addSite(browser, demo, { name, swap, origin, site, signedIn }) {
  const page = await newPage(browser, { storageState: signedIn });
  if (!signedIn) await page.goto(demo.signIn);
  await page.goto(new URL("/sites", demo.dashboard).href);
  await page.fill("#name", name);
  await page.fill("#swap", swap);
  await page.selectOption("#pool", { index: 1 });
  await page.locator("form[action='/sites'] button").click();
  await page.waitForURL(/done=site/);
  const section = page.locator("section.site", { hasText: name });
  site.snippet = await section.locator(".snippet code").first().textContent();
  await section.locator("input[name=host]").fill(new URL(origin).host);
  await section.getByRole("button", { name: "Add host" }).click();
  await page.waitForURL(/done=host/);
  site.challenge = await section.locator(".ways .snippet code").first().textContent();
  await section.getByRole("button", { name: "Check now" }).click();
  await page.waitForURL(/done=proved/);
  const storageState = await page.context().storageState();
  await page.context().close();
  return storageState;
}
