// Forty and more written formats in twelve countries, with numbers that their regulators keep for drama alone: each is found on
// a page, keeps its format, and leads to the new number, also where that is longer, shorter or of another country.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { World } from "./world.mjs";

const number = (e164, national, international) => ({ e164, national, international });
const NBSP = "\u00a0";
const THIN = "\u2009";
const NARROW = "\u202f";

// Where the ranges are kept: Ofcom (020 7946 0xxx, 0808 157 0xxx, 07700 900xxx), ComReg (020 91x xxxx), Bundesnetzagentur,
// notice 148/2021 (030 23125xxx, 0221 4710xxx), ARCEP, plan of 2019 (01 99 00, 06 39 98), ACMA ((0x) 5550 xxxx, 1800 975 707, 0491 570
// xxx), PTS (08-465 004 xx, 070-174 06 xx), and NANPA (555-0100 to 555-0199 in every area code, so in each country of its plan).
// New Zealand, the Netherlands, Denmark and Norway keep none: formats.test.mjs has Denmark with numbers that its plan does not assign.
const COUNTRIES = {
  "Great Britain": {
    target: "+44 20 7946 0000",
    number: number("+442079460123", "020 7946 0123", "+44 20 7946 0123"),
    written: {
      "020 7946 0000": "020 7946 0123",
      "(020) 7946-0000": "(020) 7946-0123",
      "020\u20227946\u20220000": "020\u20227946\u20220123",
      [`020${THIN}7946${THIN}0000`]: `020${THIN}7946${THIN}0123`,
      "+44 (0)20 7946 0000": "+44 (0)20 7946 0123",
      "+44 (0) 20/79460000": "+44 (0) 20/79460123",
      "00 44 20 7946 0000": "00 44 20 7946 0123",
      [`+44${NBSP}20${NBSP}7946${NBSP}0000`]: `+44${NBSP}20${NBSP}7946${NBSP}0123`,
    },
  },
  Ireland: {
    target: "+353 20 912 0000",
    number: number("+353209130123", "020 913 0123", "+353 20 913 0123"),
    written: {
      "(020) 912 0000": "(020) 913 0123",
      "020 9120000": "020 9130123",
      "00353-20-912-0000": "00353-20-913-0123",
      "+353 (0)20 912 0000": "+353 (0)20 913 0123",
    },
  },
  Germany: {
    target: "+49 30 23125000",
    number: number("+493023125123", "030 23125123", "+49 30 23125123"),
    written: {
      "030 / 23 12 50 00": "030 / 23 12 51 23",
      "(030) 23125-000": "(030) 23125-123",
      "+49.30.23125000": "+49.30.23125123",
      "+49 (30) 23 125 000": "+49 (30) 23 125 123",
      "0049 30 23125000": "0049 30 23125123",
    },
  },
  "Germany, into a shorter number with a longer code": {
    target: "+49 30 23125000",
    number: number("+492214710123", "0221 4710123", "+49 221 4710123"),
    written: {
      "030 / 23125000": "0221 / 4710123",
      "+49 (0)30 23125000": "+49 (0)221 4710123",
      "(030) 23 125 000": "(0221) 4710123",
    },
  },
  France: {
    target: "+33 1 99 00 12 34",
    number: number("+33199005678", "01 99 00 56 78", "+33 1 99 00 56 78"),
    written: {
      "01.99.00.12.34": "01.99.00.56.78",
      [`01${NARROW}99${NARROW}00${NARROW}12${NARROW}34`]: `01${NARROW}99${NARROW}00${NARROW}56${NARROW}78`,
      "+33 (0)1 99 00 12 34": "+33 (0)1 99 00 56 78",
      "0199001234": "0199005678",
    },
  },
  "France, into a mobile": {
    target: "+33 1 99 00 12 34",
    number: number("+33639985678", "06 39 98 56 78", "+33 6 39 98 56 78"),
    written: { "01-99-00-12-34": "06-39-98-56-78", "+33 1 99 00 12 34": "+33 6 39 98 56 78" },
  },
  Australia: {
    target: "+61 2 5550 0000",
    number: number("+61255500123", "(02) 5550 0123", "+61 2 5550 0123"),
    written: { "(02) 5550 0000": "(02) 5550 0123", "+61 (0)2 5550 0000": "+61 (0)2 5550 0123", "0011 61 2 5550 0000": "0011 61 2 5550 0123" },
  },
  "Australia, into a freephone number, which has no zero before it": {
    target: "+61 2 5550 0000",
    number: number("+611800975707", "1800 975 707", "+61 1800 975 707"),
    written: { "02 5550 0000": "1800 975 707", "0255500000": "1800975707", "+61 2 5550 0000": "+61 1800 975 707" },
  },
  Sweden: {
    target: "+46 8 465 004 00",
    number: number("+46846500423", "08-465 004 23", "+46 8 465 004 23"),
    written: { "08-465 004 00": "08-465 004 23", "08/465 00 400": "08/465 00 423", "+46 (0)8-465 004 00": "+46 (0)8-465 004 23" },
  },
  "United States": {
    target: "+1 212-555-0100",
    number: number("+16465550123", "(646) 555-0123", "+1 646-555-0123"),
    written: {
      "(212) 555-0100": "(646) 555-0123",
      "212.555.0100": "646.555.0123",
      "212\u2013555\u20130100": "646\u2013555\u20130123",
      "+1 [212] 555 0100": "+1 [646] 555 0123",
      "1-212-555-0100 ext. 7": "1-646-555-0123 ext. 7",
    },
  },
  Canada: {
    target: "+1 604-555-0100",
    number: number("+16045550123", "(604) 555-0123", "+1 604-555-0123"),
    written: { "604 555-0100": "604 555-0123", "011 1 604 555 0100": "011 1 604 555 0123" },
  },
  Jamaica: { target: "+1 876-555-0100", number: number("+18765550123", "(876) 555-0123", "+1 876-555-0123"), written: { "876-555-0100": "876-555-0123" } },
  Bahamas: { target: "+1 242-555-0100", number: number("+12425550123", "(242) 555-0123", "+1 242-555-0123"), written: { "1.242.555.0100": "1.242.555.0123" } },
  Barbados: { target: "+1 246-555-0100", number: number("+12465550123", "(246) 555-0123", "+1 246-555-0123"), written: { "(246)555-0100": "(246)555-0123" } },
  "Trinidad and Tobago": {
    target: "+1 868-555-0100",
    number: number("+18685550123", "(868) 555-0123", "+1 868-555-0123"),
    written: { "+1 (868) 555 0100": "+1 (868) 555 0123" },
  },
  "Great Britain to Germany": {
    target: "+44 20 7946 0000",
    number: number("+493023125123", "030 23125123", "+49 30 23125123"),
    written: {
      "020 7946 0000": "+49 30 23125123",
      "020-7946-0000": "+49-30-23125123",
      "020.7946.0000": "+49.30.23125123",
      "(020) 7946 0000": "+49 30 23125123",
      "0044 (0)20 7946 0000": "0049 30 23125123",
      "02079460000": "+493023125123",
    },
  },
  "France to Great Britain": {
    target: "+33 1 99 00 12 34",
    number: number("+442079460123", "020 7946 0123", "+44 20 7946 0123"),
    written: { "01.99.00.12.34": "+44.20.7946.0123", "+33 (0)1 99 00 12 34": "+44 20 7946 0123", "0033199001234": "00442079460123" },
  },
};

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

const close = (page) => page.context().close();

for (const [country, { target, number, written }] of Object.entries(COUNTRIES)) {
  test(`written as in ${country}`, async () => {
    world.ringfence.number = number;
    world.ringfence.swap = [target];
    const texts = Object.keys(written);
    const page = await world.show(texts.map((text) => `<p>Ring ${text}, day and night</p>`).join(""));
    const found = await page.$$eval("p", (all) => all.map((one) => one.textContent.replace(/^Ring |, day and night$/g, "")));
    assert.deepEqual(Object.fromEntries(texts.map((text, at) => [text, found[at]])), written);
    const significant = number.international.replace(/^\+\d+/, "").replace(/\D/g, "");
    for (const text of found) assert.ok(text.replace(/ ext.*/, "").replace(/\D/g, "").endsWith(significant), `${text} leads to ${number.e164}`);
    await close(page);
  });
}

test("forty formats in twelve countries are tried", () => {
  const countries = new Set(Object.keys(COUNTRIES).map((name) => name.replace(/(,| to ).*/, "")));
  assert.ok(countries.size >= 12, [...countries].join());
  assert.ok(Object.values(COUNTRIES).flatMap(({ written }) => Object.keys(written)).length >= 40);
});

test("addresses that call keep their form and their extension, also when the number is of another country", async () => {
  const written = {
    "tel:+442079460000": "tel:+493023125123",
    "tel:+44-20-7946-0000": "tel:+49-30-23125123",
    "tel:02079460000;ext=12": "tel:+493023125123;ext=12",
    "tel:0044(0)20 7946 0000": "tel:0049 30 23125123",
    "tel:%2B44%2020%207946%200000": "tel:+49%2030%2023125123",
    "tel:+442079460000,,12#": "tel:+493023125123,,12#",
  };
  world.ringfence.number = number("+493023125123", "030 23125123", "+49 30 23125123");
  const page = await world.show(Object.keys(written).map((href) => `<a href="${href}">x</a>`).join(" "));
  const found = await page.$$eval("a", (all) => all.map((one) => one.getAttribute("href")));
  assert.deepEqual(Object.fromEntries(Object.keys(written).map((href, at) => [href, found[at]])), written);
  await close(page);
});

test("a number over elements that are indented deeply is one number", async () => {
  const indent = `\n${" ".repeat(60)}`;
  const page = await world.show(`<p>${["020", "7946", "0000"].map((part) => `${indent}<span>${part}</span>`).join("")}</p>`);
  assert.deepEqual(await page.$$eval("span", (all) => all.map((one) => one.textContent)), ["020", "7946", "0123"]);
  await close(page);
});

test("digits as Arabic, Persian and East Asian pages write them keep their script", async () => {
  const digits = { Arabic: 0x0660, Persian: 0x06f0, wide: 0xff10 };
  const written = (zero, text) => text.replace(/\d/g, (digit) => String.fromCharCode(zero + +digit));
  const page = await world.show(`<div dir="rtl" lang="ar">${Object.values(digits).map((zero) => `<p>\u0627\u062a\u0635\u0644: ${written(zero, "020 7946 0000")}</p>`).join("")}</div>`);
  const found = await page.$$eval("p", (all) => all.map((one) => one.textContent));
  assert.deepEqual(found, Object.values(digits).map((zero) => `\u0627\u062a\u0635\u0644: ${written(zero, "020 7946 0123")}`));
  await close(page);
});

test("a page from right to left keeps the marks and elements that hold its numbers together", async () => {
  const body = `<main dir="rtl" lang="he"><p id="marks">\u05d7\u05d9\u05d9\u05d2\u05d5 \u200e+44 20 7946 0000\u200e \u05e2\u05db\u05e9\u05d9\u05d5</p><p id="bdi">\u05d8\u05dc\u05e4\u05d5\u05df <bdi dir="ltr">(020) 7946-0000</bdi></p><p id="link"><a dir="ltr" href="tel:+442079460000">020 7946 0000</a></p></main>`;
  const page = await world.show(body);
  const texts = await page.$$eval("p", (all) => all.map((one) => one.textContent));
  assert.deepEqual(texts, ["\u05d7\u05d9\u05d9\u05d2\u05d5 \u200e+44 20 7946 0123\u200e \u05e2\u05db\u05e9\u05d9\u05d5", "\u05d8\u05dc\u05e4\u05d5\u05df (020) 7946-0123", "020 7946 0123"]);
  await close(page);
});
