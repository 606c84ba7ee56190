// Where numbers stand beside plain text: shadow roots, frames, labels, fields and pictures.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { settled, World } from "./world.mjs";

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const close = (page) => page.context().close();
const release = async (page) => {
  await page.evaluate(() => ringfence("release"));
  await settled(page);
};

test("numbers in open shadow roots are swapped, whenever the root comes, and put back", async () => {
  const page = await world.show(`
    <x-early></x-early><x-late></x-late><div data-rf-ignore><x-early></x-early></div>
    <script>
      window.make = (name) => customElements.define(name, class extends HTMLElement {
        connectedCallback() { this.attachShadow({ mode: "open" }).innerHTML = "<p>Ring <b>020</b> 7946 0000</p>"; }
      });
      make("x-early");
    </script>`);
  const seen = () => page.evaluate(() => [...document.querySelectorAll("x-early,x-late")].map((host) => host.shadowRoot?.querySelector("p").textContent));
  assert.deepEqual(await seen(), ["Ring 020 7946 0123", undefined, "Ring 020 7946 0000"]);
  await page.evaluate(() => make("x-late"));
  await settled(page);
  assert.deepEqual(await seen(), ["Ring 020 7946 0123", "Ring 020 7946 0123", "Ring 020 7946 0000"]);
  const edited = await page.evaluate(async () => {
    const root = document.querySelector("x-early").shadowRoot;
    root.querySelector("p").lastChild.data = " 7946-0000";
    root.append("or 020 7946 0000");
    await Promise.resolve();
    return root.textContent;
  });
  assert.equal(edited, "Ring 020 7946-0123or 020 7946 0123");
  await release(page);
  assert.equal((await seen())[1], "Ring 020 7946 0000");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("numbers in frames of the same origin are swapped, and frames of others are not looked into", async () => {
  world.site.pages.set("/frame", `<!doctype html><p>020 7946 0000</p>`);
  world.site.pages.set("/next", `<!doctype html><p>(020) 7946-0000</p>`);
  const elsewhere = world.site.origin.replace("localhost", "127.0.0.1");
  const page = await world.show(`<iframe id="own" src="/frame"></iframe><iframe src="${elsewhere}/frame"></iframe><iframe data-rf-ignore src="/frame"></iframe>`);
  await page.waitForLoadState("load");
  await settled(page);
  const seen = () => Promise.all(page.frames().slice(1).map((frame) => frame.textContent("p")));
  assert.deepEqual(await seen(), ["020 7946 0123", "020 7946 0000", "020 7946 0000"]);
  await page.frames()[1].goto(`${world.site.origin}/next`);
  await settled(page);
  assert.equal((await seen())[0], "(020) 7946-0123");
  const edited = await page.frames()[1].evaluate(async () => {
    document.querySelector("p").firstChild.data = "020 7946 0000!";
    await Promise.resolve();
    return document.querySelector("p").textContent;
  });
  assert.equal(edited, "020 7946 0123!");
  assert.deepEqual(page.complaints, []);
  await close(page);
});

test("what is read aloud agrees with what is seen, and links that write instead of call stay", async () => {
  const page = await world.show(`
    <a id="call" href="tel:02079460000" aria-label="Ring us on 020 7946 0000">Ring</a>
    <a id="text" href="sms:+442079460000">Text</a> <a id="chat" href="https://wa.me/442079460000">Chat</a>`);
  const of = (id, name) => page.$eval(id, (element, name) => element.getAttribute(name), name);
  assert.equal(await of("#call", "aria-label"), "Ring us on 020 7946 0123");
  assert.equal(await of("#call", "href"), "tel:02079460123");
  assert.equal(await of("#text", "href"), "sms:+442079460000");
  assert.equal(await of("#chat", "href"), "https://wa.me/442079460000");
  await page.$eval("#call", (element) => element.setAttribute("aria-label", "Or on +44 20 7946 0000"));
  assert.equal(await of("#call", "aria-label"), "Or on +44 20 7946 0123");
  await release(page);
  assert.equal(await of("#call", "aria-label"), "Or on +44 20 7946 0000");
  await close(page);
});

test("fields are touched only where their owner says so", async () => {
  const page = await world.show(`
    <input id="own" value="020 7946 0000" placeholder="020 7946 0000">
    <input id="asked" data-rf-swap value="020 7946 0000" placeholder="e.g. 020 7946 0000">`);
  const fields = () => page.$$eval("input", (all) => all.map(({ value, placeholder }) => [value, placeholder]));
  assert.deepEqual(await fields(), [["020 7946 0000", "020 7946 0000"], ["020 7946 0123", "e.g. 020 7946 0123"]]);
  await release(page);
  assert.deepEqual((await fields())[1], ["020 7946 0000", "e.g. 020 7946 0000"]);
  await close(page);
});

const PICTURE = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><rect width="200" height="40"/></svg>')}`;
for (const asked of [true, false]) {
  test(`pictures of a number are ${asked ? "drawn anew at their size where the tag says so, and put back" : "left alone otherwise"}`, async () => {
    const page = await world.show(`<img id="number" src='${PICTURE}' alt="Ring 020 7946 0000"><img id="other" src='${PICTURE}' alt="A van">`, {
      head: world.tag(asked ? "data-swap-images" : ""),
    });
    await page.waitForLoadState("load");
    await settled(page);
    const of = (id) =>
      page.$eval(id, async (image) => {
        await image.decode();
        return { alt: image.alt, src: image.src, shown: image.style.content, size: [image.width, image.height] };
      });
    const { alt, shown, size } = await of("#number");
    assert.deepEqual([alt, size], [asked ? "Ring 020 7946 0123" : "Ring 020 7946 0000", [200, 40]]);
    assert.equal(decodeURIComponent(shown).includes("Ring 020 7946 0123"), asked);
    const untouched = { alt: "A van", src: PICTURE, shown: "", size: [200, 40] };
    assert.deepEqual(await of("#other"), untouched);
    await release(page);
    assert.deepEqual(await of("#number"), { ...untouched, alt: "Ring 020 7946 0000" });
    assert.deepEqual(page.complaints, []);
    await close(page);
  });
}
