// Showing numbers: what is swapped, what is left alone, and how the page may change under it.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { answered, settled, World } from "./world.mjs";

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const text = (page, selector) => page.$eval(selector, (element) => element.textContent);
const html = (page, selector) => page.$eval(selector, (element) => element.innerHTML);
const close = (page) => page.context().close();

const SPLIT = {
  "<b>020</b> 7946 0000": "<b>020</b> 7946 0123",
  "+44 <b>20</b> <i>7946</i> <u>0000</u>": "+44 <b>20</b> <i>7946</i> <u>0123</u>",
  "<span>(020)</span><span>7946</span><span>0000</span>": "<span>(020)</span><span>7946</span><span>0123</span>",
  "0<b>2</b>0 7946 <em>00</em>00": "0<b>2</b>0 7946 <em>01</em>23",
  "020 7946 <!-- a comment -->0000": "020 7946 <!-- a comment -->0123",
  "<span>020 7946 0000</span><span>020 7946 0000</span>": "<span>020 7946 0123</span><span>020 7946 0123</span>",
  "<span>10</span><span>020 7946 0000</span>": "<span>10</span><span>020 7946 0123</span>",
  "<i>Ring</i> 020 7946 0000<sup>*</sup>": "<i>Ring</i> 020 7946 0123<sup>*</sup>",
  "020<div>7946 0000</div>": "020<div>7946 0000</div>",
};

test("a number split over elements is swapped in its elements", async () => {
  const page = await world.show(Object.keys(SPLIT).map((inner) => `<section>${inner}</section>`).join(""));
  const found = await page.$$eval("section", (all) => all.map((one) => one.innerHTML));
  assert.deepEqual(Object.fromEntries(Object.keys(SPLIT).map((inner, at) => [inner, found[at]])), SPLIT);
  await close(page);
});

test("a split number of another grouping keeps each element", async () => {
  world.ringfence.number = { e164: "+12125550123", national: "(212) 555-0123", international: "+1 212-555-0123" };
  const page = await world.show("<p><b>020</b> <i>7946</i> <u>0000</u></p>");
  assert.equal(await html(page, "p"), "<b>+1 212 555 0123</b><i></i><u></u>");
  await page.evaluate(() => ringfence("release"));
  await settled(page);
  assert.equal(await html(page, "p"), "<b>020</b> <i>7946</i> <u>0000</u>");
  await close(page);
});

test("what people do not read as the page's text is left alone", async () => {
  const alone = {
    "script[type]": `<script type="application/ld+json">{"telephone":"+44 20 7946 0000"}</script>`,
    style: `<style>p::after{content:"020 7946 0000"}</style>`,
    textarea: `<textarea>020 7946 0000</textarea>`,
    select: `<select><option>020 7946 0000</option></select>`,
    template: `<template><p>020 7946 0000</p></template>`,
    noscript: `<noscript>020 7946 0000</noscript>`,
    "[contenteditable]": `<div contenteditable><p>020 7946 0000</p></div>`,
    "#ignored": `<div id="ignored" data-rf-ignore><p>020 7946 0000 <a href="tel:02079460000">x</a></p></div>`,
    "#inline": `<p id="inline">a <span data-rf-ignore>020 7946 0000</span></p>`,
    svg: `<svg><style>020 7946 0000</style><title></title></svg>`,
  };
  const page = await world.show(`<p id="own">020 7946 0000</p><input value="020 7946 0000"><img alt="020 7946 0000">` + Object.values(alone).join(""));
  assert.equal(await text(page, "#own"), "020 7946 0123");
  for (const selector of Object.keys(alone)) assert.doesNotMatch(await page.$eval(selector, (one) => one.outerHTML), /0123/, selector);
  assert.equal(await page.$eval("input", (input) => input.value), "020 7946 0000");
  assert.equal(await page.$eval("img", (image) => image.alt), "020 7946 0000");
  assert.equal(await page.title(), "020 7946 0000");
  await close(page);
});

test("an island that may not be edited within one that may is left alone too, and text beside it is not", async () => {
  const page = await world.show(`<div contenteditable="false" id="plain">020 7946 0000</div><div contenteditable><b contenteditable="false">020 7946 0000</b></div>`);
  assert.equal(await text(page, "#plain"), "020 7946 0123");
  assert.equal(await text(page, "b"), "020 7946 0000");
  await close(page);
});

test("whatever a page changes is swapped before the next task", async () => {
  const page = await world.show(`<p id="edited">One moment</p><p id="node"></p><p id="split"><b>020</b> <i>7946 0001</i></p><a id="link" href="#">x</a><div id="added"></div>`);
  const seen = await page.evaluate(async () => {
    const find = (id) => document.getElementById(id);
    // As frameworks do it: text set in place, nodes made, attributes set.
    find("edited").firstChild.nodeValue = "Call 020 7946 0000";
    find("node").append("020 7946", " 0000");
    find("split").lastChild.firstChild.data = "7946 0000";
    find("link").href = "tel:+442079460000";
    find("added").innerHTML = `<ul><li><a href="tel:02079460000">(020) 7946 0000</a></ul>`;
    await Promise.resolve();
    return ["edited", "node", "split", "added"].map((id) => find(id).textContent).concat(find("link").href, find("added").querySelector("a").href);
  });
  assert.deepEqual(seen, ["Call 020 7946 0123", "020 7946 0123", "020 7946 0123", "(020) 7946 0123", "tel:+442079460123", "tel:02079460123"]);
  await close(page);
});

test("a link whose text is split keeps its number when only its address changes", async () => {
  world.ringfence.number = { e164: "+441614960123", national: "0161 496 0123", international: "+44 161 496 0123" };
  const page = await world.show(`<p><a href="#">020</a> 7946 0000</p>`);
  assert.equal(await text(page, "p"), "0161 496 0123");
  await page.evaluate(async () => {
    document.querySelector("a").href = "tel:02079460000";
    await Promise.resolve();
  });
  await settled(page);
  assert.equal(await text(page, "p"), "0161 496 0123");
  assert.equal(await page.$eval("a", (a) => a.getAttribute("href")), "tel:01614960123");
  await close(page);
});

test("elements that come while the page still loads are swapped", async () => {
  const page = await world.show(`<p>020 7946 0000</p><script>addEventListener("load", () => document.body.insertAdjacentHTML("beforeend", "<p>020 7946 0000</p>"))</script>`);
  await page.waitForLoadState("load");
  await settled(page);
  assert.deepEqual(await page.$$eval("p", (all) => all.map((one) => one.textContent)), ["020 7946 0123", "020 7946 0123"]);
  await close(page);
});

test("the tag's own writes do not set it off again, and a page that undoes them is left in peace", async () => {
  const page = await world.show(`<p id="calm">020 7946 0000</p><p id="fight">-</p>`);
  const { writes, undone } = await page.evaluate(async () => {
    let writes = 0;
    new MutationObserver((records) => (writes += records.length)).observe(document.getElementById("calm"), { characterData: true, subtree: true });
    document.getElementById("calm").firstChild.data = "020 7946 0000!";
    await new Promise((resolve) => setTimeout(resolve, 0));
    let undone = 0;
    const node = document.getElementById("fight").firstChild;
    new MutationObserver(() => {
      if (node.data !== "020 7946 0000") {
        undone++;
        node.data = "020 7946 0000";
      }
    }).observe(node, { characterData: true });
    node.data = "020 7946 0000 ";
    await new Promise((resolve) => setTimeout(resolve, 0));
    return { writes, undone };
  });
  assert.equal(writes, 3, "the page's write and the tag's: the new digits come, the old ones go");
  assert.ok(undone < 200, `the two went on for ${undone} turns`);
  await close(page);
});

test("nothing moves when a number of the same length comes", async () => {
  const page = await world.show(
    `<style>body{font:16px monospace;text-align:center}</style><h1>Plumbers</h1><p>Ring <b>020</b> 7946 0000 <i>now</i></p><p><a href="tel:02079460000">020 7946 0000</a> day and night</p>`,
    {
      prepare: (page) =>
        page.addInitScript(() => {
          window.shift = 0;
          new PerformanceObserver((list) => list.getEntries().forEach((entry) => (window.shift += entry.value))).observe({ type: "layout-shift", buffered: true });
        }),
    },
  );
  assert.equal(await text(page, "a"), "020 7946 0123");
  await settled(page);
  await settled(page);
  assert.equal(await page.evaluate(() => window.shift), 0);
  await close(page);
});

test("a release puts everything back as it was, and the page may go on changing", async () => {
  const page = await world.show(`<p id="a">Ring <b>(020)</b> 7946-0000</p><a href="tel:+442079460000">x</a><p id="c"></p>`);
  assert.equal(await text(page, "#a"), "Ring (020) 7946-0123");
  await page.evaluate(() => ringfence("release"));
  await page.evaluate(() => (document.getElementById("c").textContent = "020 7946 0000"));
  await settled(page);
  assert.equal(await html(page, "#a"), "Ring <b>(020)</b> 7946-0000");
  assert.equal(await page.$eval("a", (a) => a.getAttribute("href")), "tel:+442079460000");
  assert.equal(await text(page, "#c"), "020 7946 0000");
  const [event] = world.ringfence.sent("/t/event");
  assert.deepEqual(event, { site: "KEY", visit: "visit-1", lease: "lease-visit-1-", kind: "release" });
  await close(page);
});

test("the page's own list of targets goes before the server's", async () => {
  const page = await world.show("<p>020 7946 0000</p><p>01632 960000</p><p>020 7946 0999</p>", {
    head: world.tag(`data-swap="+44 1632 960000, 020 7946 0999"`),
  });
  assert.deepEqual(await page.$$eval("p", (all) => all.map((one) => one.textContent)), ["020 7946 0000", "020 79460123", "020 7946 0123"]);
  await close(page);
});

test("a large page is swapped in one go", async () => {
  const page = await world.show("<div>" + "<p>Some <b>text</b> with 12 digits</p>".repeat(5000) + "<p id=last>020 7946 0000</p></div>");
  assert.equal(await text(page, "#last"), "020 7946 0123");
  assert.deepEqual(page.complaints, []);
  assert.equal((await answered(page)).length, 1);
  await close(page);
});
