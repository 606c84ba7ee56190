// A call plan by hand: made from a template, broken, mended by the form of a step, saved, and an older version brought
// back; in both themes and on a phone.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const WIDE = { viewport: { width: 1280, height: 860 } };

let demo, browser, state;
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  demo = await new Demo().start();
  browser = await launch();
  const page = await newPage(browser);
  await page.goto(demo.signIn);
  state = await page.context().storageState();
  await page.context().close();
});
after(async () => {
  await browser?.close();
  if (demo) assert.equal(await demo.stop(), 0, `the demo ends without a fault:\n${demo.output}`);
});

const at = (path) => new URL(path, demo.dashboard).href;
const widthOf = (page) => page.evaluate(() => document.documentElement.scrollWidth);

test("a plan is made, broken, mended, saved and brought back", async () => {
  const page = await newPage(browser, { ...WIDE, storageState: state });
  const shot = (name) => page.screenshot({ path: join(PICTURES, `plan-${name}.png`), fullPage: true });
  await page.goto(at("/plans"));
  await page.getByRole("link", { name: "New plan" }).click();
  await page.getByLabel("Name").fill("Evenings");
  await page.getByRole("radio", { name: /opening hours/ }).check();
  await shot("new");
  await page.getByRole("button", { name: "Go on" }).click();
  assert.equal(await page.locator("svg.flow a.node").count(), 4, "the draft is drawn");
  assert.equal(await page.locator("svg.flow path.edge").count(), 4, "with lines between its steps");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved. Calls that begin from now on go by it").waitFor();
  const plan = new URL(page.url()).pathname;

  // Two mistakes at once, each with its step, and nothing is saved.
  await page.getByRole("link", { name: "Change", exact: true }).click();
  const text = page.getByRole("textbox", { name: "The plan as a text" });
  const sound = await text.inputValue();
  assert.match(sound, /\[steps\.hours\.schedule\.hours\.week\]/);
  await text.fill(sound.replace('otherwise = "closed"', 'otherwise = "nowhere"').replace("builtin:en/closed", "unheard"));
  await page.getByRole("button", { name: "Check", exact: true }).click();
  const told = await page.locator("#told li").allTextContents();
  assert.ok(told.some((line) => /hours: otherwise names the step "nowhere"/.test(line)), told.join("\n"));
  assert.ok(told.some((line) => /closed: `say\.prompt` expected/.test(line)), told.join("\n"));
  assert.equal(await page.locator("svg.flow a.node.wrong").count(), 2);
  await shot("mistakes");

  // The forms of both steps mend it.
  await page.getByRole("button", { name: "Change hours" }).click();
  assert.equal(await page.getByLabel("Outside of them").getAttribute("aria-invalid"), "true");
  await page.getByLabel("Outside of them").selectOption("closed");
  await page.getByLabel("Friday").fill("09:00-12:00");
  await shot("form");
  await page.getByRole("button", { name: "Change step" }).first().click();
  await page.getByRole("button", { name: "Change closed" }).click();
  await page.getByLabel("What the caller hears").selectOption("builtin:en/closed");
  await page.getByLabel("What the caller hears").press("Tab");
  await page.getByRole("button", { name: "Change step" }).first().click();
  await page.getByText("Sound", { exact: true }).waitFor();

  // Tried before it is saved: a Friday afternoon is closed now.
  await page.getByLabel("Time", { exact: true }).fill("2026-12-18T15:00");
  await page.getByRole("button", { name: "Try", exact: true }).click();
  await page.getByText("The plan takes a message of at most").waitFor();
  assert.ok((await page.locator("svg.flow a.node.walked").count()) >= 3);
  await shot("tried");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved. Calls that begin from now on go by it").waitFor();
  assert.equal(new URL(page.url()).pathname, plan);
  assert.match(await page.locator("#main").textContent(), new RegExp(`Version 2[^]*by ${demo.email}`));

  await page.getByText("Bring back").first().click();
  await shot("history");
  await page.getByRole("button", { name: /Yes, bring it back/ }).click();
  await page.getByText("That version holds again").waitFor();
  assert.match(await page.locator("#main .lead").first().textContent(), /Version 3\./);
  await page.goto(at(`${plan}/edit`));
  assert.equal(await page.getByRole("textbox", { name: "The plan as a text" }).inputValue(), sound);
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test("somebody who saved meanwhile is not overwritten unseen", async () => {
  const [one, other] = [await newPage(browser, { storageState: state }), await newPage(browser, { storageState: state })];
  await one.goto(at("/plans"));
  const plan = await one.locator("tbody tr a").first().getAttribute("href");
  for (const page of [one, other]) await page.goto(at(`${plan}/edit`));
  for (const [page, seconds] of [[one, 11], [other, 12]]) {
    await page.getByRole("button", { name: /^Change / }).first().click();
    await page.getByRole("button", { name: "Leave it as it is" }).click();
    const text = page.getByRole("textbox", { name: "The plan as a text" });
    await text.fill(`${await text.inputValue()}\n[steps.message${seconds}.voicemail]\nlongest = ${seconds}\n`);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.waitForLoadState();
  }
  assert.match(await other.getByRole("alert").textContent(), /Nothing was saved: \S+ saved version \d+/);
  assert.match(await other.getByRole("textbox", { name: "The plan as a text" }).inputValue(), /longest = 12/, "what was typed is kept");
  assert.deepEqual(one.complaints, []);
  assert.ok(other.complaints.every((complaint) => /409/.test(complaint)), other.complaints.join("\n"));
  for (const page of [one, other]) await page.context().close();
});

for (const [screen, options] of Object.entries({ dark: { ...WIDE, colorScheme: "dark" }, phone: PHONE, "phone-dark": { ...PHONE, colorScheme: "dark" } })) {
  test(`the editor is whole: ${screen}`, async () => {
    const page = await newPage(browser, { ...options, storageState: state });
    const look = async (name) => {
      assert.ok((await widthOf(page)) <= options.viewport.width, `${name} is ${await widthOf(page)} px wide`);
      await page.screenshot({ path: join(PICTURES, `plan-${name}-${screen}.png`), fullPage: true });
    };
    await page.goto(at("/plans/new"));
    await look("new");
    for (const kind of ["ring", "hours", "menu", "language", "queue"]) {
      await page.goto(at("/plans/new"));
      await page.locator(`input[value=${kind}]`).check();
      await page.getByLabel("Name").fill(`Plan ${kind}`);
      await page.getByRole("button", { name: "Go on" }).click();
      await look(`edit-${kind}`);
      const steps = await page.getByRole("button", { name: /^Change \S/ }).count();
      for (let nth = 0; nth < steps; nth += 1) {
        await page.getByRole("button", { name: /^Change \S/ }).nth(nth).click();
        await page.locator("#step").waitFor();
        await look(`step-${kind}-${nth}`);
        await page.getByRole("button", { name: "Leave it as it is" }).click();
        await page.locator("#step").waitFor({ state: "detached" });
      }
      const text = page.getByRole("textbox", { name: "The plan as a text" });
      await text.fill((await text.inputValue()).replaceAll("builtin:", "nobody-has-this:"));
      await page.getByRole("button", { name: "Check", exact: true }).click();
      await page.locator("#told").waitFor();
      await look(`wrong-${kind}`);
    }
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
}
