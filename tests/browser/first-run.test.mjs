// From an empty server to the first call that is traced to its visit, by clicks alone: nothing but `user add` and `serve`
// is typed into a terminal. SIPp is the carrier's caller and the target.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, newPage } from "./browser.mjs";
import { answering } from "./desk.mjs";
import { dial } from "./dial.mjs";
import { ROOT, Server } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const OWN = "020 7946 0000";

let server, browser, desk, shop;
const site = { challenge: "", snippet: "" };
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  server = await new Server().start();
  browser = await launch();
  shop = createServer(({ url }, response) => {
    response.setHeader("Content-Type", "text/html");
    const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">${site.snippet}</head>`;
    const page = `${head}<body><h1>Boilers</h1><p>Ring <a id="number" href="tel:+442079460000">${OWN}</a>.</p></body></html>`;
    response.end(url.startsWith("/.well-known/ringfence.txt") ? site.challenge : page);
  });
  shop.listen(0, "127.0.0.1");
  await once(shop, "listening");
  site.host = `localhost:${shop.address().port}`;
  desk = await answering(server.folder);
});
after(async () => {
  await browser?.close();
  desk?.process.kill();
  shop?.closeAllConnections();
  shop?.close();
  if (server) assert.equal(await server.stop(), 0, `the server ends without a fault:\n${server.output}`);
});

const digits = (text) => text.replace(/\D/g, "");

test("an empty server takes its first call, and knows where it came from, by clicks alone", async () => {
  const page = await newPage(browser, { viewport: { width: 1280, height: 860 } });
  const at = (path) => page.goto(`http://${server.http}${path}`);
  const shot = (name) => page.screenshot({ path: join(PICTURES, `first-run-${name}.png`), fullPage: true });
  /** Goes on at the first step that is not done, by its link, and says how many are done. */
  const next = async (title, done) => {
    await at("/");
    await page.getByText(`${done} of 8 done`).waitFor();
    const step = page.locator("ol.steps li:not(.done)", { hasText: title });
    await step.getByRole("link").click();
    await page.waitForLoadState();
  };
  await at("/");
  await page.getByLabel("Mail address").fill(server.email);
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "First steps" }).waitFor();
  await shot("empty");

  await next("Connect a carrier", 0);
  await page.getByLabel("Name", { exact: true }).fill("Carrier");
  await page.getByLabel("Addresses or networks that it sends from").fill("127.0.0.1");
  await page.getByRole("button", { name: "Add trunk" }).click();
  await page.waitForURL(/done=/);

  await next("Say where calls may go", 1);
  await page.getByLabel("Name", { exact: true }).fill("Front desk");
  await page.getByLabel("SIP address or number").fill(desk.address);
  await page.getByRole("button", { name: "Add target" }).click();
  await page.getByText("The target was saved").waitFor();

  await next("Make a call plan", 2);
  await page.getByLabel("Name", { exact: true }).fill("Office");
  await page.getByRole("checkbox", { name: "Front desk" }).check();
  await page.getByRole("button", { name: "Take in those that are ticked" }).click();
  await page.getByRole("button", { name: "Add group" }).click();
  await page.waitForURL(/done=/);
  await next("Make a call plan", 2);
  await page.getByLabel("Name", { exact: true }).fill("Main");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved. Calls that begin from now on go by it").waitFor();

  await next("Add tracking numbers", 3);
  await page.getByLabel("Name", { exact: true }).fill("Web");
  await page.getByRole("button", { name: "Add pool" }).click();
  await page.getByText("The pool was saved").waitFor();
  await next("Add tracking numbers", 3);
  const lines = page.getByLabel("Numbers, one on each line");
  await lines.fill("020 7946 0101, Web 1\n020 7946 010\n020 7946 0101");
  await page.locator("#add").getByLabel("Pool", { exact: true }).selectOption("Web");
  await page.getByRole("button", { name: "Add numbers" }).click();
  assert.match(await page.locator("#bad-lines").textContent(), /Nothing was added[^]*Line 3: \+442079460101 stands in line 1 already/);
  await shot("wrong-lines");
  await lines.fill("020 7946 0101, Web 1\n+44 20 7946 0102, Web 2");
  await page.getByRole("button", { name: "Add numbers" }).click();
  await page.getByText("The numbers were added").waitFor();
  await shot("numbers");

  await next("Add your site", 4);
  await page.getByLabel("Name", { exact: true }).fill("Shop");
  await page.getByLabel("Numbers on your pages").fill(OWN);
  await page.getByRole("button", { name: "Add site" }).click();
  await page.getByText("The site was added").waitFor();
  site.snippet = await page.locator("section.site .snippet code").first().textContent();

  await next("Prove that its host is yours", 5);
  await page.locator("input[name=host]").fill(site.host);
  await page.getByRole("button", { name: "Add host" }).click();
  await page.waitForURL(/done=host/);
  site.challenge = await page.locator(".ways .snippet code").first().textContent();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.waitForURL(/done=proved/);

  // The page of a new account is looked at before it shows its first number.
  const visit = await newPage(browser);
  for (const end = Date.now() + 60_000; ; ) {
    await visit.goto(`http://${site.host}/?utm_source=leaflet&utm_medium=print&utm_campaign=spring`);
    const changed = (own) => document.getElementById("number").textContent !== own;
    if (await visit.waitForFunction(changed, OWN, { timeout: 5_000 }).then(() => true, () => false)) break;
    assert.ok(Date.now() < end, `expected a number on the page: ${server.output}`);
  }
  const shown = await visit.textContent("#number");
  assert.ok(["02079460101", "02079460102"].includes(digits(shown)), shown);
  assert.deepEqual(visit.complaints, []);
  await at("/");
  await page.getByText("7 of 8 done").waitFor();
  await shot("nearly");

  await dial(server.sip, `+44${digits(shown).slice(1)}`, "+441632960777");
  const row = page.locator("tr", { hasText: "01632 960777" });
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 250))) {
    await at("/calls");
    if (/answered/i.test((await row.allTextContents()).join())) break;
    assert.ok(Date.now() < end, `expected the call to be listed as answered, got: ${await row.allTextContents()}`);
  }
  assert.match(await row.textContent(), /leaflet/i);
  await row.getByRole("link").first().click();
  await page.waitForLoadState();
  const call = await page.textContent("main");
  for (const told of [/leaflet/i, /spring/, /Rang Front desk/, /utm_source=leaflet/]) assert.match(call, told);

  // What is done is out of the way, and found by its link.
  await at("/");
  assert.equal(await page.getByRole("heading", { name: "First steps" }).count(), 0);
  await page.getByRole("link", { name: "First steps" }).click();
  await page.getByText("8 of 8 done").waitFor();
  await shot("done");
  const refused = page.complaints.filter((complaint) => !/422/.test(complaint));
  assert.deepEqual(refused, []);
  await page.context().close();
  await visit.context().close();
});
