// A visit becomes a call: Chromium reads the number that the tag shows, SIPp dials it, and the dashboard in the same
// browser shows that call with that visit's source.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, newPage } from "./browser.mjs";
import { dial } from "./dial.mjs";
import { Demo } from "./program.mjs";

/** The site's own number, and the one that everybody is shown when all others are taken (the demo's seed). */
const OWN = "02079460000";
const OVERFLOW = "12125550143";

let demo, browser;
before(async () => {
  demo = await new Demo().start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const digits = (text) => text.replace(/\D/g, "");
const shown = (page) => page.$eval("#number", (element) => element.textContent);

/** Opens the site and waits for a number of the visit's own. */
async function visit(query, options) {
  for (let turn = 0; turn < 8; turn++) {
    const page = await newPage(browser, options);
    await page.goto(demo.site + query);
    await page.waitForFunction(() => !document.getElementById("lease").textContent.startsWith("Asking"));
    if (!digits(await shown(page)).endsWith(OVERFLOW)) return page;
    // The demo's own visitors hold all numbers for the moment.
    await page.context().close();
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
  throw new Error("expected a number of the visit's own, got the overflow number eight times");
}

test("a number read from the page, dialled, is a call on the dashboard with the visit's source", async () => {
  const page = await visit("?utm_source=leaflet&utm_medium=print&utm_campaign=harbour-streets");
  const number = digits(await page.$eval("#call", (link) => link.getAttribute("href")));
  const text = digits(await shown(page));
  assert.notEqual(text, OWN);
  assert.ok(number.endsWith(text.replace(/^0/, "")), `the text ${text} and the link ${number} agree`);
  assert.deepEqual(page.complaints, []);

  await dial(demo.sip, `+${number}`, "+441632960777");

  // In another tab of the same browser.
  const dashboard = await newPage(browser, { context: page.context() });
  await dashboard.goto(demo.signIn);
  const row = dashboard.locator("tr", { hasText: "01632 960777" });
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
    await dashboard.goto(new URL("/calls?q=01632960777", demo.dashboard).href);
    if (/answered/i.test((await row.allTextContents()).join())) break;
    assert.ok(Date.now() < end, `expected the call to be listed as answered, got: ${await row.allTextContents()}`);
  }
  assert.equal(await row.count(), 1);
  assert.match(await row.textContent(), /leaflet/i);
  await row.getByRole("link").first().click();
  await dashboard.waitForLoadState();
  const call = await dashboard.textContent("main");
  assert.match(call, /leaflet/i, "its source");
  assert.match(call, /harbour-streets/, "its campaign");
  assert.ok(digits(call).includes(digits(text)) || digits(call).includes(number), "the number that was dialled");
  assert.match(call, /utm_source=leaflet/, "its landing page");
  assert.equal(await dashboard.locator("audio").count(), 1, "its recording");
  assert.deepEqual(dashboard.complaints, []);
  await page.context().close();
});

test("each place on the page shows the number in its own format, and what is marked stays", async () => {
  const page = await visit("?utm_source=newsletter&utm_medium=email");
  const text = await shown(page);
  const body = await page.textContent("main");
  assert.equal(await page.textContent("[data-rf-ignore]"), "020 7946 0000");
  assert.equal(body.split("7946 0000").length - 1, 1, "nowhere else does the site's own number stand");
  assert.match(await page.$eval("script[type='application/ld+json']", (script) => script.textContent), /7946 0000/);
  if (text.startsWith("020 7946")) {
    const last = text.slice(-4);
    for (const written of [`+44 (0)20 7946 ${last}`, `(020) 7946 ${last}`, `+44 20 7946 ${last}`]) assert.ok(body.includes(written), written);
    assert.equal(await page.$eval(".bar .phone", (link) => link.getAttribute("href")), `tel:0207946${last}`);
  }
  await page.context().close();
});

test("later pages of the visit keep the number, and another campaign brings a visit of its own", async () => {
  const page = await visit("?utm_source=newsletter&utm_medium=email");
  const first = await shown(page);
  await page.getByRole("link", { name: "Boilers", exact: true }).click();
  await page.waitForURL(/boilers/);
  await page.waitForFunction((own) => document.getElementById("number").textContent !== own, "020 7946 0000");
  assert.equal(await shown(page), first);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("two visitors never share a number that is not the overflow's", async () => {
  const [one, other] = await Promise.all([visit("?utm_source=google&utm_medium=cpc"), visit("?utm_source=facebook&utm_medium=social")]);
  assert.notEqual(await shown(one), await shown(other));
  await Promise.all([one.context().close(), other.context().close()]);
});

test("a host that nobody proved keeps the page's own number", async () => {
  const page = await newPage(browser);
  await page.goto(demo.site.replace("localhost", "127.0.0.1"));
  await page.waitForFunction(() => !document.getElementById("lease").textContent.startsWith("Asking"));
  assert.equal(await shown(page), "020 7946 0000");
  assert.match(await page.textContent("#lease"), /keeps its own number/);
  await page.context().close();
});

test("the page's own number stands while the server is away", async () => {
  const page = await newPage(browser);
  await page.route(`${new URL(demo.dashboard).origin}/**`, (route) => route.abort());
  await page.goto(demo.site);
  await page.waitForLoadState("load");
  assert.equal(await shown(page), "020 7946 0000");
  assert.deepEqual(page.complaints.filter((text) => !/Failed to load resource/.test(text)), []);
  await page.context().close();
});
