// The script for pages that were written for Retreaver, in such pages: what they call, what they hear, and what is sent for it.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { World, settled } from "./world.mjs";

const OWN = "020 7946 0000";
const world = new World();
before(() => world.start());
after(() => world.stop());
beforeEach(() => world.fresh());

/** The page as its author wrote it: it loads the script, says where the vendor's host is, and asks once the script is there. */
const written = (ask, { origin = world.ringfence.origin, attributes = "" } = {}) => `
  <script>window.answers = []; window.told = (number) => answers.push({ number }); window.failed = (error) => answers.push({ error });
  window.start = () => { Retreaver.configure({ host: "api.vendor.test", prefix: "https" }); window.campaign = new Retreaver.Campaign({ campaign_key: "abc" }); ${ask} };</script>
  <script async ${attributes} src="${origin}/jsapi/v1/retreaver.min.js" onload="start()"></script>`;
const open = (ask, options) => world.show(`Ring <b id="number">${OWN}</b>`, { ask: false, head: written(ask, options), ...options });
const sent = (path) => world.ringfence.sent(path);
const shown = (page) => page.textContent("#number");
const REQUEST = `campaign.request_number({ plan: "gold" }, told, failed);`;
const heard = async (page, count) => {
  await page.waitForFunction((least) => answers.length >= least, count);
  return page.evaluate(() => answers.map(({ number, error }) => (number ? { number: number.attributes } : { error })));
};
/** Calls a method of the page's number and answers with what its callbacks heard. */
const call = (page, method, ...values) =>
  page.evaluate(([method, values]) => new Promise((resolve) => answers[0].number[method](...values, () => resolve("done"), (error) => resolve(error))), [method, values]);

test("a page that names the vendor's host hears its number from this server, with the token of the script", async () => {
  const page = await open(REQUEST);
  const [{ number, error }] = await heard(page, 1);
  assert.equal(error, undefined);
  assert.deepEqual([number.number, number.formatted_number, number.plain_number, number.campaign_key], ["+442079460123", "020 7946 0123", "02079460123", "abc"]);
  assert.deepEqual(number.tag_values, { plan: "gold" });
  assert.equal(await page.evaluate(() => answers[0].number.get("formatted_number")), "020 7946 0123");
  assert.equal(await shown(page), "020 7946 0123");
  const [body] = sent("/api/v1/numbers");
  assert.equal(body.token, "token-1", "the one that stood in the script");
  assert.deepEqual([body.tags, body.page], [{ plan: "gold" }, `${world.site.origin}/`]);
  assert.equal(sent("/api/v1/token").length, 0);
  assert.deepEqual(page.complaints, []);
});

test("numbers are replaced on a page that asks for nothing else, and callbacks may be left out", async () => {
  world.site.pages.set("/", world.html(`Ring <b id="number">${OWN}</b>`, { ask: false, head: written(`campaign.auto_replace_numbers();`) }));
  const page = await world.open();
  await page.waitForFunction(() => document.getElementById("number").textContent === "020 7946 0123");
  assert.deepEqual(page.complaints, []);
});

test("tags may be left out before the callbacks", async () => {
  const page = await open(`campaign.request_number(told, failed);`);
  const [{ number }] = await heard(page, 1);
  assert.equal(number.number, "+442079460123");
});

test("a later page of the visit shows its credential, and a second campaign has a visit of its own", async () => {
  const page = await open(REQUEST);
  await heard(page, 1);
  await page.reload();
  await heard(page, 1);
  assert.equal(sent("/api/v1/numbers")[1].visit, "visit-1");
  await page.evaluate(() => new Retreaver.Campaign({ campaign_key: "other" }).request_number({}, told, failed));
  const [, second] = await heard(page, 2);
  const last = sent("/api/v1/numbers").at(-1);
  assert.deepEqual([second.number.campaign_key, last.visit], ["other", undefined]);
  assert.ok(last.token);
});

test("a script from a cache, whose token is spent, asks for another one", async () => {
  world.ringfence.script = () => "token-of-yesterday";
  const page = await open(REQUEST);
  const [{ number }] = await heard(page, 1);
  assert.equal(number.number, "+442079460123");
  assert.equal(sent("/api/v1/token").length, 1);
});

test("a page is told why there is no number, and its own one stands", async () => {
  world.ringfence.before = ({ path }) =>
    path === "/api/v1/numbers" ? { text: JSON.stringify({ number: null, reason: "pool_exhausted", error: "every number is leased" }) } : undefined;
  const page = await open(REQUEST);
  assert.deepEqual(await heard(page, 1), [{ error: "pool_exhausted: every number is leased" }]);
  assert.equal(await shown(page), OWN);
  assert.deepEqual(page.complaints, []);
});

test("a server that cannot be reached leaves the page's own number", async () => {
  const page = await open(REQUEST, { prepare: (page) => page.route("**/api/v1/**", (route) => route.abort()) });
  assert.deepEqual(await heard(page, 1), [{ error: "network" }]);
  assert.equal(await shown(page), OWN);
});

test("no page has a number rung: nothing is sent, and it hears why", async () => {
  const page = await open(REQUEST);
  await heard(page, 1);
  const before = world.ringfence.log.length;
  const error = await call(page, "initiate_call", "+442079460999", {});
  assert.match(error, /^call_back_refused: /);
  assert.equal(world.ringfence.log.length, before);
});

test("tags that are added, replaced and removed are told of the visit, and read back", async () => {
  const page = await open(REQUEST);
  await heard(page, 1);
  const tags = () => page.evaluate(() => answers[0].number.get("tag_values"));
  assert.equal(await call(page, "add_tags", { colour: "red" }), "done");
  assert.deepEqual(await tags(), { plan: "gold", colour: "red" });
  assert.equal(await call(page, "remove_tags", { colour: "blue" }), "done");
  assert.deepEqual(await tags(), { plan: "gold", colour: "red" }, "another value");
  assert.equal(await call(page, "remove_tags_by_keys", ["colour"]), "done");
  assert.equal(await call(page, "replace_tags", { size: 3 }), "done");
  assert.deepEqual(await tags(), { size: 3 });
  assert.equal(await call(page, "clear_all_tags"), "done");
  assert.deepEqual(await tags(), {});
  const told = sent("/t/event").map(({ site, visit, kind, name, data }) => [site, visit, kind, name, data]);
  const of = (kind, name, data) => ["KEY", "visit-1", kind, name, data];
  assert.deepEqual(told, [
    of("tag", undefined, { colour: "red" }),
    of("event", "tags_removed", { colour: "red" }),
    of("event", "tags_removed", { plan: "gold" }),
    of("tag", undefined, { size: 3 }),
    of("event", "tags_removed", { size: 3 }),
  ]);
});

test("a number that is released is given back once, and the page's own one stands again", async () => {
  const page = await open(REQUEST);
  await heard(page, 1);
  assert.equal(await call(page, "release"), "done");
  assert.equal(await call(page, "release"), "done");
  await settled(page);
  assert.equal(await shown(page), OWN);
  assert.deepEqual(sent("/t/event").map(({ kind, lease }) => [kind, lease]), [["release", "lease-visit-1-abc"]]);
});

test("a lease that is over is asked for again, and the page's number object has the new one", async () => {
  world.ringfence.beat = 1;
  world.ringfence.beaten = () => ({ reason: "lease_expired" });
  const page = await open(REQUEST);
  await heard(page, 1);
  world.ringfence.number = { e164: "+442079460456", national: "020 7946 0456", international: "+44 20 7946 0456" };
  await page.waitForFunction(() => answers[0].number.get("number") === "+442079460456");
  assert.equal(await shown(page), "020 7946 0456");
  assert.equal(sent("/t/beat")[0].lease, "lease-visit-1-abc");
});

test("browsers that object are left alone where the page says so", async () => {
  const page = await open(REQUEST, {
    attributes: `data-honour="gpc"`,
    prepare: (page) => page.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true })),
  });
  assert.deepEqual(await heard(page, 1), [{ error: "consent" }]);
  assert.deepEqual(world.ringfence.log, []);
});

test("an error in the page's callback is the page's own, and takes nothing else with it", async () => {
  const page = await open(`campaign.request_number({}, () => { throw new Error("mine") }); campaign.request_number({}, told, failed);`);
  const [{ number }] = await heard(page, 1);
  assert.equal(number.number, "+442079460123");
  assert.deepEqual(page.complaints, ["Error: mine"]);
});
