// Chromium, and pages that remember what the console and the network complained of.
import { chromium } from "playwright-core";

export const launch = (options = {}) =>
  chromium.launch({ ...options, executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage"] });

/** A page in a context of its own, or in `context`; errors of scripts, the console and the server are in `page.complaints`. */
export async function newPage(browser, { context, ...options } = {}) {
  const page = await (context ?? (await browser.newContext({ locale: "en-GB", timezoneId: "Europe/London", ...options }))).newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`${page.url()}: ${error}`));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && page.complaints.push(`${page.url()}: ${message.text()}`));
  page.on("response", (response) => response.status() >= 400 && page.complaints.push(`${response.status()} ${response.url()}`));
  return page;
}
