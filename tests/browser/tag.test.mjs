// The tag with the real program behind it: a site of its own, plain pages and a React application, with consent, with an
// activation, without a network, slowly, in two tabs, and back from the back-forward cache.
import assert from "node:assert/strict";
import { createServer, get } from "node:http";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import { build } from "esbuild";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";
import { addSite } from "./site.mjs";

const OWN = "020 7946 0000";
const APPLICATION = `
  import React, { useEffect, useState } from "react";
  import { flushSync } from "react-dom";
  import { createRoot } from "react-dom/client";
  const useRoute = () => {
    const [route, setRoute] = useState(location.pathname);
    useEffect(() => {
      const moved = () => setRoute(location.pathname);
      addEventListener("popstate", moved);
      return () => removeEventListener("popstate", moved);
    }, []);
    return [route, (to) => { history.pushState({}, "", to); flushSync(() => setRoute(to)); }];
  };
  function Link({ to, go, children }) {
    return <a href={to} onClick={(event) => { event.preventDefault(); go(to); }}>{children}</a>;
  }
  function Shop() {
    const [route, go] = useRoute();
    const [waiting, setWaiting] = useState(3);
    const pages = {
      "/app": <p>Ring <b>020</b> 7946 0000: {waiting} before you</p>,
      "/app/prices": <ul><li>From abroad: <a href="tel:+442079460000">+44 (0)20 7946 0000</a></li></ul>,
    };
    return <main><nav><Link to="/app" go={go}>Home</Link> <Link to="/app/prices" go={go}>Prices</Link> <button onClick={() => flushSync(() => setWaiting(waiting - 1))}>Wait</button></nav>{pages[route]}</main>;
  }
  createRoot(document.getElementById("root")).render(<Shop />);`;

let demo, browser, server, origin, application, signedIn;
const site = { challenge: "", snippet: "" };
/** What the pages of the site carry beside the tag. */
let attributes = "";

const tag = () => site.snippet.replace(" data-site", ` ${attributes} data-site`);
// A page that calls for a number is given one whether it is activated or not, so one that tries that is told by its callback.
const stub = () => `<script>window.heard = []; window.told = (number, reason) => heard.push({ number, reason });
  window.ringfence = window.ringfence || function () { (ringfence.q = ringfence.q || []).push(arguments) };
  ${/callback/.test(attributes) ? "" : `ringfence("number", {}, told)`}</script>`;
const html = (body) => `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>Plumbers</title><link rel="icon" href="data:,">${stub()}${tag()}</head><body>${body}</body></html>`;
const plain = () =>
  html(`<header style="display:flex;justify-content:space-between;font:16px sans-serif"><b>Harbour Lane Plumbing</b><a id="link" href="tel:02079460000">${OWN}</a></header>
  <main style="font:17px/1.5 serif;max-width:40em"><h1>Plumbers</h1><p>When it drips at night, ring <b id="number">${OWN}</b> and somebody who knows pipes answers, within the hour, with the part in the van.</p><p>${"Serviced and repaired. ".repeat(40)}</p></main>
  <footer id="foot">(020) 7946-0000</footer><script type="application/ld+json">{"telephone":"+44 20 7946 0000"}</script>`);

/** As the documentation of Retreaver's script has it, with nothing changed but the host that the script comes from. */
const AS_WRITTEN = `<!doctype html><html lang="en-GB"><head><meta charset="utf-8"><title>Plumbers</title><link rel="icon" href="data:,"><script>
  (function () {
    var script = document.createElement("script");
    script.async = true;
    script.src = document.location.protocol + "//dist.vendor.test/jsapi/v1/retreaver.min.js";
    script.onload = function () {
      Retreaver.configure({ host: "api.vendor.test", prefix: document.location.protocol == "https:" ? "https" : "http" });
      window.campaign = new Retreaver.Campaign({ campaign_key: "0f3a9c51" });
      campaign.request_number({ trade: "plumber" }, function (number) { window.lent = number; document.getElementById("mine").textContent = number.get("formatted_number"); }, function (error) { window.failed = error; });
    };
    document.head.appendChild(script);
  })();</script></head><body><p>Ring <b id="number">${OWN}</b> or <b id="mine"></b></p></body></html>`;
const written = () => AS_WRITTEN.replace("dist.vendor.test", new URL(demo.dashboard).host);

before(async () => {
  mkdirSync(join(ROOT, "target/screenshots"), { recursive: true });
  const built = await build({ stdin: { resolveDir: import.meta.dirname, contents: APPLICATION, loader: "jsx" }, bundle: true, write: false, define: { "process.env.NODE_ENV": '"production"' } });
  application = built.outputFiles[0].text;
  demo = await new Demo().start();
  browser = await launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const [type, text] =
      pathname === "/.well-known/ringfence.txt" ? ["text/plain", site.challenge]
      : pathname === "/app.js" ? ["text/javascript", application]
      : pathname === "/written" ? ["text/html", written()]
      : pathname.startsWith("/app") ? ["text/html", html(`<div id="root"></div><script src="/app.js"></script>`)]
      : ["text/html", plain()];
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(text);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  origin = `http://localhost:${server.address().port}`;
  // The demo's own visitors may hold all of its numbers, and a visit that has the overflow number gets another as soon as one is free.
  const more = Array.from({ length: 50 }, (_, index) => `+4420794605${String(index).padStart(2, "0")},Web visitors,Ring the plumbers`);
  const file = join(ROOT, "target/tag-test-numbers.csv");
  writeFileSync(file, ["e164,pool,plan", ...more, ""].join("\n"));
  demo.run(["number", "import", file, "--account", "Harbour Lane Plumbing"]);
  signedIn = await addSite(browser, demo, { name: "Copper Street", swap: OWN, origin, site });
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});
beforeEach(() => (attributes = ""));

const close = (page) => page.context().close();
const answered = (page) => page.waitForFunction(() => window.heard?.length).then(() => page.evaluate(() => heard[0]));
const shown = (page) => page.textContent("#number");
const own = { timezoneId: "Europe/London" };
/** The number requests that a page sends. */
const requests = (page) => {
  const all = [];
  page.on("request", (request) => new URL(request.url()).pathname.startsWith("/t/") && all.push(new URL(request.url()).pathname));
  return all;
};

/** Opens a page and waits for a number of the page's own country: the demo's pool has others too, and few of them. */
async function visit(path, prepare = () => {}) {
  for (let turn = 0; turn < 12; turn++) {
    const page = await newPage(browser, own);
    await prepare(page);
    await page.goto(origin + path);
    const { number } = await answered(page);
    if (number?.e164.startsWith("+4420")) return { page, number };
    await close(page);
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
  throw new Error("expected a London number of the visit's own, got others twelve times");
}

test("the script is served within five kilobytes, token included, and is the same text in each coding", async () => {
  const fetched = (coding) =>
    new Promise((resolve, reject) =>
      get(new URL("/tag.js", demo.dashboard), { headers: { "accept-encoding": coding, referer: `${origin}/`, "user-agent": "x" } }, (response) => {
        const parts = [];
        response.on("data", (part) => parts.push(part));
        response.on("end", () => resolve({ coding: response.headers["content-encoding"], octets: Buffer.concat(parts) }));
      }).on("error", reject),
    );
  const [small, whole] = await Promise.all([fetched("gzip, br"), fetched("identity")]);
  assert.deepEqual([small.coding, whole.coding], ["br", undefined]);
  assert.ok(small.octets.length < 5120, `${small.octets.length} octets`);
  const withoutToken = (text) => text.replace(/"[\w-]{60,}"/, '""');
  assert.equal(withoutToken(brotliDecompressSync(small.octets).toString()), withoutToken(whole.octets.toString()));
});

test("a plain page shows its number in each place and format, and nothing on it moves", async () => {
  const { page, number } = await visit("/", (page) =>
    page.addInitScript(() => {
      window.shifts = [];
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => shifts.push(value))).observe({ type: "layout-shift", buffered: true });
    }),
  );
  const last = number.e164.slice(-4);
  assert.equal(await shown(page), `020 7946 ${last}`);
  assert.equal(await page.getAttribute("#link", "href"), `tel:0207946${last}`);
  assert.equal(await page.textContent("#foot"), `(020) 7946-${last}`);
  assert.match(await page.textContent("script[type='application/ld+json']"), /7946 0000/);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.deepEqual(await page.evaluate(() => shifts), []);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a React application shows the number on every route and after every edit, with one request", async () => {
  const sent = [];
  const { page, number } = await visit("/app", (page) => {
    sent.length = 0;
    page.on("request", (request) => request.url().endsWith("/t/number") && sent.push(request.url()));
  });
  const last = number.e164.slice(-4);
  const text = () => page.textContent("main > :last-child");
  await page.waitForFunction((last) => document.querySelector("main p")?.textContent.includes(last), last);
  assert.equal(await text(), `Ring 020 7946 ${last}: 3 before you`);
  await page.getByRole("button", { name: "Wait" }).click();
  assert.equal(await text(), `Ring 020 7946 ${last}: 2 before you`);
  await page.getByRole("link", { name: "Prices" }).click();
  assert.equal(await text(), `From abroad: +44 (0)20 7946 ${last}`);
  assert.equal(await page.getAttribute("li a", "href"), `tel:+44207946${last}`);
  await page.goBack();
  await page.waitForFunction(() => location.pathname === "/app" && document.querySelector("main p"));
  assert.equal(await text(), `Ring 020 7946 ${last}: 2 before you`);
  assert.equal(sent.length, 1);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("without consent nothing is asked and nothing stored; with it both, and taken back neither", async () => {
  attributes = `data-consent="wait"`;
  const page = await newPage(browser, own);
  const sent = requests(page);
  const stored = () => page.evaluate(() => Object.keys(localStorage).length + Object.keys(sessionStorage).length + document.cookie.length);
  await page.goto(`${origin}/`, { waitUntil: "load" });
  await page.waitForFunction(() => window.ringfence?.tags);
  assert.deepEqual([sent, await stored(), await shown(page)], [[], 0, OWN]);
  await page.evaluate(() => ringfence("consent", true));
  const { number } = await answered(page);
  assert.ok(number, "a number with consent");
  assert.notEqual(await shown(page), OWN);
  const released = page.waitForResponse((response) => response.url().endsWith("/t/event"));
  await page.evaluate(() => ringfence("consent", false));
  assert.equal((await released).status(), 204);
  assert.deepEqual([await stored(), await shown(page)], [0, OWN]);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a page that is activated by its address asks only then, and later pages of the tab go on", async () => {
  attributes = `data-activate="url:rf" data-callback="told"`;
  const page = await newPage(browser, own);
  const sent = requests(page);
  await page.goto(`${origin}/`);
  assert.deepEqual(await answered(page), { number: null, reason: "not_activated" });
  assert.deepEqual([sent, await shown(page)], [[], OWN]);
  await page.goto(`${origin}/?rf=summer`);
  const { number } = await answered(page);
  await page.goto(`${origin}/next`);
  assert.equal((await answered(page)).number?.e164, number.e164);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

for (const [name, how] of [["refused", "connectionrefused"], ["not found by its name", "namenotresolved"], ["aborted", "aborted"]]) {
  test(`a server that is ${name} leaves the page's own number, and no error but the browser's own line`, async () => {
    const page = await newPage(browser, own);
    await page.route("**/t/**", (route) => route.abort(how));
    await page.goto(`${origin}/`);
    assert.deepEqual(await answered(page), { number: null, reason: "network" });
    assert.equal(await shown(page), OWN);
    assert.deepEqual(page.complaints.filter((text) => !/Failed to load resource/.test(text)), []);
    await close(page);
  });
}

test("a server that answers after ten seconds, or never, leaves the page's own number without an error", async () => {
  const page = await newPage(browser, own);
  await page.clock.install();
  let late;
  await page.route("**/t/number", (route) => (late = route));
  await page.goto(`${origin}/`);
  for (let turn = 0; turn < 200 && !late; turn++) await page.clock.runFor(20);
  await page.clock.runFor(9_000);
  assert.equal(await page.evaluate(() => heard.length), 0);
  await page.clock.runFor(1_100);
  assert.deepEqual(await answered(page), { number: null, reason: "timeout" });
  await late.continue().catch(() => {});
  await page.clock.runFor(1_000);
  assert.equal(await shown(page), OWN);
  assert.deepEqual(page.complaints.filter((text) => !/Failed to load resource/.test(text)), []);
  await close(page);
});

test("a page that is tested tells the dashboard which numbers stand on it, and what it tells of a visit is kept", async () => {
  const dashboard = await newPage(browser, { ...own, storageState: signedIn });
  const section = dashboard.locator("section.site", { hasText: "Copper Street" });
  const look = async (path) => {
    const { host } = new URL(origin);
    for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
      await dashboard.goto(new URL("/sites", demo.dashboard).href);
      const rows = await section.locator("tbody tr", { hasText: `${host}${path}` }).allTextContents();
      if (rows.length) return rows.join("\n");
      assert.ok(Date.now() < end, `expected ${host}${path} to be listed`);
    }
  };
  await dashboard.goto(new URL("/sites", demo.dashboard).href);
  const link = await section.getByRole("link", { name: /^Test / }).first().getAttribute("href");
  assert.equal(link, `${origin}/?rf-test=1`);
  const page = await newPage(browser, own);
  await page.goto(`${link}&tested`);
  const { number } = await answered(page);
  assert.ok(number);
  const event = page.waitForResponse((response) => response.url().endsWith("/t/event"));
  await page.evaluate(() => ringfence("event", "quote", { amount: 95 }));
  assert.equal((await event).status(), 204);
  assert.match(await look("/"), /1 of 1 found/);
  // On this page the number does not stand.
  await page.goto(`${origin}/app/prices?rf-test=1`);
  await answered(page);
  await page.evaluate(() => document.querySelectorAll("main li").forEach((one) => one.remove()));
  const text = await look("/app/prices");
  assert.match(text, /0 of 1 found/);
  assert.match(text, /Not on the page: \+44 20 7946 0000/);
  assert.deepEqual(page.complaints, []);
  assert.deepEqual(dashboard.complaints, []);
  await dashboard.screenshot({ path: join(ROOT, "target/screenshots/sites-tested.png"), fullPage: true });
  await close(page);
  await close(dashboard);
});

test("two tabs of one visitor show one number, of one lease", async () => {
  const { page, number } = await visit("/");
  const tab = await newPage(browser, { context: page.context() });
  await tab.goto(`${origin}/next`);
  const second = (await answered(tab)).number;
  assert.deepEqual([second.e164, second.lease], [number.e164, number.lease]);
  assert.equal(await shown(tab), await shown(page));
  await close(page);
});

test("a page that comes back from the back-forward cache asks again when its lease has ended meanwhile", async () => {
  const { page, number } = await visit("/", (page) => page.addInitScript(() => addEventListener("pageshow", ({ persisted }) => (window.persisted = persisted))));
  await page.goto(`${origin}/next`);
  assert.equal((await answered(page)).number?.lease, number.lease);
  // The next page gives the number back.
  const released = page.waitForResponse((response) => response.url().endsWith("/t/event"));
  await page.evaluate(() => ringfence("release"));
  assert.equal((await released).status(), 204);
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => window.persisted !== undefined);
  const kept = await page.evaluate(() => [window.persisted, JSON.stringify(performance.getEntriesByType("navigation")[0].notRestoredReasons)]);
  assert.equal(kept[0], true, `the browser kept the page: ${kept[1]}`);
  const renewed = await page.waitForResponse((response) => response.url().endsWith("/t/number"), { timeout: 30_000 });
  const { number: fresh } = await renewed.json();
  assert.notEqual(fresh.lease, number.lease);
  await page.waitForFunction((last) => document.getElementById("number").textContent.endsWith(last), fresh.e164.slice(-4));
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a page that was written for Retreaver shows a number once its key is entered and its script's host is changed", async () => {
  const over = (page) => page.waitForFunction(() => window.lent || window.failed);
  const early = await newPage(browser, own);
  await early.goto(`${origin}/written`);
  await over(early);
  assert.match(await early.evaluate(() => failed), /^unknown_campaign_key: .*Moving from Retreaver/);
  assert.equal(await shown(early), OWN);
  await close(early);

  const dashboard = await newPage(browser, { ...own, storageState: signedIn });
  await dashboard.goto(new URL("/sites", demo.dashboard).href);
  const moving = dashboard.locator("section.site", { hasText: "Copper Street" }).locator("details", { hasText: "Moving from Retreaver" });
  await moving.locator("summary").click();
  assert.match(await moving.locator("code").first().textContent(), /\/jsapi\/v1\/retreaver\.min\.js$/);
  await moving.locator("input[name=campaign_key]").fill("0f3a9c51");
  await moving.locator("input[name=campaign]").fill("Spring");
  await moving.getByRole("button", { name: "Add campaign key" }).click();
  await dashboard.waitForURL(/done=key/);
  for (const [name, options] of [["light", {}], ["dark", { colorScheme: "dark" }]]) {
    await dashboard.emulateMedia(options);
    await dashboard.screenshot({ path: join(ROOT, `target/screenshots/moving-${name}.png`), fullPage: true });
  }
  await dashboard.setViewportSize({ width: 360, height: 740 });
  assert.equal(await dashboard.evaluate(() => document.documentElement.scrollWidth), 360);
  await dashboard.screenshot({ path: join(ROOT, "target/screenshots/moving-narrow.png"), fullPage: true });
  assert.deepEqual(dashboard.complaints, []);

  const page = await newPage(browser, own);
  const asked = page.waitForRequest((request) => new URL(request.url()).pathname === "/api/v1/numbers");
  await page.goto(`${origin}/written`);
  await over(page);
  const number = await page.evaluate(() => lent?.attributes ?? failed);
  assert.match(number.number ?? number, /^\+\d{8,15}$/);
  assert.deepEqual(number.tag_values, { trade: "plumber" });
  assert.equal(await page.textContent("#mine"), number.formatted_number);
  await page.waitForFunction((last) => document.getElementById("number").textContent.endsWith(last), number.number.slice(-4));

  // What the browser sent does not bring another number: its token is spent, and the host of the page cannot be left out.
  const request = await asked;
  const again = (headers) => fetch(request.url(), { method: "POST", body: request.postData(), headers: { "user-agent": "x", ...headers } }).then((answer) => answer.json());
  assert.deepEqual([(await again({ origin })).number, (await again({})).number], [null, null]);

  const reason = await page.evaluate(() => new Promise((heard) => lent.initiate_call("+442079460999", {}, () => heard("rung"), heard)));
  assert.match(reason, /^call_back_refused: /);
  const released = page.waitForResponse((response) => response.url().endsWith("/t/event") && response.request().postData().includes("release"));
  await page.evaluate(() => lent.release());
  assert.equal((await released).status(), 204);
  assert.equal(await shown(page), OWN);
  assert.deepEqual(page.complaints, []);
  await close(page);

  await dashboard.goto(new URL("/sites", demo.dashboard).href);
  await moving.getByRole("button", { name: "Remove 0f3a9c51" }).click();
  await dashboard.waitForURL(/done=key-removed/);
  await close(dashboard);
});
