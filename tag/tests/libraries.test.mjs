// Pages of another age and of other manners: libraries that change what JavaScript's own things do, fields that hide an element's
// methods, pages that write themselves, policies, bases.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { answered, settled, World } from "./world.mjs";

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const OWN = "<p>020 7946 0000</p>";
const close = (page) => page.context().close();

// What these libraries did to the language, written anew: the names and the behaviour are theirs, the code is not.
const LIBRARIES = {
  "Prototype.js 1.6": `
    Array.prototype.reduce = function () { return this.length > 1 ? this : this[0] };
    Array.prototype.toJSON = function () { return "[" + this.map((one) => JSON.stringify(one)).join(", ") + "]" };
    String.prototype.toJSON = function () { return JSON.stringify(String(this).valueOf()) };
    Number.prototype.toJSON = function () { return String(this) };
    Array.prototype.entries = function () { return this.slice() };
    Array.from = function (from) { const made = []; for (let at = 0; at < (from ? from.length : 0); at++) made.push(from[at]); return made };
    window.$ = function (id) { return document.getElementById(id) };`,
  "MooTools 1.2": `
    Array.from = function (from) { return from == null ? [] : from.length !== undefined && typeof from !== "string" ? [].slice.call(from) : [from] };
    Array.prototype.flatten = function () { return this };
    Array.prototype.contains = Array.prototype.include = function (one) { return this.indexOf(one) >= 0 };
    Function.prototype.bind = function (self) { const own = this; return function () { return own.apply(self, arguments) } };
    Function.prototype.delay = Function.prototype.extend = function () { return this };
    String.prototype.contains = function (text) { return this.indexOf(text) > -1 };
    window.JSON = { stringify: JSON.stringify, parse: JSON.parse, encode: JSON.stringify, decode: JSON.parse };`,
  "an Object.prototype with enumerable members": `
    Object.prototype.each = function (act) { for (const name in this) act(this[name]) };
    Object.prototype.extend = function () { return this };
    Object.prototype.toJSONString = function () { return "" };`,
};

for (const [name, script] of Object.entries(LIBRARIES)) {
  test(`a page with ${name} is shown its number, on later pages too`, async () => {
    world.ringfence.swap = ["+44 20 7946 0000", "+44 1632 960000"];
    const body = `${OWN}<p>(01632) 960000</p><a href="tel:+442079460000">x</a>`;
    const page = await world.show(body, { head: `<script>${script}</script>${world.tag(`data-callback="heard"`)}<script>function heard(number) { answers.push({ heard: number.e164 }) }</script>` });
    await answered(page, 2);
    assert.deepEqual(await page.$$eval("p", (all) => all.map((one) => one.textContent)), ["020 7946 0123", "(020) 79460123"]);
    assert.equal(await page.$eval("a", (link) => link.getAttribute("href")), "tel:+442079460123");
    await page.evaluate(() => ringfence("tag", { plan: "gold" }));
    await page.reload();
    await answered(page, 2);
    const [first, second] = world.ringfence.sent("/t/number");
    assert.equal(first.site, "KEY", "texts are sent as texts");
    assert.equal(typeof first.first.page, "string");
    assert.equal(second.visit, "visit-1", "and stored as texts");
    assert.deepEqual(page.complaints, []);
    await close(page);
  });
}

test("fields that are named as an element's methods hide no number elsewhere, and nothing is thrown", async () => {
  const fields = (names) => `<form>${names.map((name) => `<input name="${name}">`).join("")}<p>020 7946 0000</p></form>`;
  const body = `${OWN}${fields(["matches", "closest", "getAttribute"])}${fields(["childNodes", "children", "attributes", "parentNode"])}<form name="host"><input name="nodeType"></form><iframe name="host" srcdoc=""></iframe><p id="last">020 7946 0000</p>`;
  const page = await world.show(body);
  assert.equal(await page.textContent("p"), "020 7946 0123");
  assert.equal(await page.textContent("#last"), "020 7946 0123");
  await page.evaluate(() => document.forms[0].append("020 7946 0000"));
  await page.evaluate(() => document.body.append("020 7946 0000"));
  await settled(page);
  assert.equal(await page.evaluate(() => document.body.lastChild.data), "020 7946 0123");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a page that writes itself anew after it has loaded is swapped", async () => {
  const page = await world.show(OWN);
  await page.waitForLoadState("load");
  await page.evaluate(() => {
    document.open();
    document.write("<!doctype html><title>x</title><h2>020 7946 0000</h2>");
    document.close();
  });
  await settled(page);
  assert.equal(await page.textContent("h2"), "020 7946 0123");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a tag that the page writes with document.write works, and so does text that it writes", async () => {
  const head = `<script>document.write('<script async src="${world.ringfence.origin}/tag.js" data-site="KEY"><\\/script>')</script>`;
  const page = await world.show(`<script>document.write("<p>020 7946 0000</p>")</script>`, { head });
  assert.equal(await page.textContent("p"), "020 7946 0123");
  await close(page);
});

test("a page with another base asks its Ringfence all the same", async () => {
  const page = await world.show(OWN, { head: `<base href="https://elsewhere.example.com/deep/">${world.tag()}` });
  assert.equal(await page.textContent("p"), "020 7946 0123");
  assert.equal(world.ringfence.sent("/t/number")[0].page, `${world.site.origin}/`);
  await close(page);
});

const policy = (connect) => `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; script-src 'nonce-abc'; require-trusted-types-for 'script'; trusted-types 'none'; connect-src ${connect}">`;
const withNonce = (html) => html.replace(/<script/g, '<script nonce="abc"');

test("a strict policy with a nonce is kept without a word in the console", async () => {
  world.site.pages.set("/", withNonce(world.html(OWN, { head: policy(world.ringfence.origin) + world.tag() })));
  const page = await world.open("/");
  await answered(page);
  assert.equal(await page.textContent("p"), "020 7946 0123");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a policy that blocks the request leaves the page's own number, and the console has the browser's own lines only", async () => {
  world.site.pages.set("/", withNonce(world.html(OWN, { head: policy("'none'") + world.tag() })));
  const page = await world.open("/");
  assert.deepEqual(await answered(page), [{ number: null, reason: "network" }]);
  assert.equal(await page.textContent("p"), "020 7946 0000");
  for (const complaint of page.complaints) assert.match(complaint, /Content Security Policy/);
  await close(page);
});

test("a script that another script adds, and one that is added again after a route each find their element", async () => {
  for (const how of ["added", "again"]) {
    await world.fresh();
    const { origin } = world.ringfence;
    const head = {
      added: `<script>const one = document.createElement("script"); one.src = "${origin}/tag.js"; one.dataset.site = "KEY"; document.head.append(one)</script>`,
      again: world.tag() + `<script>addEventListener("load", () => { const one = document.createElement("script"); one.src = "${origin}/tag.js"; one.async = true; one.dataset.site = "KEY"; document.body.append(one) })</script>`,
    }[how];
    const page = await world.show(OWN, { head });
    await page.waitForLoadState("load");
    await settled(page);
    assert.equal(await page.textContent("p"), "020 7946 0123", how);
    assert.equal(world.ringfence.sent("/t/number").length, 1, how);
    assert.deepEqual(page.complaints, [], how);
    await close(page);
  }
});
