// Every page of the dashboard in both themes and on a phone: it opens, complains of nothing, is no wider than the
// screen, and leaves its picture in target/screenshots/.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { obstacles } from "./axe.mjs";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const SCREENS = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 860 } },
  phone: { colorScheme: "light", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  "phone-dark": { colorScheme: "dark", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
};

let demo, browser, state;
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
  const page = await newPage(browser);
  await page.goto(demo.signIn);
  state = await page.context().storageState();
  // Pages with something on them: wait for a call that was answered and one that was not.
  for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 500))) {
    await page.goto(new URL("/calls", demo.dashboard).href);
    const rows = (await page.locator("tbody tr").allTextContents()).join("\n");
    if (/answered/i.test(rows) && rows.split("\n").length > 5) break;
    assert.ok(Date.now() < end, `expected calls on the dashboard within a minute, got: ${rows}`);
  }
  await page.context().close();
});
after(async () => {
  await browser?.close();
  await demo?.stop();
});

/** A place without what names one thing of its kind: /calls/{id}/erase is one page, however many calls there are. */
const kindOf = (place) => place.replace(/\/[^/]*\d[^/]*/g, "/*");
const nameOf = (place) => (place === "/" ? "overview" : place.slice(1).replace(/[?]edit=.*/, "-edit").replace(/s\/[^/]*\d[^/]*/g, "").replace(/\?.*/, "-split").replaceAll("/", "-"));
/** Files and streams, which are no pages. */
const NO_PAGE = /\.(csv|wav|json|js)$|\/events$|^\/sign-out$/;

/** Every page that links lead to from the overview, one of each kind; of calls one that was answered. */
async function places(page) {
  await page.goto(new URL("/calls", demo.dashboard).href);
  const call = await page.locator("tbody tr", { hasText: /answered/i }).first().getByRole("link").first().getAttribute("href");
  await page.goto(new URL("/cases", demo.dashboard).href);
  const held = await page.locator("tbody tr", { hasText: "Lantern Street Support" }).first().getByRole("link").first().getAttribute("href");
  const found = new Map([call, `${call}/transfer`, held, "/reports?by=weekday&and=hour", "/"].map((place) => [kindOf(place), place]));
  for (const place of found.values()) {
    await page.goto(new URL(place, demo.dashboard).href, { waitUntil: "load" });
    for (const href of await page.$$eval("a[href]", (links) => links.map((link) => new URL(link.getAttribute("href"), document.baseURI).href))) {
      const { origin, pathname } = new URL(href);
      if (origin === new URL(demo.dashboard).origin && !NO_PAGE.test(pathname) && !found.has(kindOf(pathname))) found.set(kindOf(pathname), pathname);
    }
  }
  // What is asked for after the path is left out above: the form of a group with its members is wider than an empty one.
  await page.goto(new URL("/groups", demo.dashboard).href);
  const group = await page.getByRole("link", { name: /^Edit/ }).first().getAttribute("href");
  return [...found.values(), group.split("#")[0]];
}

/** Fonts are there, scripts have had a frame to draw in. */
const drawn = (page) => page.evaluate(() => document.fonts.ready.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))));

/** What sticks out of its panel. */
const outOfPanel = (page, place) =>
  page.evaluate((place) => {
    const out = [...document.querySelectorAll(".panel.padded *")].filter((one) => {
      if (one.matches(".sr, .sr *")) return false;
      return one.getBoundingClientRect().right > one.closest(".panel").getBoundingClientRect().right + 0.5;
    });
    return out.slice(0, 4).map((one) => `${place}: ${one.outerHTML.slice(0, 80)}`);
  }, place);

/** What sticks out of the screen, when the page is wider than it. A phone's `innerWidth` grows with the page, so it is no measure. */
const tooWide = (page, place, { viewport: { width } }) =>
  page.evaluate(
    ({ place, width }) => {
      const { scrollWidth } = document.documentElement;
      if (scrollWidth <= width) return [];
      const out = [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > width);
      return [`${place} is ${scrollWidth} px wide on a screen of ${width} px: ${out.slice(0, 4).map((one) => one.outerHTML.slice(0, 80)).join(" | ")}`];
    },
    { place, width },
  );

for (const [screen, options] of Object.entries(SCREENS)) {
  test(`every page is whole: ${screen}`, async () => {
    const page = await newPage(browser, { ...options, reducedMotion: "reduce", storageState: state });
    const all = await places(page);
    assert.ok(all.length >= 16, `expected overview, live, calls, a call, numbers, pools, plans, groups, a group, targets, trunks, sites, cases, a case, people, the audit log and you, got ${all}`);
    const wide = [];
    const obstructed = [];
    for (const place of all) {
      // The live page keeps a connection open: "load" is all that can be waited for.
      const response = await page.goto(new URL(place, demo.dashboard).href, { waitUntil: "load" });
      assert.equal(response.status(), 200, place);
      await drawn(page);
      wide.push(...(await tooWide(page, place, options)));
      if (/^\/(groups|trunks)/.test(place)) wide.push(...(await outOfPanel(page, place)));
      obstructed.push(...(await obstacles(page, place)));
      await page.screenshot({ path: join(PICTURES, `${nameOf(place)}-${screen}.png`), fullPage: true });
    }
    assert.deepEqual(wide, []);
    assert.deepEqual(obstructed, []);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}

test("members of a group are taken in, moved and saved without a script", async () => {
  const page = await newPage(browser, { storageState: state, javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
  await page.goto(new URL("/groups", demo.dashboard).href);
  await page.fill("#name", "By hand");
  for (const tick of await page.locator(".ticks input").all()) await tick.check();
  await page.getByRole("button", { name: "Take in those that are ticked" }).click();
  const names = () => page.locator(".members li b").allTextContents();
  const before = await names();
  assert.ok(before.length >= 2, `expected the demo's targets, got ${before}`);
  await page.locator("button[value=down-0]").click();
  assert.deepEqual((await names()).slice(0, 2), [before[1], before[0]]);
  assert.equal(await page.inputValue("#name"), "By hand");
  await page.getByRole("button", { name: "Add group" }).click();
  assert.match(page.url(), /groups\?done=saved#group-/);
  assert.ok((await page.locator(".person", { hasText: "By hand" }).textContent()).includes(`${before[1]}, ${before[0]}`));
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the way in is whole in both themes, and wrong words are answered beside the form", async () => {
  for (const screen of ["light", "dark", "phone"]) {
    const page = await newPage(browser, SCREENS[screen]);
    await page.goto(demo.dashboard);
    assert.match(page.url(), /sign-in/, "the dashboard is for those who signed in");
    await page.screenshot({ path: join(PICTURES, `sign-in-${screen}.png`) });
    await page.fill("input[type=email]", demo.email);
    await page.fill("input[type=password]", "not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForLoadState();
    assert.match(page.url(), /sign-in/);
    assert.ok((await page.locator("[role=alert]").count()) > 0, "it says what is wrong");
    assert.deepEqual(await obstacles(page, "/sign-in"), []);
    assert.equal(await page.inputValue("input[type=email]"), demo.email, "the address is kept");
    await page.context().close();
  }
});

test("the password that the demo prints opens the dashboard", async () => {
  const page = await newPage(browser);
  await page.goto(demo.dashboard);
  await page.fill("input[type=email]", demo.email);
  await page.fill("input[type=password]", demo.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !/sign-in/.test(url.href));
  assert.equal(await page.locator("nav a[aria-current=page]").count(), 1);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the theme that is chosen stays, and who signs out is out", async () => {
  const page = await newPage(browser, { colorScheme: "light" });
  await page.goto(demo.dashboard);
  await page.fill("input[type=email]", demo.email);
  await page.fill("input[type=password]", demo.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !/sign-in/.test(url.href));
  await page.getByRole("button", { name: "Theme" }).first().click();
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await page.goto(new URL("/numbers", demo.dashboard).href);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await page.waitForURL(/sign-in/);
  await page.goto(new URL("/calls", demo.dashboard).href);
  assert.match(page.url(), /sign-in/);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("a call that begins while one looks appears on the live page and leaves it", async () => {
  const page = await newPage(browser, { storageState: state });
  await page.goto(new URL("/live", demo.dashboard).href);
  // The demo's own callers ring all the time.
  const first = await page.waitForSelector("tr[id^=call-]", { timeout: 60_000 });
  const id = await first.getAttribute("id");
  await page.waitForFunction((id) => !document.getElementById(id), id, { timeout: 60_000 });
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("the landing page is whole in both themes and on a phone", async () => {
  for (const [screen, options] of Object.entries(SCREENS)) {
    const page = await newPage(browser, options);
    for (const path of ["", "boilers.html"]) {
      await page.goto(demo.site + path);
      await page.waitForLoadState("load");
      assert.deepEqual(await tooWide(page, path, options), []);
      await page.screenshot({ path: join(PICTURES, `landing${path && "-boilers"}-${screen}.png`), fullPage: true });
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  }
});
