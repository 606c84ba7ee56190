// Consent as others say it: Google's consent mode, Global Privacy Control, Do Not Track.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { answered, settled, World } from "./world.mjs";

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const OWN = "<p>020 7946 0000</p>";
const shown = (page) => page.textContent("p");
const close = (page) => page.context().close();
const GTAG = "<script>window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }</script>";

test("Google's consent mode decides when the tag is told to follow it, and may change its mind", async () => {
  const head = GTAG + `<script>gtag("consent", "default", { ad_storage: "denied", analytics_storage: "denied" })</script>` + world.tag(`data-consent="google:ad_storage,analytics_storage"`);
  world.site.pages.set("/", world.html(OWN, { head }));
  const page = await world.open();
  await page.waitForLoadState("load");
  await settled(page);
  const nothing = async (told) => assert.deepEqual([world.ringfence.log, await page.evaluate(() => [answers.map(({ reason }) => reason), localStorage.length])], [[], [told, 0]]);
  // Denied by default: nobody was asked yet, so nobody hears an answer.
  await nothing([]);
  await page.evaluate(() => gtag("consent", "update", { ad_storage: "granted" }));
  await answered(page);
  await nothing(["consent"]);
  await page.evaluate(() => gtag("consent", "update", { analytics_storage: "granted" }));
  await page.waitForFunction(() => document.querySelector("p").textContent.endsWith("0123"));
  assert.equal(await shown(page), "020 7946 0123");
  await page.evaluate(() => gtag("consent", "update", { ad_storage: "denied" }));
  await settled(page);
  assert.equal(await shown(page), "020 7946 0000");
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("what Google's consent mode granted before the tag came counts, and other kinds do not matter", async () => {
  const head = GTAG + `<script>gtag("consent", "default", { ad_storage: "granted", analytics_storage: "denied" })</script>` + world.tag(`data-consent="google"`);
  const page = await world.show(OWN, { head });
  assert.equal(await shown(page), "020 7946 0123");
  await close(page);
});

for (const [name, script, honour, asked] of [
  ["Global Privacy Control is honoured as configured", "globalPrivacyControl", "gpc", false],
  ["Global Privacy Control does not matter where it is not configured", "globalPrivacyControl", "dnt", true],
  ["Do Not Track is honoured as configured", "doNotTrack", "gpc,dnt", false],
]) {
  test(name, async () => {
    world.site.pages.set("/", world.html(OWN, { head: world.tag(`data-honour="${honour}"`) }));
    const value = script === "doNotTrack" ? "1" : true;
    const page = await world.open("/", {
      prepare: (page) => page.addInitScript(([key, value]) => Object.defineProperty(navigator, key, { get: () => value }), [script, value]),
    });
    const [{ reason }] = await answered(page);
    assert.equal(reason, asked ? undefined : "consent");
    assert.equal(world.ringfence.log.length, asked ? 1 : 0);
    assert.equal(await shown(page), asked ? "020 7946 0123" : "020 7946 0000");
    await close(page);
  });
}
