// An agent signs in, is not rung, says to be available and is rung; the rest after the call is shown as it begins and
// ended by a click. SIPp is the caller and the agent's telephone.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { obstacles } from "./axe.mjs";
import { launch, newPage } from "./browser.mjs";
import { answering } from "./desk.mjs";
import { dial } from "./dial.mjs";
import { ROOT, Server } from "./program.mjs";

const PICTURES = join(ROOT, "target/screenshots");
const NUMBER = "+442079460101";
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

let server, browser, desk;
before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  server = await new Server().start();
  desk = await answering(server.folder);
  browser = await launch();
  server.run(["user", "add", "--email", "ann@example.com", "--name", "Ann Lee", "--role", "agent", "--password-stdin"], `${server.password}\n`);
  writeFileSync(
    join(server.folder, "arrangement.toml"),
    `[[trunk]]
name = "Carrier"
addresses = ["127.0.0.1"]
country = "GB"
[[target]]
name = "Ann's desk"
uri = "${desk.address}"
agent = "ann@example.com"
wrap_up = 600
[[group]]
name = "Sales"
targets = ["Ann's desk"]
[[plan]]
name = "Main"
ring = ["Sales"]
[[number]]
e164 = "${NUMBER}"
plan = "Main"
`,
  );
  server.run(["apply", "arrangement.toml"]);
});
after(async () => {
  await browser?.close();
  desk?.process.kill();
  if (server) assert.equal(await server.stop(), 0, `the server ends without a fault:\n${server.output}`);
});

async function signedIn(email, options) {
  const page = await newPage(browser, options);
  await page.goto(`http://${server.http}/`);
  await page.getByLabel("Mail address").fill(email);
  await page.getByLabel("Password").fill(server.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

const shot = (page, name) => page.screenshot({ path: join(PICTURES, `agent-${name}.png`), fullPage: true });

test("an agent says to be available, is rung, and ends the rest by a click", async () => {
  const ann = await signedIn("ann@example.com");
  // What `apply` wrote is known to the server within seconds.
  const place = ann.getByRole("link", { name: "Agent", exact: true });
  for (const end = Date.now() + 60_000; (await place.count()) === 0; ) {
    assert.ok(Date.now() < end, "the place of an agent is in the navigation");
    await ann.reload();
  }
  await place.click();
  const now = ann.locator(".agent-now");
  await now.getByText("Signed out").waitFor();
  await assert.rejects(dial(server.sip, NUMBER, "+441632960001"), /expected the call/, "who is signed out is not rung");

  await ann.getByRole("button", { name: "Meal" }).click();
  await now.getByText("On a break").waitFor();
  await shot(ann, "break");
  const owner = await signedIn(server.email, { colorScheme: "dark" });
  await owner.goto(`http://${server.http}/live`);
  const row = owner.locator(".person", { hasText: "Ann Lee" });
  await row.getByText("On a break").waitFor();

  await ann.getByRole("button", { name: "Available" }).click();
  await now.getByText("Available").waitFor();
  // Nobody loads the page again.
  await row.getByText("Available").waitFor();
  await dial(server.sip, NUMBER, "+441632960002");
  await now.getByText("Wrapping up").waitFor();
  await row.getByText("Wrapping up").waitFor();
  await shot(ann, "wrapping-up");
  await shot(owner, "live-dark");
  await assert.rejects(dial(server.sip, NUMBER, "+441632960003"), /expected the call/, "who wraps up is not rung");
  await ann.getByRole("button", { name: "Ready" }).click();
  await now.getByText("Available").waitFor();
  await dial(server.sip, NUMBER, "+441632960004");
  await now.getByText("Wrapping up").waitFor();

  await ann.reload();
  assert.equal(await ann.locator("main table tbody tr").count(), 2, "the calls of today that were answered");
  await owner.goto(`http://${server.http}/calls`);
  await owner.getByRole("link", { name: /960003/ }).click();
  await owner.getByText(/Ann's desk \(wrapping up for another \d+ s\)/).first().waitFor();
  await owner.goto(`http://${server.http}/targets`);
  await owner.locator(".person", { hasText: "Agent: Ann Lee" }).getByText("Wrapping up").waitFor();

  const small = await signedIn("ann@example.com", PHONE);
  await small.goto(`http://${server.http}/agent`);
  assert.ok((await small.evaluate(() => document.documentElement.scrollWidth)) <= 360, "the page fits a phone");
  await shot(small, "phone");
  const found = [await obstacles(ann, "agent"), await obstacles(small, "agent on a phone"), await obstacles(owner, "targets, dark")];
  assert.deepEqual(found.flat(), []);
  await small.getByRole("button", { name: "Sign out of calls" }).click();
  await now.getByText("Signed out").waitFor();
  assert.deepEqual([...ann.complaints, ...owner.complaints, ...small.complaints], []);
});
