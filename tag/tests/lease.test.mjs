// Asking for a number: what goes to the server, what the page hears, and that its own number stands whenever something fails.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { answered, LONDON, settled, World } from "./world.mjs";

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const OWN = "<p>020 7946 0000</p>";
const shown = (page) => page.$eval("p", (element) => element.textContent);
const close = (page) => page.context().close();
const until = async (condition, what) => {
  for (const end = Date.now() + 10_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 10)))
    if (Date.now() > end) throw new Error(`waited 10 s for ${what}`);
};

test("one script and one request bring the number, with all that is known of the visit", async () => {
  const page = await world.show(OWN + `<script>ringfence("tag", { plan: "gold" })</script>`, { path: "/?utm_source=news#private" });
  assert.equal(await shown(page), LONDON.national);
  const [{ number, reason }] = await answered(page);
  assert.deepEqual(number, { ...LONDON, lease: "lease-visit-1-", expires: "2030-01-01T00:00:00Z", campaign: null });
  assert.equal(reason, undefined);
  assert.equal(world.ringfence.log.length, 1);
  const [{ body, headers, method }] = world.ringfence.log;
  assert.equal(method, "POST");
  assert.match(headers["content-type"], /^text\/plain/);
  assert.equal(headers.origin, world.site.origin);
  assert.equal(headers.cookie, undefined);
  const { page: url, ...rest } = body;
  assert.equal(url, `${world.site.origin}/?utm_source=news`);
  assert.deepEqual(rest, { site: "KEY", token: "token-1", referrer: "", first: { page: url, referrer: "" }, language: "en-GB", campaign: null, tags: { plan: "gold" }, calls: {} });
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("the script leaves one global behind", async () => {
  const names = (page) => page.evaluate(() => Object.getOwnPropertyNames(window));
  const page = await world.show(OWN, { ask: false, head: world.tag(`data-callback="heard"`) + "<script>function heard(...all) { answers.push(all) }</script>" });
  const bare = await world.show(OWN, { ask: false, head: "<script>function heard() {} answers.push(0)</script>" });
  const known = new Set(await names(bare));
  assert.deepEqual((await names(page)).filter((name) => !known.has(name)), ["ringfence"]);
  await close(page);
  await close(bare);
});

test("later pages of a visit show its credential and its first page, and keep its number", async () => {
  world.site.pages.set("/next", world.html(OWN));
  const page = await world.show(OWN, { path: "/?gclid=abc", referer: "https://search.example.com/" });
  await page.goto(`${world.site.origin}/next`);
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  const [first, second] = world.ringfence.sent("/t/number");
  assert.equal(second.visit, "visit-1");
  assert.equal(second.token, undefined);
  assert.equal(first.referrer, "https://search.example.com/");
  assert.deepEqual(second.first, { page: `${world.site.origin}/?gclid=abc`, referrer: "https://search.example.com/" });
  assert.equal(world.ringfence.visits.size, 1);
  await close(page);
});

test("another campaign, or half an hour of silence, begins a new visit", async () => {
  const page = await world.show(OWN, { path: "/?utm_source=news" });
  const next = async (path) => {
    await page.goto(world.site.origin + path);
    await answered(page);
    return world.ringfence.sent("/t/number").at(-1);
  };
  assert.equal((await next("/?utm_source=news")).visit, "visit-1", "the same page again");
  assert.equal((await next("/")).visit, "visit-1", "no campaign");
  const other = await next("/?utm_source=radio");
  assert.equal(other.visit, undefined);
  assert.equal(other.first.page, `${world.site.origin}/?utm_source=radio`);
  await page.evaluate(() => {
    const visit = JSON.parse(localStorage.getItem("ringfence:KEY"));
    visit.seen -= 31 * 60_000;
    localStorage.setItem("ringfence:KEY", JSON.stringify(visit));
  });
  assert.equal((await next("/")).visit, undefined, "after the silence");
  assert.equal(world.ringfence.visits.size, 3);
  await close(page);
});

for (const [name, script] of Object.entries({
  "spent": () => "spent-before",
  "missing, for the page hides where it is": () => "",
  "never put in": () => undefined,
})) {
  test(`a token that is ${name} is replaced once`, async () => {
    world.ringfence.script = script;
    const page = await world.show(OWN);
    assert.equal(await shown(page), LONDON.national);
    assert.equal(world.ringfence.log.filter(({ path }) => path === "/t/token").length, 1);
    assert.deepEqual(page.complaints, []);
    await close(page);
  });
}

test("a script from the cache does not show its spent token again", async () => {
  const token = world.ringfence.token();
  world.ringfence.script = () => token;
  const page = await world.show(OWN, { path: "/?utm_source=news" });
  await page.goto(`${world.site.origin}/?utm_source=radio`);
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(world.ringfence.log.map(({ path, body }) => body?.token ?? path), [token, "/t/token", "token-2"]);
  await close(page);
});

test("a server that refuses every token is asked twice and no more", async () => {
  world.ringfence.lend = () => ({ number: null, reason: "token_expired" });
  const page = await world.show(OWN);
  assert.deepEqual(await answered(page), [{ number: null, reason: "token_expired" }]);
  assert.deepEqual(world.ringfence.log.map(({ path }) => path), ["/t/number", "/t/token", "/t/number"]);
  assert.equal(await shown(page), "020 7946 0000");
  await close(page);
});

test("a credential that the server no longer knows gives way to a new visit", async () => {
  const page = await world.show(OWN);
  world.ringfence.visits.clear();
  await page.reload();
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  assert.equal(world.ringfence.visits.size, 1);
  await close(page);
});

const FAILURES = {
  "a refusal": [{ text: `{"number":null,"reason":"no_number"}` }, "no_number"],
  "a refusal with an error status": [{ status: 403, text: `{"number":null,"reason":"host_not_proved"}` }, "host_not_proved"],
  "a body that is no JSON": [{ text: "<html>oops" }, "network"],
  "JSON of another shape": [{ text: `[1,2]` }, "malformed"],
  "a null": [{ text: `null` }, "malformed"],
  "a number that is none": [{ text: `{"number":{"e164":"javascript:alert(1)"}}` }, "malformed"],
  "a server error": [{ status: 500, text: "" }, "malformed"],
  "an answer that may not be read from here": [{ headers: { "access-control-allow-origin": "https://example.org" }, text: "{}" }, "network"],
};
for (const [name, [reply, reason]] of Object.entries(FAILURES)) {
  test(`the page's own number stands after ${name}`, async () => {
    world.ringfence.before = ({ path }) => (path === "/t/number" ? reply : undefined);
    const page = await world.show(OWN, { head: world.tag(`data-callback="heard"`) + "<script>window.heard = (...all) => (window.named = [...(window.named ?? []), all])</script>" });
    assert.deepEqual(await answered(page), [{ number: null, reason }]);
    await settled(page);
    assert.deepEqual(await page.evaluate(() => window.named), [[null, reason]]);
    assert.equal(await shown(page), "020 7946 0000");
    // Chromium itself notes what did not load; the script adds nothing.
    assert.deepEqual(page.complaints.filter((text) => !/Failed to load resource|blocked by CORS/.test(text)), []);
    await close(page);
  });
}

test("the page's own number stands when the network is down", async () => {
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open("/", { prepare: (page) => page.route("**/t/**", (route) => route.abort("connectionrefused")) });
  assert.deepEqual(await answered(page), [{ number: null, reason: "network" }]);
  assert.equal(await shown(page), "020 7946 0000");
  assert.deepEqual(page.complaints.filter((text) => !/Failed to load resource/.test(text)), []);
  await close(page);
});

test("the page's own number stands when the script does not come at all", async () => {
  world.ringfence.before = ({ path }) => (path === "/tag.js" ? { status: 503 } : undefined);
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open();
  await page.waitForLoadState("load");
  assert.equal(await shown(page), "020 7946 0000");
  assert.equal(await page.evaluate(() => ringfence.q.length), 1);
  await close(page);
});

test("a server that does not answer is given up after ten seconds", async () => {
  world.ringfence.before = ({ path }) => (path === "/t/number" ? "never" : undefined);
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open("/", { prepare: (page) => page.clock.install() });
  await until(() => world.ringfence.sent("/t/number").length, "the request");
  await page.clock.runFor(9_000);
  assert.deepEqual(await page.evaluate(() => answers), []);
  await page.clock.runFor(1_100);
  // The answer crosses from the network to the page, and is told in a task of its own.
  for (let turn = 0; turn < 100 && !(await page.evaluate(() => answers.length)); turn++) await page.clock.runFor(10);
  assert.deepEqual(await page.evaluate(() => answers), [{ number: null, reason: "timeout" }]);
  assert.equal(await shown(page), "020 7946 0000");
  await close(page);
});

test("without the parameter there is no request at all, and with it the campaign goes along for the whole visit", async () => {
  const head = world.tag(`data-activate="url:rf"`);
  world.site.pages.set("/next", world.html(OWN, { head, ask: false }));
  // No `ringfence('number')` here: a page that calls for a number gets one.
  const body = OWN;
  const named = head.replace("async", `async data-callback="heard"`) + "<script>window.heard = (number, reason) => answers.push({ number, reason })</script>";
  const page = await world.show(body, { head: named, ask: false });
  assert.deepEqual(await answered(page), [{ number: null, reason: "not_activated" }]);
  assert.equal(await shown(page), "020 7946 0000");
  await page.goto(`${world.site.origin}/next`);
  await settled(page);
  assert.deepEqual(world.ringfence.log, []);

  await page.goto(`${world.site.origin}/?rf=summer`);
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  await page.goto(`${world.site.origin}/next`);
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0123"));
  assert.deepEqual(world.ringfence.sent("/t/number").map(({ campaign, visit }) => [campaign, visit]), [["summer", undefined], ["summer", "visit-1"]]);

  // Another tab was not activated.
  const tab = await world.open("/next", { context: page.context() });
  await settled(tab);
  assert.equal(world.ringfence.log.length, 2);
  await close(page);
});

test("a page that calls for a number gets one without being activated", async () => {
  const page = await world.show(OWN, { head: world.tag(`data-activate="call"`) });
  assert.equal(await shown(page), LONDON.national);
  assert.equal(world.ringfence.sent("/t/number").length, 1);
  await close(page);
});

test("calls for the page's number share one request, and each hears once", async () => {
  const page = await world.show(OWN, { head: world.tag(`data-callback="app.heard"`) });
  await page.evaluate(() => {
    window.app = { heard: (number) => answers.push(number.e164) };
    ringfence("number", {}, (number) => answers.push(number.e164));
    ringfence("number", undefined, (number) => answers.push(number.e164));
    ringfence("number");
  });
  await answered(page, 3);
  await settled(page);
  const answers = await page.evaluate(() => window.answers.slice(1));
  assert.ok(answers.every((e164) => e164 === LONDON.e164));
  assert.equal(world.ringfence.sent("/t/number").length, 1);
  await close(page);
});

test("the named callback is called exactly once, though it is defined after the answer", async () => {
  const body = `${OWN}<script>setTimeout(() => (window.late = (number, reason) => answers.push([number?.e164, reason])), 200)</script><img src="/slow">`;
  world.site.pages.set("/", world.html(body, { head: world.tag(`data-callback="late"`), ask: false }));
  const page = await world.open("/", {
    prepare: (page) =>
      page.route("**/slow", async (route) => {
        // The page's load event waits for this picture.
        await until(() => world.ringfence.sent("/t/number").length, "the request");
        await page.waitForFunction(() => typeof window.late === "function");
        await route.abort();
      }),
  }).catch((error) => assert.fail(error));
  await answered(page);
  await settled(page);
  assert.deepEqual(await page.evaluate(() => answers), [[LONDON.e164, undefined]]);
  await close(page);
});

test("a callback that throws is the page's own error, and hinders nothing", async () => {
  const page = await world.show(OWN, { head: world.tag(`data-callback="heard"`) + `<script>function heard() { throw new Error("the page's own") }</script>` });
  await settled(page);
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(page.complaints, ["Error: the page's own"]);
  await close(page);
});

test("a campaign's number is asked for apart, and shown only where it is said", async () => {
  const page = await world.show(`${OWN}<p>01632 960000</p>`);
  world.ringfence.number = { e164: "+441632960123", national: "01632 960123", international: "+44 1632 960123" };
  await page.evaluate(() => ringfence("number", { campaign: "boilers", tags: { make: "any" }, swap: ["01632 960000"] }, (number, reason) => answers.push({ number, reason })));
  const [, { number }] = await answered(page, 2);
  assert.equal(number.campaign, "boilers");
  assert.deepEqual(await page.$$eval("p", (all) => all.map((one) => one.textContent)), ["020 7946 0123", "01632 960123"]);
  const [, request] = world.ringfence.sent("/t/number");
  assert.deepEqual([request.campaign, request.visit, request.tags], ["boilers", "visit-1", { make: "any" }]);
  await close(page);
});

test("without consent nothing is asked and nothing kept, and with it both", async () => {
  const stored = (page) => page.evaluate(() => Object.keys(localStorage).concat(Object.keys(sessionStorage), document.cookie ? ["cookie"] : []));
  world.site.pages.set("/", world.html(OWN, { head: world.tag(`data-consent="wait"`) }));
  const page = await world.open("/?utm_source=news");
  await page.waitForLoadState("load");
  await settled(page);
  assert.deepEqual([await stored(page), world.ringfence.log, await page.evaluate(() => answers)], [[], [], []]);
  await page.evaluate(() => ringfence("consent", true));
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(await stored(page), ["ringfence:KEY"]);

  await page.evaluate(() => ringfence("consent", false));
  await settled(page);
  assert.equal(await shown(page), "020 7946 0000");
  assert.deepEqual(await stored(page), []);
  await until(() => world.ringfence.sent("/t/event").length, "the release");
  assert.equal(world.ringfence.sent("/t/event")[0].kind, "release");

  await page.evaluate(() => ringfence("consent", true));
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0123"));
  assert.equal(world.ringfence.visits.size, 2);
  await close(page);
});

test("a consent that comes late does not show a token that is too old", async () => {
  world.site.pages.set("/", world.html(OWN, { head: world.tag(`data-consent="wait"`) }));
  const page = await world.open("/", { prepare: (page) => page.clock.install() });
  await page.waitForLoadState("load");
  await page.clock.runFor(5 * 60_000);
  await page.evaluate(() => ringfence("consent", true));
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0123"));
  assert.deepEqual(world.ringfence.log.map(({ path, body }) => body?.token ?? path), ["/t/token", "token-2"]);
  await close(page);
});

test("a consent given before the script has loaded counts, and a refusal is told", async () => {
  const head = world.tag(`data-consent="wait"`);
  const page = await world.show(OWN + `<script>ringfence("consent", true)</script>`, { head });
  assert.equal(await shown(page), LONDON.national);
  await close(page);
  const refused = await world.show(OWN + `<script>ringfence("consent", false)</script>`, { head });
  assert.deepEqual(await answered(refused), [{ number: null, reason: "consent" }]);
  assert.equal(world.ringfence.visits.size, 1);
  await close(refused);
});

test("where consent is off nothing is asked, whatever the page calls", async () => {
  const page = await world.show(OWN + `<script>ringfence("consent", true)</script>`, { head: world.tag(`data-consent="off"`) });
  await page.evaluate(() => ringfence("number", { campaign: "x" }, (number, reason) => answers.push({ number, reason })));
  assert.deepEqual(await answered(page, 2), Array(2).fill({ number: null, reason: "consent" }));
  assert.deepEqual(world.ringfence.log, []);
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await close(page);
});

test("a consent taken back while the question is under way keeps nothing", async () => {
  let release;
  const lend = world.ringfence.lend;
  world.ringfence.before = ({ path }) => (path === "/t/number" ? "never" : undefined);
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open("/", {
    prepare: (page) => page.route("**/t/number", async (route) => {
      const body = JSON.parse(route.request().postData());
      await new Promise((resolve) => (release = resolve));
      await route.fulfill({ json: lend(body, "visit-9"), headers: { "access-control-allow-origin": "*" } });
    }),
  });
  await until(() => release, "the question");
  await page.evaluate(() => ringfence("consent", false));
  release();
  await until(() => world.ringfence.sent("/t/event").length, "the release of the late number");
  assert.deepEqual(world.ringfence.sent("/t/event")[0], { site: "KEY", visit: "visit-9", lease: "lease-visit-9-", kind: "release" });
  assert.equal(await shown(page), "020 7946 0000");
  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), []);
  await close(page);
});

test("beats go out while the page is looked at, and a lease that is over is asked for anew", async () => {
  world.ringfence.beat = 1;
  let beats = 0;
  world.ringfence.beaten = () => [{}, { reason: "too_many_requests" }, { reason: "unavailable" }, { reason: "lease_expired" }][beats++] ?? {};
  const page = await world.show(OWN);
  world.ringfence.number = { e164: "+442079460124", national: "020 7946 0124", international: "+44 20 7946 0124" };
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0124"));
  assert.equal(world.ringfence.sent("/t/number").length, 2);
  const { page: url, referrer, targets, calls, ...beat } = world.ringfence.sent("/t/beat")[0];
  assert.deepEqual(beat, { site: "KEY", visit: "visit-1", lease: "lease-visit-1-" });
  assert.deepEqual([url, targets], [`${world.site.origin}/`, [["+44 20 7946 0000", true]]], "with the first one goes what stands on the page");
  assert.equal(world.ringfence.sent("/t/number")[1].visit, "visit-1");
  // A lease that cannot be had again leaves the page's own number.
  world.ringfence.lend = () => ({ number: null, reason: "no_number" });
  beats = 3;
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0000"));
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("the first beat of each page tells which targets stand on it, at once where a test asks for it", async () => {
  world.ringfence.swap = ["+44 20 7946 0000", "+44 1632 960000", "+44 1632 960001"];
  const page = await world.show(`${OWN}<div id="more"><p>01632 960000</p></div>`, { path: "/?rf-test=1" });
  const told = () => world.ringfence.sent("/t/beat").filter(({ targets }) => targets).map(({ page, targets }) => [new URL(page).pathname, targets.filter(([, found]) => found).map(([target]) => target)]);
  await until(() => told().length, "the first report");
  await page.evaluate(() => {
    history.pushState({}, "", "/next?rf-test=1");
    document.getElementById("more").innerHTML = "<p>01632 960001</p>";
  });
  await until(() => told().length === 2, "the report of the next page");
  assert.deepEqual(told(), [
    ["/", ["+44 20 7946 0000", "+44 1632 960000"]],
    ["/next", ["+44 20 7946 0000", "+44 1632 960001"]],
  ]);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("no beat goes out while the page is hidden, and one within a second when it is back", async () => {
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open("/", { prepare: (page) => page.clock.install() });
  for (let turn = 0; turn < 200 && !(await page.evaluate(() => answers.length)); turn++) await page.clock.runFor(20);
  const visible = (state) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await visible("hidden");
  await page.clock.runFor(120_000);
  assert.equal(world.ringfence.sent("/t/beat").length, 0);
  await visible("visible");
  await page.clock.runFor(1000);
  await until(() => world.ringfence.sent("/t/beat").length === 1, "the beat");
  await visible("visible");
  await settledWithClock(page);
  assert.equal(world.ringfence.sent("/t/beat").length, 1);
  await close(page);
});
const settledWithClock = (page) => page.clock.runFor(100);

test("events and tags of a visit reach the server", async () => {
  const page = await world.show(OWN + `<script>ringfence("event", "quote", { amount: 95 })</script>`);
  await page.evaluate(() => ringfence("tag", { plan: "gold" }));
  await until(() => world.ringfence.sent("/t/event").length === 2, "both");
  assert.deepEqual(new Map(world.ringfence.sent("/t/event").map(({ kind, name, data, visit }) => [kind, { name, data, visit }])), new Map([
    ["event", { name: "quote", data: { amount: 95 }, visit: "visit-1" }],
    ["tag", { name: undefined, data: { plan: "gold" }, visit: "visit-1" }],
  ]));
  await close(page);
});

test("calls that mean nothing are passed over", async () => {
  const page = await world.show(OWN + `<script>ringfence(); ringfence("dance"); ringfence("number", 7, 7); ringfence("tag", null); ringfence("constructor"); ringfence.q.push(null)</script>`);
  await page.evaluate(() => ringfence("event"));
  await settled(page);
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a browser without storage is served page by page", async () => {
  world.site.pages.set("/", world.html(OWN));
  const page = await world.open("/", {
    prepare: (page) =>
      page.addInitScript(() => {
        for (const name of ["localStorage", "sessionStorage"])
          Object.defineProperty(window, name, { get: () => { throw new DOMException("denied", "SecurityError") } });
      }),
  });
  await answered(page);
  assert.equal(await shown(page), LONDON.national);
  await page.evaluate(() => ringfence("number", { campaign: "x" }, () => answers.push(0)));
  await answered(page, 2);
  assert.equal(world.ringfence.sent("/t/number")[1].visit, "visit-1");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("storage that somebody else wrote to does no harm", async () => {
  world.site.pages.set("/", world.html(OWN, { head: `<script>localStorage["ringfence:KEY"] = location.search.slice(1)</script>${world.tag()}` }));
  for (const text of ["{", "null", "7", "[]", '{"credential":7,"seen":"x"}']) {
    const page = await world.open(`/?${text}`);
    await answered(page);
    assert.equal(await shown(page), LONDON.national, text);
    await close(page);
  }
});

test("several sites on a page, of one Ringfence and of two, do not disturb each other", async () => {
  const other = new (world.ringfence.constructor)();
  await other.start();
  other.swap = ["+44 1632 960000"];
  other.number = { e164: "+441632960456", national: "01632 960456", international: "+44 1632 960456" };
  const lend = world.ringfence.lend;
  world.ringfence.lend = (body, visit) => ({ ...lend(body, visit), swap: body.site === "KEY" ? ["+44 20 7946 0000"] : ["+44 20 7946 0999"] });
  try {
    const body = `${OWN}<p>020 7946 0999</p><p>01632 960000</p>
      <script>
        ringfence("number", { site: "SECOND" }, (number) => answers.push({ second: number.lease }));
        ringfence("number", { site: "THIRD" }, (number) => answers.push({ third: number.e164 }));
      </script>`;
    const page = await world.show(body, { head: world.tag() + world.tag("", { site: "SECOND" }) + world.tag("", { site: "THIRD", origin: other.origin }) });
    const answers = await answered(page, 3);
    assert.equal(answers.filter(({ second }) => second).length, 1);
    assert.equal(answers.find(({ third }) => third).third, "+441632960456");
    await page.waitForFunction(() => [...document.querySelectorAll("p")].every((one) => !/0000$|0999$/.test(one.textContent)));
    assert.deepEqual(await page.$$eval("p", (all) => all.map((one) => one.textContent)), ["020 7946 0123", "020 7946 0123", "01632 960456"]);
    assert.deepEqual(page.complaints, []);
    assert.deepEqual(await page.evaluate(() => Object.keys(localStorage).sort()), ["ringfence:KEY", "ringfence:SECOND", "ringfence:THIRD"]);
    await close(page);
  } finally {
    other.stop();
  }
});

test("a tag pasted twice asks once", async () => {
  const page = await world.show(OWN, { head: world.tag() + world.tag() });
  await page.waitForLoadState("load");
  await settled(page);
  assert.equal(world.ringfence.sent("/t/number").length, 1);
  await close(page);
});

test("a script tag without a site does nothing", async () => {
  const page = await world.show(OWN, { ask: false, head: `<script src="${world.ringfence.origin}/tag.js"></script><script>answers.push(0)</script>` });
  await settled(page);
  assert.deepEqual(world.ringfence.log, []);
  assert.equal(await page.evaluate(() => typeof window.ringfence), "undefined");
  await close(page);
});

test("an element named ringfence in the page is not taken for the queue", async () => {
  const page = await world.show(`<div id="ringfence"></div>${OWN}`, { ask: false, head: world.tag(`data-callback="heard"`) + "<script>function heard(number) { answers.push(number.e164) }</script>" });
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(page.complaints, []);
  await close(page);
});
