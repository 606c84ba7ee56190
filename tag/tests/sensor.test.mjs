// What pages do that locks their visitors in: it is counted and told, nothing of it changes, and a number that is taken back goes.
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
const beats = () => world.ringfence.sent("/t/beat");

test("what locks visitors in is counted from when the tag has loaded, and told with beats and the next request", async () => {
  world.ringfence.beat = 1;
  const page = await world.show(OWN);
  assert.deepEqual(world.ringfence.sent("/t/number")[0].calls, {});
  page.on("dialog", (dialog) => dialog.dismiss());
  await page.evaluate(async () => {
    const quiet = (promise) => promise?.catch(() => {});
    await quiet(document.body.requestFullscreen());
    await quiet(document.querySelector("p").requestFullscreen());
    await quiet(navigator.keyboard.lock(["Escape"]));
    await quiet(document.body.requestPointerLock());
    alert("one");
    confirm("two");
    confirm("three");
    addEventListener("beforeunload", () => {});
    addEventListener("click", () => {});
    document.body.addEventListener("beforeunload", () => {});
  });
  const counts = { requestFullscreen: 2, lock: 1, requestPointerLock: 1, alert: 1, confirm: 2, addEventListener: 2 };
  await until(() => beats().some(({ calls }) => calls.addEventListener === 2), "a beat with the counts");
  assert.deepEqual(beats().at(-1).calls, counts);
  assert.equal(beats().at(-1).page, `${world.site.origin}/`, "with the page that they are of");
  await page.evaluate(() => ringfence("number", { campaign: "x" }, (number) => answers.push({ number })));
  await answered(page, 2);
  assert.deepEqual(world.ringfence.sent("/t/number")[1].calls, counts);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a question before leaving that is set as a handler counts too", async () => {
  world.ringfence.beat = 1;
  const page = await world.show(OWN);
  await page.evaluate(() => void (onbeforeunload = () => "stay"));
  await until(() => beats().some(({ calls }) => calls.addEventListener === 1), "a beat with the count");
  await page.evaluate(() => void (onbeforeunload = null));
  await close(page);
});

test("what is counted does what it always did, and looks the same", async () => {
  const counted = await world.show(OWN);
  const bare = await world.show(OWN, { ask: false, head: "<script>answers.push(0)</script>" });
  const told = async (page) => {
    page.on("dialog", (dialog) => (dialog.type() === "prompt" ? dialog.accept("typed") : dialog.dismiss()));
    return page.evaluate(async () => {
      const owners = { alert: window, confirm: window, prompt: window, addEventListener: EventTarget.prototype, requestFullscreen: Element.prototype, requestPointerLock: Element.prototype };
      const seen = Object.entries(owners).map(([name, owner]) => {
        const { writable, enumerable, configurable, value } = Object.getOwnPropertyDescriptor(owner, name);
        return [name, writable, enumerable, configurable, typeof value, value.name, value.length, /^function \w*\(\) { \[native code] }$/.test(Function.prototype.toString.call(value)), Object.keys(value)];
      });
      const failure = async (act) => {
        try {
          await act();
          return "done";
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      };
      const heard = [];
      const bare = addEventListener;
      bare("test", function (event) { heard.push(this === window, event.type) }, { once: true });
      const target = new EventTarget();
      heard.push(target.addEventListener("test", () => heard.push("own")));
      for (const each of [window, window, target]) each.dispatchEvent(new Event("test"));
      return {
        seen,
        heard,
        dialogs: [alert("x"), confirm("x"), prompt("x")],
        failures: [
          await failure(() => Element.prototype.requestFullscreen.call({})),
          await failure(() => document.body.requestFullscreen()),
          await failure(() => addEventListener("beforeunload")),
          await failure(() => new alert("x")),
          await failure(() => navigator.keyboard.lock(7)),
        ],
      };
    });
  };
  assert.deepEqual(await told(counted), await told(bare));
  assert.deepEqual(counted.complaints, bare.complaints);
  await close(counted);
  await close(bare);
});

test("a page that has put something else in the place of a dialog, or sealed it, gets its number", async () => {
  const head = `<script>window.alert = null; window.confirm = function mine() { return "mine" }; Object.freeze(Element.prototype)</script>${world.tag()}`;
  const page = await world.show(OWN, { head });
  assert.equal(await shown(page), LONDON.national);
  assert.deepEqual(await page.evaluate(() => [window.alert, confirm("x"), confirm.name]), [null, "mine", "mine"]);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("a number that is taken back goes within one beat, its callbacks hear why, and nothing more is asked", async () => {
  world.ringfence.beat = 1;
  const head = world.tag(`data-callback="heard"`) + "<script>function heard(number, reason) { answers.push({ number, reason }) }</script>";
  const page = await world.show(OWN, { head });
  await answered(page, 2);
  assert.equal(await shown(page), LONDON.national);
  world.ringfence.beaten = () => ({ number: null, reason: "withdrawn" });
  world.ringfence.lend = () => ({ number: null, reason: "withdrawn" });
  const answers = await answered(page, 4);
  assert.equal(await shown(page), "020 7946 0000");
  assert.deepEqual(answers.slice(2), Array(2).fill({ number: null, reason: "withdrawn" }));
  const asked = world.ringfence.log.length;
  await page.evaluate(() => ringfence("number", {}, (number, reason) => answers.push({ number, reason })));
  assert.deepEqual((await answered(page, 5))[4], { number: null, reason: "withdrawn" });
  await settled(page);
  assert.equal(world.ringfence.log.length, asked);
  assert.deepEqual(page.complaints, []);
  await close(page);
});
