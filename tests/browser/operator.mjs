// Operators at their screens.
import assert from "node:assert/strict";
import { newPage } from "./browser.mjs";

const PASSWORD = "correct horse battery";

/** An operator who is signed in. */
export async function operator(browser, demo, email, options) {
  demo.run(["user", "add", "--email", email, "--account", "Harbour Lane Plumbing", "--operator", "--password-stdin"], `${PASSWORD}\n`);
  const page = await newPage(browser, options);
  await page.goto(demo.dashboard);
  await page.fill("input[type=email]", email);
  await page.fill("input[type=password]", PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !/sign-in/.test(url.href));
  return page;
}

/** What they look at. */
export const SCREENS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
};

/** Nothing of the page is wider than the screen. */
export const narrow = async (page, { viewport: { width } }) =>
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${page.url()} is wider than ${width} px`);
