// Pages that are applications: React edits its texts in place and changes the URL without a load; browsers keep whole
// pages and bring them back.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { answered, settled, World } from "./world.mjs";

let world, react;
before(async () => {
  world = await new World().start();
  const built = await build({
    stdin: { resolveDir: import.meta.dirname, contents: APPLICATION, loader: "jsx" },
    bundle: true,
    write: false,
    define: { "process.env.NODE_ENV": '"production"' },
  });
  react = built.outputFiles[0].text;
});
after(() => world.stop());
beforeEach(() => world.fresh());

const close = (page) => page.context().close();
// A router in the manner of its kind: links push, the back button pops, and the text is edited where it stands.
const APPLICATION = `
  import React, { useEffect, useState } from "react";
  import { createRoot } from "react-dom/client";
  import { flushSync } from "react-dom";
  function Shop() {
    const [place, setPlace] = useState(location.pathname);
    const [words, setWords] = useState("Ring");
    useEffect(() => {
      const moved = () => setPlace(location.pathname);
      addEventListener("popstate", moved);
      return () => removeEventListener("popstate", moved);
    });
    window.go = (url) => { history.pushState({}, "", url); flushSync(() => setPlace(location.pathname)); };
    window.say = (text) => flushSync(() => setWords(text));
    return <main><h1>{place}</h1><p>{words} {place === "/offer" ? "(020) 7946-0000" : "020 7946 0000"} today</p><a href={"tel:" + (place === "/offer" ? "+442079460000" : "02079460000")}>x</a></main>;
  }
  createRoot(document.getElementById("root")).render(<Shop />);`;
const shop = (head) => {
  world.site.pages.set("/app.js", react);
  world.site.pages.set("/", world.html(`<div id="root"></div><script src="/app.js"></script>`, { head, ask: false }));
};
const seen = (page) => page.evaluate(() => [document.querySelector("p").textContent, document.querySelector("a").getAttribute("href")]);

test("a React page shows the number on every route, swapped before it is painted, with no request more", async () => {
  shop(world.tag());
  const page = await world.open();
  await page.waitForFunction(() => document.querySelector("p")?.textContent.includes("0123"));
  assert.deepEqual(await seen(page), ["Ring 020 7946 0123 today", "tel:02079460123"]);
  const now = await page.evaluate(async () => {
    const painted = [];
    const after = async (act) => {
      act();
      // Microtasks run before the browser paints; timers and frames do not.
      await Promise.resolve();
      painted.push([document.querySelector("p").textContent, document.querySelector("a").getAttribute("href")]);
    };
    await after(() => go("/offer"));
    await after(() => say("Call"));
    await after(() => go("/home"));
    return painted;
  });
  assert.deepEqual(now, [
    ["Ring (020) 7946-0123 today", "tel:+442079460123"],
    ["Call (020) 7946-0123 today", "tel:+442079460123"],
    ["Call 020 7946 0123 today", "tel:02079460123"],
  ]);
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "/offer");
  assert.deepEqual((await seen(page))[0], "Call (020) 7946-0123 today");
  assert.equal(world.ringfence.sent("/t/number").length, 1);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

for (const patched of [false, true]) {
  test(`a route that carries the parameter activates the page${patched ? ", in browsers without the Navigation API too" : ""}`, async () => {
    shop(world.tag(`data-activate="url:rf"`));
    const page = await world.open("/", { prepare: (page) => patched && page.addInitScript(() => Reflect.deleteProperty(window, "navigation")) });
    await page.waitForLoadState("load");
    await settled(page);
    await page.evaluate(() => go("/offer?other=1"));
    await settled(page);
    assert.deepEqual(world.ringfence.log, []);
    await page.evaluate(() => go("/offer?rf=summer"));
    await page.waitForFunction(() => document.querySelector("p").textContent.includes("0123"));
    await page.evaluate(() => go("/home?rf=summer"));
    await page.evaluate(() => go("/home"));
    await settled(page);
    assert.deepEqual(world.ringfence.sent("/t/number").map(({ campaign }) => campaign), ["summer"]);
    assert.equal((await seen(page))[0], "Ring 020 7946 0123 today");
    await page.evaluate(() => go("/home?rf=winter"));
    await page.waitForFunction(() => performance.getEntriesByName(document.querySelector("script[src*='/tag.js']").src.replace("tag.js", "t/number")).length === 2);
    assert.deepEqual(world.ringfence.sent("/t/number").map(({ campaign }) => campaign), ["summer", "winter"]);
    assert.deepEqual(page.complaints, []);
    await close(page);
  });
}

test("a route that names another campaign shows that campaign's number in the place of the first one's", async () => {
  shop(world.tag(`data-activate="url:rf"`));
  const page = await world.open("/?rf=summer");
  await page.waitForFunction(() => document.querySelector("p")?.textContent.includes("0123"));
  world.ringfence.number = { e164: "+442079460177", national: "020 7946 0177", international: "+44 20 7946 0177" };
  await page.evaluate(() => go("/offer?rf=winter"));
  await page.waitForFunction(() => document.querySelector("p").textContent.includes("0177"));
  assert.deepEqual(await seen(page), ["Ring (020) 7946-0177 today", "tel:+442079460177"]);
  await close(page);
});

for (const held of [true, false]) {
  test(`a page that its server wrote and React takes over ${held ? "is swapped after that, and React complains of nothing" : "is swapped at once unless the tag is told to wait"}`, async () => {
    const contents = `import { hydrateRoot } from "react-dom/client"; import React from "react"; function Shop() { return <p>Ring 020 7946 0000 today</p> } hydrateRoot(document.getElementById("root"), <Shop />);`;
    const client = await build({ stdin: { resolveDir: import.meta.dirname, contents, loader: "jsx" }, bundle: true, write: false, define: { "process.env.NODE_ENV": '"production"' } });
    const written = renderToString(createElement("p", null, "Ring 020 7946 0000 today"));
    world.site.pages.set("/app.js", client.outputFiles[0].text);
    world.site.pages.set("/", world.html(`<div id="root">${written}</div><script async src="/app.js"></script>`, { head: world.tag(held ? `data-swap-after="load"` : "") }));
    let take;
    const taken = new Promise((resolve) => (take = resolve));
    const page = await world.open("/", {
      prepare: (page) =>
        page.route("**/app.js", async (route) => {
          // The number comes first: the script that takes over is slow.
          await page.waitForFunction(() => window.answers.length);
          await page.evaluate(() => (window.before = document.querySelector("p").textContent));
          await route.continue();
          take();
        }),
    });
    await taken;
    await page.waitForFunction(() => Object.keys(document.getElementById("root")).some((key) => key.startsWith("__reactContainer")));
    await page.waitForFunction(() => document.querySelector("p").textContent === "Ring 020 7946 0123 today");
    assert.equal(await page.evaluate(() => window.before), `Ring 020 7946 ${held ? "0000" : "0123"} today`);
    if (held) assert.deepEqual(page.complaints, []);
    await close(page);
  });
}

test("a page that comes back from the back-forward cache gives a sign of life, and asks again when its number is gone", async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
  try {
    world.ringfence.beat = 1;
    world.site.pages.set("/", world.html("<p>020 7946 0000</p><script>addEventListener('pageshow', (event) => (window.kept = event.persisted))</script>"));
    world.site.pages.set("/next", "<!doctype html><p>elsewhere</p>");
    const context = await browser.newContext();
    const page = await world.open("/", { context });
    await answered(page);
    await page.goto(`${world.site.origin}/next`);
    world.ringfence.beaten = () => ({ reason: "lease_expired" });
    world.ringfence.number = { e164: "+442079460199", national: "020 7946 0199", international: "+44 20 7946 0199" };
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await page.goBack({ waitUntil: "commit" });
    await page.waitForFunction(() => document.querySelector("p").textContent === "020 7946 0199");
    assert.equal(await page.evaluate(() => window.kept), true, "the browser kept the page");
    assert.equal(world.ringfence.sent("/t/number").length >= 2, true);
    assert.deepEqual(page.complaints, []);
  } finally {
    await browser.close();
  }
});

test("a page that comes back after consent was taken back elsewhere shows its own number, and stores nothing", async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    ignoreDefaultArgs: ["--disable-back-forward-cache"],
  });
  try {
    world.ringfence.beat = 1;
    const body = "<p>020 7946 0000</p><script>addEventListener('pageshow', (event) => (window.kept = event.persisted))</script>";
    const head = world.tag(`data-consent="wait"`);
    world.site.pages.set("/", world.html(body, { head }));
    world.site.pages.set("/next", world.html(body, { head }));
    const page = await world.open("/", { context: await browser.newContext() });
    await page.evaluate(() => ringfence("consent", true));
    await answered(page);
    assert.equal(await page.textContent("p"), "020 7946 0123");
    await page.goto(`${world.site.origin}/next`);
    await page.waitForFunction(() => window.ringfence?.tags);
    await page.evaluate(() => ringfence("consent", false));
    await settled(page);
    await page.goBack({ waitUntil: "commit" });
    await page.waitForFunction(() => document.querySelector("p").textContent === "020 7946 0000");
    assert.equal(await page.evaluate(() => window.kept), true, "the browser kept the page");
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
    assert.equal(world.ringfence.sent("/t/number").length, 1);
  } finally {
    await browser.close();
  }
});

test("two tabs share one visit", async () => {
  const page = await world.show("<p>020 7946 0000</p>");
  const tab = await world.open("/", { context: page.context() });
  await answered(tab);
  assert.equal(await tab.textContent("p"), "020 7946 0123");
  assert.deepEqual(world.ringfence.sent("/t/number").map(({ visit }) => visit), [undefined, "visit-1"]);
  await close(page);
});
