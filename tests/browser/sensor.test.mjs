// An honest page gets its number, then turns into one that locks its visitor in: the number is gone within one beat, the case
// shows why, and calls to it hear that it is out of service. Beside it a page with a video in full screen keeps its own. The page that
// turns is made for this test and inert: what it asks for the browser refuses, it asks once, and its dialogs are counted out.
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
const TURNED = `
  for (let turn = 0; turn < 12; turn++) alert("An inert dialog of a test");
  const refused = () => {};
  document.documentElement.requestFullscreen().catch(refused);
  navigator.keyboard.lock(["Escape"]).then(() => navigator.keyboard.unlock(), refused);
  addEventListener("beforeunload", () => {});`;

let demo, browser;
const servers = [];

/** A site on a server of its own; `pages` gives the body of each path. */
async function serve(pages) {
  const site = { challenge: "", snippet: "" };
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, "http://example.com");
    response.setHeader("Content-Type", pathname.endsWith(".js") ? "text/javascript" : "text/html");
    const stub = `<script>window.heard = []; window.ringfence = window.ringfence || function () { (ringfence.q = ringfence.q || []).push(arguments) };
      ringfence("number", {}, (number, reason) => heard.push({ number: number && number.e164, reason }))</script>`;
    const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">${stub}${site.snippet}</head>`;
    response.end(pathname === "/.well-known/ringfence.txt" ? site.challenge : pages(pathname, head));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  servers.push(server);
  return Object.assign(site, { origin: `http://localhost:${server.address().port}` });
}

before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const shown = (page) => page.$eval("#number", (element) => element.textContent);
const withNumber = (page) => page.waitForFunction((own) => document.getElementById("number").textContent !== own, OWN);
const aBeat = (page, of = () => true) =>
  page.waitForResponse(async (response) => response.url().endsWith("/t/beat") && of(response.request().postDataJSON(), await response.json()), { timeout: 30_000 });

test("a page that turns hostile loses its number within one beat, and one with a video in full screen keeps it", async () => {
  let turned = false;
  const paragraph = `<p>Ring <a id="number" href="tel:+442079460000">${OWN}</a>.</p>`;
  const turning = await serve((path, head) => (path === "/turned.js" ? TURNED : turned ? LOCK : `${head}<body><h1>Locksmith</h1><p>We open doors.</p>${paragraph}</body></html>`));
  const honest = await serve((_, head) => `${head}<body><h1>Films</h1><video id="film" width="320" height="180" controls></video>
    <button id="whole">Full screen</button>${paragraph}<script>document.getElementById("whole").onclick = () => document.getElementById("film").requestFullscreen()</script></body></html>`);
  const signedIn = await addSite(browser, demo, { name: "Turning", swap: OWN, origin: turning.origin, site: turning, numbers: ["+44 20 7946 0801", "+44 20 7946 0802"] });
  await addSite(browser, demo, { name: "Films", swap: OWN, origin: honest.origin, site: honest, signedIn });

  const film = await newPage(browser);
  await film.goto(`${honest.origin}/`);
  await withNumber(film);
  const kept = await shown(film);
  await film.click("#whole");
  await film.waitForFunction(() => document.fullscreenElement?.id === "film");

  const page = await newPage(browser);
  page.on("dialog", (dialog) => dialog.dismiss());
  await page.goto(`${turning.origin}/`);
  await withNumber(page);
  const number = `+${(await page.$eval("#number", (link) => link.href)).replace(/\D/g, "")}`;
  await aBeat(page, ({ calls }, { expires }) => expires && Object.keys(calls).length === 0);
  await dialInService(demo.sip, number, "+441632960776");

  turned = true;
  const last = aBeat(page, ({ calls }) => calls.lock);
  await page.addScriptTag({ url: "/turned.js" });
  const begun = Date.now();
  const { reason } = await (await last).json();
  await page.waitForFunction((own) => document.getElementById("number").textContent === own, OWN);
  const took = Date.now() - begun;
  assert.equal(reason, "withdrawn");
  // Its pages beat every six seconds, and ask for a number once more when they are refused.
  assert.ok(took < 8_000, `${took} ms`);
  await page.waitForFunction(() => heard.length === 2);
  const [first, then] = await page.evaluate(() => heard);
  assert.deepEqual([first.number, then.number], [number, null]);
  // By the time it asks once more the site may be held.
  assert.match(then.reason, /^with(drawn|held)$/);

  // Before and after the look that this led to, which decides about everybody.
  await assert.rejects(dial(demo.sip, number, "+441632960779"), /404/);
  for (const end = Date.now() + 30_000; !/Turning/.test(demo.run(["case", "list"])); ) assert.ok(Date.now() < end, "expected a case");
  await assert.rejects(dial(demo.sip, number, "+441632960775"), /404/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();

  // Long after, the film runs on with its number, for as many beats as one likes.
  for (let turn = 0; turn < 3; turn++) await aBeat(film, ({ calls }, { expires }) => expires && calls.requestFullscreen === 1);
  assert.equal(await shown(film), kept);
  assert.deepEqual(await film.evaluate(() => [heard.length, document.fullscreenElement?.id]), [1, "film"]);
  assert.deepEqual(film.complaints, []);
  await film.context().close();

  for (const [screen, options] of Object.entries(SCREENS)) {
    const ops = await operator(browser, demo, `sensor-${screen}@example.com`, options);
    await ops.goto(new URL("/cases", demo.dashboard).href);
    assert.equal(await ops.getByRole("link", { name: "Films" }).count(), 0);
    await ops.getByRole("link", { name: "Turning" }).click();
    await ops.waitForURL(/\/cases\/.+/);
    const text = await ops.textContent("main");
    assert.match(text, /scam, seen as/);
    assert.match(text, /In a visitor's browser/);
    assert.match(text, /asked for full screen once, locked the keyboard once, showed a dialog 12 times, set a question before leaving once/);
    await ops.screenshot({ path: join(PICTURES, `case-sensor-${screen}.png`), fullPage: true });
    await narrow(ops, options);
    assert.deepEqual(ops.complaints, []);
    await ops.context().close();
  }
});
