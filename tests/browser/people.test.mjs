// Somebody is invited, joins by the link, is given a role, and is shown out again; each in a browser of their own.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, newPage } from "./browser.mjs";
import { Demo, ROOT } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const PASSWORD = "correct horse battery";
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

/** A part of the list of people, by the mail address in it. */
const person = (page, email) => page.locator(".person", { hasText: email });

test("somebody is invited, joins, is given a role and is disabled", async () => {
  const owner = await newPage(browser);
  await owner.goto(demo.signIn);
  await owner.getByRole("link", { name: "People" }).first().click();

  // By keys alone: the form is filled and sent from the keyboard.
  await owner.getByLabel("Mail address").focus();
  await owner.keyboard.type("cem@example.com");
  await owner.keyboard.press("Tab");
  await owner.keyboard.press("ArrowUp");
  assert.ok(await owner.getByRole("radio", { name: "Analyst" }).isChecked(), "the arrow chooses the role");
  await owner.keyboard.press("Enter");
  await owner.locator("#invitation-link").waitFor();
  const link = await owner.locator("#invitation-link").textContent();
  await owner.screenshot({ path: join(PICTURES, "people-invited.png"), fullPage: true });
  await owner.goto(at("/people"));
  assert.ok(!(await owner.content()).includes(link), "the link is shown once");

  const cem = await newPage(browser, { ...PHONE, colorScheme: "dark" });
  await cem.goto(link);
  assert.ok((await cem.evaluate(() => document.documentElement.scrollWidth)) <= 360, "the door fits a phone");
  await cem.screenshot({ path: join(PICTURES, "invitation-phone-dark.png"), fullPage: true });
  await cem.getByLabel("Your name").fill("Cem Aydin");
  await cem.getByLabel("Password").fill(PASSWORD);
  await cem.getByRole("button", { name: "Join" }).click();
  await cem.waitForURL(demo.dashboard);
  await cem.goto(at("/sites"));
  assert.equal(await cem.getByRole("button", { name: "Add site" }).count(), 0, "an analyst changes nothing");

  await owner.reload();
  await person(owner, "cem@example.com").getByLabel("Role of Cem Aydin").selectOption("admin");
  await person(owner, "cem@example.com").getByRole("button", { name: "Change the role of Cem Aydin" }).click();
  await owner.getByText("The role was changed").waitFor();
  await cem.reload();
  assert.equal(await cem.getByRole("button", { name: "Add site" }).count(), 1, "an admin does");

  // The same person in a second browser, which is signed out from the first.
  const other = await newPage(browser, PHONE);
  await other.goto(demo.dashboard);
  await other.getByLabel("Mail address").fill("cem@example.com");
  await other.getByLabel("Password").fill(PASSWORD);
  await other.getByRole("button", { name: "Sign in" }).click();
  await other.waitForURL(demo.dashboard);
  await cem.goto(at("/you"));
  assert.equal(await cem.getByText("This device").count(), 1);
  await cem.locator(".person form button").first().click();
  await cem.getByText("That browser is signed out").waitFor();
  await other.reload();
  assert.match(other.url(), /sign-in/);

  await person(owner, "cem@example.com").getByRole("button", { name: "Disable Cem Aydin" }).click();
  await owner.getByText("is signed out everywhere").waitFor();
  await cem.reload();
  assert.match(cem.url(), /sign-in/, "a disabled user is out at once");
  assert.deepEqual([...owner.complaints, ...cem.complaints, ...other.complaints], []);
});
