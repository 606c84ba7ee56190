// A site of the demo's account beside the demo's own.
import { newPage } from "./browser.mjs";

/**
 * Adds a site, proves the host of `origin`, and leaves its tag in `site.snippet`. Its server must answer for
 * `/.well-known/ringfence.txt` with `site.challenge`. Answers with what keeps a browser signed in, for the demo's link works once:
 * further sites are given that as `signedIn`. With `numbers` the site has a pool of these; without, it shares the demo's, whose
 * numbers the demo's own visitors are shown before and after.
 */
export async function addSite(browser, demo, { name, swap, origin, site, signedIn, numbers = [] }) {
  const page = await newPage(browser, { storageState: signedIn });
  if (!signedIn) await page.goto(demo.signIn);
  if (numbers.length > 0) await addPool(page, demo, name, numbers);
  await page.goto(new URL("/sites", demo.dashboard).href);
  await page.fill("#name", name);
  await page.fill("#swap", swap);
  await page.selectOption("#pool", numbers.length > 0 ? { label: name } : { index: 1 });
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

/** A pool with numbers that ring by the demo's plan. Its pages beat every six seconds, a tenth of what a visit keeps its number for. */
async function addPool(page, demo, name, numbers) {
  await page.goto(new URL("/pools", demo.dashboard).href);
  await page.locator("#edit").getByLabel("Name", { exact: true }).fill(name);
  await page.locator("#hold_minutes").fill("1");
  await page.getByRole("button", { name: "Add pool" }).click();
  await page.getByText("The pool was saved").waitFor();
  await page.goto(new URL("/numbers", demo.dashboard).href);
  const form = page.locator("#add");
  await form.locator("#lines").fill(numbers.join("\n"));
  await form.locator("#pool").selectOption({ label: name });
  await form.locator("#plan").selectOption({ index: 1 });
  await form.getByRole("button", { name: "Add numbers" }).click();
  await page.getByText("The numbers were added").waitFor();
}
