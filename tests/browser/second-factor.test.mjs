// A second factor is set up with a code, asked for at the door, and replaced by a recovery code; required of an account, and
// all of it without a script on a phone.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { obstacles } from "./axe.mjs";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let demo, browser;
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const at = (path) => new URL(path, demo.dashboard).href;
const width = (page) => page.evaluate(() => document.documentElement.scrollWidth);

/** An authenticator app (RFC 6238): each step's code once, a step ahead at most. */
class App {
  #next = 0;
  constructor(secret) {
    const bits = [...secret.replaceAll(" ", "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
    this.key = Buffer.from(bits.match(/.{8}/g).map((octet) => Number.parseInt(octet, 2)));
  }

  async code() {
    const present = () => Math.floor(Date.now() / 30_000);
    while (this.#next > present() + 1) await new Promise((resolve) => setTimeout(resolve, 200));
    const step = Math.max(this.#next, present());
    this.#next = step + 1;
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac("sha1", this.key).update(counter).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
  }
}

/** The first step of the way in. */
async function knock(page) {
  await page.goto(at("/sign-in"));
  await page.getByLabel("Mail address").fill(demo.email);
  await page.getByLabel("Password").fill(demo.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/sign-in\/code/);
}

test("a factor is turned on with a code, and asked for from then on", async () => {
  const page = await newPage(browser);
  await page.goto(demo.signIn);
  await page.goto(at("/you"));
  await page.getByRole("link", { name: "Set up a second factor" }).click();
  await page.getByRole("button", { name: "Set it up" }).click();
  await page.getByRole("img", { name: "QR code" }).waitFor();
  assert.deepEqual(await obstacles(page, "second factor"), []);
  await page.screenshot({ path: join(PICTURES, "second-factor-light.png"), fullPage: true });
  const app = new App(await page.locator("#secret").textContent());
  for (const [name, options] of [["phone", PHONE], ["phone-dark", { ...PHONE, colorScheme: "dark" }]]) {
    const phone = await newPage(browser, { ...options, storageState: await page.context().storageState() });
    await phone.goto(at("/you/second-factor"));
    assert.ok((await width(phone)) <= 360, "the page fits a phone");
    assert.deepEqual(await obstacles(phone, name), []);
    await phone.screenshot({ path: join(PICTURES, `second-factor-${name}.png`), fullPage: true });
    assert.deepEqual(phone.complaints, []);
    await phone.context().close();
  }
  await page.getByLabel("The code that the app shows").fill(await app.code());
  await page.getByRole("button", { name: "Turn it on" }).click();
  const codes = (await page.locator("#recovery-codes").textContent()).trim().split("\n");
  assert.equal(codes.length, 10);
  assert.deepEqual(await obstacles(page, "recovery codes"), []);
  await page.screenshot({ path: join(PICTURES, "second-factor-codes.png"), fullPage: true });

  // By the code, without a script.
  const other = await newPage(browser, { ...PHONE, colorScheme: "dark", javaScriptEnabled: false });
  await knock(other);
  await other.screenshot({ path: join(PICTURES, "sign-in-code-phone-dark.png"), fullPage: true });
  await other.getByLabel("Code of your app").fill(await app.code());
  await other.getByRole("button", { name: "Sign in", exact: true }).click();
  await other.waitForURL(demo.dashboard);

  // By a recovery code, once.
  const lost = await newPage(browser, PHONE);
  await knock(lost);
  assert.ok((await width(lost)) <= 360, "the door fits a phone");
  assert.deepEqual(await obstacles(lost, "the code"), []);
  await lost.getByText("Use a recovery code").click();
  await lost.getByLabel("Recovery code").fill(codes[0]);
  await lost.getByRole("button", { name: "Sign in with it" }).click();
  await lost.waitForURL(demo.dashboard);
  await lost.goto(at("/you"));
  await lost.getByText("9 recovery codes left").waitFor();
  assert.deepEqual([...page.complaints, ...other.complaints, ...lost.complaints], []);

  // Required of everybody: who has one notices nothing, who turns it off sets one up before anything else.
  await page.goto(at("/people"));
  await page.getByRole("button", { name: "Require it from everybody" }).click();
  await page.getByText("Required from everybody.").waitFor();
  await page.screenshot({ path: join(PICTURES, "people-second-factor.png"), fullPage: true });
  await page.goto(at("/you/second-factor"));
  await page.getByLabel("Code or password").fill(demo.password);
  await page.getByRole("button", { name: "Turn it off" }).click();
  await page.getByText("Your account requires a second factor").waitFor();
  await page.goto(at("/calls"));
  assert.match(page.url(), /you\/second-factor/);
  assert.deepEqual(await obstacles(page, "a factor that is owed"), []);
  await page.screenshot({ path: join(PICTURES, "second-factor-owed.png"), fullPage: true });
  assert.deepEqual(page.complaints, []);
});
