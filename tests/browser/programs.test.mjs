// A till says by its own key what a call was worth, a program of ours is told of calls as they end, and a person says the
// rest by hand; the report has it all.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { obstacles } from "./axe.mjs";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");

let demo, browser, page, receiver;
/** What was posted to the receiver: its headers and its text. */
const told = [];
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
  page = await newPage(browser);
  await page.goto(demo.signIn);
  receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part) => (body += part));
    request.on("end", () => {
      told.push({ headers: request.headers, body });
      response.writeHead(204).end();
      receiver.emit("told");
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
});
after(async () => {
  await browser?.close();
  receiver?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const at = (path) => new URL(path, demo.dashboard).href;

test("a key made by clicks opens the API as far as it says, until it is revoked", async () => {
  await page.getByRole("link", { name: "Programs" }).first().click();
  await page.getByLabel("Which program it is for").fill("Till");
  await page.getByRole("radio", { name: "Reads and changes" }).check();
  await page.getByRole("button", { name: "Make the key" }).click();
  const key = await page.locator("#key-text").textContent();
  await page.screenshot({ path: join(PICTURES, "api-keys-made.png"), fullPage: true });
  const ask = (path, options = {}) =>
    fetch(at(path), { ...options, headers: { authorization: `Bearer ${key}`, "content-type": "application/json" } });
  let call;
  // The demo's own callers ring all the time.
  for (const end = Date.now() + 60_000; !call; await new Promise((resolve) => setTimeout(resolve, 500))) {
    assert.ok(Date.now() < end, "a call is answered within a minute");
    const { items } = await (await ask("/v1/calls?disposition=answered&limit=1")).json();
    call = items[0]?.id;
  }
  const said = await ask(`/v1/calls/${call}/worth`, { method: "PATCH", body: JSON.stringify({ lead: "converted", value: "310.00", tags: ["till"] }) });
  assert.equal(said.status, 200);
  assert.equal((await said.json()).value, "310.00");
  await page.goto(at("/calls?tag=till"));
  assert.match(await page.locator("tbody").textContent(), /Converted, 310 GBP/);

  // By hand it is corrected, and kept.
  await page.goto(at(`/calls/${call}`));
  assert.ok(await page.getByRole("radio", { name: "Converted" }).isChecked());
  await page.getByLabel("Value in GBP").fill("1,310");
  await page.getByLabel("Tags, with commas between them").fill("till, boiler");
  await page.getByLabel("Note").fill("Paid in the shop");
  await page.locator("form.worth").getByRole("button", { name: "Save" }).click();
  await page.getByRole("status").filter({ hasText: "was saved" }).waitFor();
  assert.equal(await page.getByLabel("Value in GBP").inputValue(), "1310.00");
  await page.goto(at("/reports?by=source&and=lead"));
  await page.screenshot({ path: join(PICTURES, "reports-leads.png"), fullPage: true });
  assert.match(await page.locator("tbody").last().textContent(), /Converted/);

  await page.goto(at("/api-keys"));
  const till = page.locator(".person", { hasText: "Till" });
  await till.locator("summary").click();
  await till.getByRole("button", { name: /Revoke for good/ }).click();
  await page.getByRole("status").filter({ hasText: "revoked" }).waitFor();
  assert.equal((await ask("/v1/calls")).status, 401);
  assert.deepEqual(page.complaints, []);
});

test("a webhook added by clicks is told of a call as it ends, signed, and the log shows it", async () => {
  await page.goto(at("/webhooks"));
  await page.getByLabel("Address").fill(`http://127.0.0.1:${receiver.address().port}/calls`);
  for (const event of ["A call came in", "Somebody answered it", "Its recording can be played"]) await page.getByRole("checkbox", { name: event }).uncheck();
  await page.getByRole("button", { name: "Add webhook" }).click();
  const secret = await page.locator("#webhook-secret").textContent();
  await page.locator("#made-title a").click();
  if (!told.length) await once(receiver, "told", { signal: AbortSignal.timeout(60_000) });
  const [{ headers, body }] = told;
  const message = JSON.parse(body);
  assert.equal(message.type, "call.ended");
  const signed = createHmac("sha256", Buffer.from(secret.replace("whsec_", ""), "base64")).update(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
  assert.equal(headers["webhook-signature"], `v1,${signed}`);

  const delivered = page.locator(".person", { hasText: "Delivered" }).first();
  for (const end = Date.now() + 20_000; !(await delivered.count()); ) {
    assert.ok(Date.now() < end, "the log says that it was delivered");
    await page.reload();
  }
  await page.screenshot({ path: join(PICTURES, "webhook.png"), fullPage: true });
  await delivered.getByRole("link", { name: "It is over" }).click();
  assert.match(await page.locator("#message").textContent(), /"type": "call.ended"/);
  await page.screenshot({ path: join(PICTURES, "delivery.png"), fullPage: true });
  const before = told.length;
  await page.getByRole("button", { name: "Send again" }).click();
  await page.getByRole("status").filter({ hasText: "sent again" }).waitFor();
  while (told.length === before) await once(receiver, "told", { signal: AbortSignal.timeout(30_000) });
  assert.deepEqual(page.complaints, []);
});

test("a destination of conversions added by clicks says why a call was not told, and its pages are whole on a phone", async () => {
  await page.goto(at("/conversions"));
  await page.getByLabel("Platform").getByRole("link", { name: "Meta" }).click();
  await page.getByLabel("Dataset ID (pixel)").fill("pixel");
  // No call of the demo lasts that long, so that nobody is told of any.
  await page.getByLabel("Shortest talk that counts, in seconds").fill("86400");
  await page.getByLabel("How it is known that a visitor agreed").selectOption("waited");
  await page.getByLabel("Access token").fill("open-sesame");
  await page.getByRole("button", { name: "Add destination" }).click();
  assert.match(await page.locator("#target-wrong").textContent(), /digits of a dataset/);
  await page.getByLabel("Dataset ID (pixel)").fill("123456789012345");
  await page.getByLabel("Access token").fill("open-sesame");
  await page.getByRole("button", { name: "Add destination" }).click();
  await page.getByRole("status").filter({ hasText: "calls that end from now on" }).waitFor();
  const passed = page.locator(".person", { hasText: "86400 s count" }).first();
  for (const end = Date.now() + 120_000; !(await passed.count()); await new Promise((resolve) => setTimeout(resolve, 500))) {
    assert.ok(Date.now() < end, "the log says that a call was passed over");
    await page.reload();
  }
  const destination = page.url();
  await passed.getByRole("link", { name: /^Call of/ }).click();
  const call = page.url();
  // What becomes known of a call has it looked at again, and for that moment it waits.
  const passedOver = /Meta · 123456789012345.*Passed over/s;
  for (const end = Date.now() + 30_000; !passedOver.test(await page.locator("#conversions").textContent()); await page.reload()) {
    assert.ok(Date.now() < end, await page.locator("#conversions").textContent());
  }
  const narrow = await newPage(browser, { colorScheme: "dark", viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, storageState: await page.context().storageState() });
  for (const [name, place] of Object.entries({ conversion: destination, "conversion-call": call, conversions: at("/conversions"), "conversions-google-ads": at("/conversions?platform=google_ads") })) {
    for (const one of [page, narrow]) {
      await one.goto(place);
      assert.deepEqual(await obstacles(one, place), []);
      assert.ok((await one.evaluate(() => document.documentElement.scrollWidth)) <= one.viewportSize().width, `${place} is no wider than the screen`);
      await one.screenshot({ path: join(PICTURES, `${name}-${one === page ? "light" : "phone-dark"}.png`), fullPage: true });
    }
  }
  assert.deepEqual(narrow.complaints, []);
  await narrow.context().close();
  // The refused form is an answer 422, of which a browser complains by itself.
  assert.deepEqual(page.complaints.filter((said) => !said.includes("422")), []);
});
