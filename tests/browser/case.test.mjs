// An honest page gets its number, then its site turns: the number is gone within one beat, the case shows why, and calls
// to it hear that it is out of service. The lock page is inert: nothing in it is ever called.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, newPage } from "./browser.mjs";
import { dial, dialInService } from "./dial.mjs";
import { narrow, operator, SCREENS } from "./operator.mjs";
import { Demo, ROOT } from "./program.mjs";
import { addSite } from "./site.mjs";

const LOCK = readFileSync(join(ROOT, "crates/ringfence/tests/check/pages/lock.html"), "utf8");
const OWN = "020 7946 0000";
const PICTURES = join(ROOT, "target/screenshots");

let demo, browser, server, origin;
const site = { challenge: "", snippet: "", turned: false };
const honest = () => `<!doctype html><html lang="en"><title>Locksmith</title><h1>Locksmith</h1><p>We open doors. Call <a id="number" href="tel:+442079460000">${OWN}</a>.</p>${site.snippet}</html>`;

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
  server = createServer(({ url }, response) => {
    response.setHeader("Content-Type", "text/html");
    if (url === "/favicon.ico") response.statusCode = 204;
    response.end(url === "/.well-known/ringfence.txt" ? site.challenge : url === "/favicon.ico" ? "" : site.turned ? LOCK : honest());
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://localhost:${server.address().port}`;
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const shown = (page) => page.$eval("#number", (element) => element.textContent);

test("a site that turns loses its number within one beat, the case shows why, and calls to it are refused", async () => {
  await addSite(browser, demo, { name: "Locksmith", swap: OWN, origin, site, numbers: ["+44 20 7946 0811", "+44 20 7946 0812"] });
  const page = await newPage(browser);
  await page.goto(`${origin}/`);
  await page.waitForFunction((own) => document.getElementById("number").textContent !== own, OWN);
  const number = `+${(await page.$eval("#number", (link) => link.href)).replace(/\D/g, "")}`;
  assert.deepEqual(page.complaints, []);
  await dialInService(demo.sip, number, "+441632960774");

  site.turned = true;
  // The next page of the site that asks, as a victim's browser would; it is looked at before it gets anything.
  const asked = await page.evaluate(async ([source, address]) => {
    const at = new URL(source);
    const { token } = await (await fetch(`${at.origin}/t/token?site=${at.searchParams.get("site")}`)).json();
    const body = { site: at.searchParams.get("site"), token, page: address, referrer: "", language: "en", campaign: null, tags: {} };
    return (await fetch(`${at.origin}/t/number`, { method: "POST", body: JSON.stringify(body) })).json();
  }, [tagOf(site.snippet), `${origin}/alert`]);
  assert.deepEqual([asked.number, asked.reason], [null, "withheld"]);

  // The page that shows a number already has its beat, and no more.
  await page.waitForFunction((own) => document.getElementById("number").textContent === own, OWN, { timeout: 65_000 });
  assert.deepEqual(page.complaints, []);
  await page.context().close();
  await assert.rejects(dial(demo.sip, number, "+441632960778"), /404/);

  for (const [screen, options] of Object.entries(SCREENS)) {
    const ops = await operator(browser, demo, `${screen}@example.com`, options);
    await ops.goto(new URL("/cases", demo.dashboard).href);
    await ops.screenshot({ path: join(PICTURES, `cases-${screen}.png`), fullPage: true });
    await narrow(ops, options);
    await ops.getByRole("link", { name: "Locksmith" }).click();
    await ops.waitForURL(/\/cases\/.+/);
    const text = await ops.textContent("main");
    assert.match(text, /scam, seen as/);
    assert.match(text, /asks for full screen/);
    assert.ok((await ops.locator("pre.source mark").count()) >= 3, "signals are marked in the source");
    assert.equal(await ops.locator("pre.source script, pre.source audio, pre.source h1").count(), 0, "it is text");
    await ops.screenshot({ path: join(PICTURES, `case-${screen}.png`), fullPage: true });
    await narrow(ops, options);
    assert.deepEqual(ops.complaints, []);
    await ops.context().close();
  }
});

/** The tag's address, with its site's key as a parameter. */
function tagOf(snippet) {
  const [, address, key] = /src="([^"]+)" data-site="([^"]+)"/.exec(snippet);
  return `${address}?site=${key}`;
}
