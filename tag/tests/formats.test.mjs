// Written formats: one number found in each of them, another written in the same one.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { World } from "./world.mjs";

const number = (e164, national, international) => ({ e164, national, international });
const NBSP = "\u00a0";

// Ranges kept for drama where a country has them; elsewhere numbers that no plan assigns.
const TABLE = [
  {
    name: "Great Britain, within one area",
    target: "+44 20 7946 0000",
    number: number("+442079460123", "020 7946 0123", "+44 20 7946 0123"),
    written: {
      "020 7946 0000": "020 7946 0123",
      "(020) 7946 0000": "(020) 7946 0123",
      "[020] 7946 0000": "[020] 7946 0123",
      "020 79460000": "020 79460123",
      "02079460000": "02079460123",
      "020-7946-0000": "020-7946-0123",
      "020.7946.0000": "020.7946.0123",
      "020/7946 0000": "020/7946 0123",
      "020 7946-0000": "020 7946-0123",
      "020 79 46 00 00": "020 79 46 01 23",
      "(0)20 7946 0000": "(0)20 7946 0123",
      [`020${NBSP}7946${NBSP}0000`]: `020${NBSP}7946${NBSP}0123`,
      "020\u202f7946\u20110000": "020\u202f7946\u20110123",
      "\u202a020 7946 0000\u202c": "\u202a020 7946 0123\u202c",
      "+44 20 7946 0000": "+44 20 7946 0123",
      "+442079460000": "+442079460123",
      "+44-20-7946-0000": "+44-20-7946-0123",
      "+44 (0)20 7946 0000": "+44 (0)20 7946 0123",
      "+44 (0) 20 7946 0000": "+44 (0) 20 7946 0123",
      "+44(0)2079460000": "+44(0)2079460123",
      "(+44) 20 7946 0000": "(+44) 20 7946 0123",
      "0044 20 7946 0000": "0044 20 7946 0123",
      "44 20 7946 0000": "44 20 7946 0123",
      "Tel:020 7946 0000, or 020 7946 0000.": "Tel:020 7946 0123, or 020 7946 0123.",
      "020 7946 0000 020 7946 0000": "020 7946 0123 020 7946 0123",
      "Open 24/7: (020 7946 0000)": "Open 24/7: (020 7946 0123)",
    },
  },
  {
    name: "Great Britain, into an area with a longer code",
    target: "+44 20 7946 0000",
    number: number("+441614960123", "0161 496 0123", "+44 161 496 0123"),
    written: {
      "020 7946 0000": "0161 496 0123",
      "(020) 7946 0000": "(0161) 496 0123",
      "+44 (0)20-7946-0000": "+44 (0)161-496-0123",
      "020 79460000": "0161 4960123",
      "02079460000": "01614960123",
    },
  },
  {
    name: "Great Britain, from a national target",
    target: "01632 960000",
    number: number("+441632960123", "01632 960123", "+44 1632 960123"),
    written: { "01632 960 000": "01632 960 123", "+44 1632 960000": "+44 1632 960123", "(01632) 960000": "(01632) 960123" },
  },
  {
    name: "Great Britain to the United States",
    target: "+44 20 7946 0000",
    number: number("+12125550123", "(212) 555-0123", "+1 212-555-0123"),
    written: {
      "020 7946 0000": "+1 212 555 0123",
      "02079460000": "+12125550123",
      "(020) 7946-0000": "+1 212-555-0123",
      "0044 20 7946 0000": "001 212 555 0123",
      "+44 (0)20 7946 0000": "+1 212 555 0123",
      "(020 7946 0000)": "(+1 212 555 0123)",
    },
  },
  {
    name: "United States",
    target: "+1 212-555-0100",
    number: number("+16465550123", "(646) 555-0123", "+1 646-555-0123"),
    written: {
      "(212) 555-0100": "(646) 555-0123",
      "(212)555-0100": "(646)555-0123",
      "212-555-0100": "646-555-0123",
      "212.555.0100": "646.555.0123",
      "212 555 0100": "646 555 0123",
      "2125550100": "6465550123",
      "1-212-555-0100": "1-646-555-0123",
      "+1 (212) 555-0100": "+1 (646) 555-0123",
      "+1.212.555.0100": "+1.646.555.0123",
      "1 (212) 555 0100": "1 (646) 555 0123",
      "212/555-0100": "646/555-0123",
    },
  },
  {
    name: "United States, from a national target",
    target: "1-800-555-0100",
    number: number("+18005550123", "(800) 555-0123", "+1 800-555-0123"),
    written: { "800-555-0100": "800-555-0123", "+1 800 555 0100": "+1 800 555 0123" },
  },
  {
    name: "Canada",
    target: "+1 604-555-0100",
    number: number("+16045550123", "(604) 555-0123", "+1 604-555-0123"),
    written: { "604 555-0100": "604 555-0123", "+1-604-555-0100": "+1-604-555-0123", "011 1 604 555 0100": "011 1 604 555 0123" },
  },
  {
    name: "Australia",
    target: "+61 2 5550 0000",
    number: number("+61255500123", "(02) 5550 0123", "+61 2 5550 0123"),
    written: {
      "(02) 5550 0000": "(02) 5550 0123",
      "02 5550 0000": "02 5550 0123",
      "+61 2 5550 0000": "+61 2 5550 0123",
      "+61 (0)2 5550 0000": "+61 (0)2 5550 0123",
      "0011 61 2 5550 0000": "0011 61 2 5550 0123",
    },
  },
  {
    name: "Australia, to a number without an area",
    target: "+61 2 5550 0000",
    number: number("+611300975707", "1300 975 707", "+61 1300 975 707"),
    written: { "02 5550 0000": "1300 975 707", "(02) 55 50 0000": "(1300) 975 707" },
  },
  {
    name: "Australia, from a number without an area",
    target: "+61 1300 975 707",
    number: number("+61255500123", "(02) 5550 0123", "+61 2 5550 0123"),
    written: { "1300 975 707": "02 5550 0123", "1300-975-707": "02-5550-0123", "+61 1300 975 707": "+61 2 5550 0123" },
  },
  {
    name: "France",
    target: "+33 1 99 00 12 34",
    number: number("+33199005678", "01 99 00 56 78", "+33 1 99 00 56 78"),
    written: {
      "01 99 00 12 34": "01 99 00 56 78",
      "01.99.00.12.34": "01.99.00.56.78",
      "01-99-00-12-34": "01-99-00-56-78",
      "0199001234": "0199005678",
      "+33 1 99 00 12 34": "+33 1 99 00 56 78",
      "+33 (0)1 99 00 12 34": "+33 (0)1 99 00 56 78",
      "0033 199 001 234": "0033 199 005 678",
    },
  },
  {
    name: "Germany",
    target: "+49 30 23125000",
    number: number("+493023125123", "030 23125123", "+49 30 23125123"),
    written: {
      "030 23125000": "030 23125123",
      "030 / 23125-000": "030 / 23125-123",
      "(030) 23125000": "(030) 23125123",
      "+49 (0)30 23125 000": "+49 (0)30 23125 123",
      "+49 30 / 23 125 000": "+49 30 / 23 125 123",
    },
  },
  {
    name: "Germany, into a shorter number of a longer code",
    target: "+49 30 23125000",
    number: number("+49221471012", "0221 471012", "+49 221 471012"),
    written: { "030 23125000": "0221 471012", "(030) 23125000": "(0221) 471012", "03023125000": "0221471012" },
  },
  {
    name: "Ireland",
    target: "+353 20 912 0000",
    number: number("+353209120123", "020 912 0123", "+353 20 912 0123"),
    written: { "(020) 912 0000": "(020) 912 0123", "020 9120000": "020 9120123", "00353 20 912 0000": "00353 20 912 0123" },
  },
  {
    name: "Sweden",
    target: "+46 8 465 004 00",
    number: number("+46846500423", "08-465 004 23", "+46 8 465 004 23"),
    written: { "08-465 004 00": "08-465 004 23", "+46 (0)8 465 004 00": "+46 (0)8 465 004 23", "08-46500400": "08-46500423" },
  },
  {
    name: "Denmark, which has no trunk prefix",
    target: "+45 10 00 00 01",
    number: number("+4510000023", "10 00 00 23", "+45 10 00 00 23"),
    written: { "10 00 00 01": "10 00 00 23", "1000 0001": "1000 0023", "+4510000001": "+4510000023", "+47 10 00 00 01": "+47 10 00 00 01" },
  },
  {
    name: "Spain, which has none either",
    target: "+34 455 55 01 00",
    number: number("+34455550123", "455 55 01 23", "+34 455 55 01 23"),
    written: { "455 550 100": "455 550 123", "455.55.01.00": "455.55.01.23", "(+34) 455 55 01 00": "(+34) 455 55 01 23" },
  },
  {
    name: "Italy, where the zero is part of the number",
    target: "+39 0000 550100",
    number: number("+390000550123", "0000 550123", "+39 0000 550123"),
    written: { "0000 550100": "0000 550123", "0000/550100": "0000/550123", "+39 0000 550100": "+39 0000 550123" },
  },
  {
    name: "Russia, where the trunk prefix is 8",
    target: "+7 100 555-01-00",
    number: number("+71005550123", "8 (100) 555-01-23", "+7 100 555-01-23"),
    written: { "8 (100) 555-01-00": "8 (100) 555-01-23", "+7 (100) 555-01-00": "+7 (100) 555-01-23", "8-100-555-01-00": "8-100-555-01-23" },
  },
  {
    name: "Japan, in digits of full width too",
    target: "+81 3-0000-0100",
    number: number("+81300000123", "03-0000-0123", "+81 3-0000-0123"),
    written: {
      "03-0000-0100": "03-0000-0123",
      "03(0000)0100": "03(0000)0123",
      "\uff10\uff13-\uff10\uff10\uff10\uff10-\uff10\uff11\uff10\uff10": "\uff10\uff13-\uff10\uff10\uff10\uff10-\uff10\uff11\uff12\uff13",
      "\uff10\uff13\uff08\uff10\uff10\uff10\uff10\uff09\uff10\uff11\uff10\uff10": "\uff10\uff13\uff08\uff10\uff10\uff10\uff10\uff09\uff10\uff11\uff12\uff13",
      "\uff11\uff12 and 03\u20100000\u20100100": "\uff11\uff12 and 03\u20100000\u20100123",
      "+81-3-0000-0100": "+81-3-0000-0123",
      "010 81 3 0000 0100": "010 81 3 0000 0123",
    },
  },
  {
    name: "Israel, in a text that runs from right to left",
    target: "+972 2-555-0100",
    number: number("+97225550123", "02-555-0123", "+972 2-555-0123"),
    written: {
      "\u200f02-555-0100\u200f": "\u200f02-555-0123\u200f",
      "\u05d8\u05dc: \u200e02-5550100": "\u05d8\u05dc: \u200e02-5550123",
      "\u2067\u200e+972-2-555-0100\u2069": "\u2067\u200e+972-2-555-0123\u2069",
    },
  },
  {
    name: "United States, in letters",
    target: "1-800-555-RING",
    number: number("+18005550123", "(800) 555-0123", "+1 800-555-0123"),
    written: {
      "1-800-555-RING": "1-800-555-0123",
      "1 (800) 555-ring now": "1 (800) 555-0123 now",
      "800 555 7464": "800 555 0123",
      "1-800-555-SING": "1-800-555-0123",
      "1-800-555-BOAT": "1-800-555-BOAT",
    },
  },
  {
    name: "Great Britain, with an extension",
    target: "+44 20 7946 0000",
    number: number("+442079460123", "020 7946 0123", "+44 20 7946 0123"),
    written: {
      "020 7946 0000 ext. 12": "020 7946 0123 ext. 12",
      "020 7946 0000 x12": "020 7946 0123 x12",
      "020 7946 0000#12": "020 7946 0123#12",
      "020\u20097946\u20090000": "020\u20097946\u20090123",
      "020\u20127946\u20130000": "020\u20127946\u20130123",
      "011 44 20 7946 0000": "011 44 20 7946 0123",
    },
  },
  {
    name: "numbers that only look alike",
    target: "+44 20 7946 0000",
    number: number("+442079460123", "020 7946 0123", "+44 20 7946 0123"),
    written: Object.fromEntries(
      ["020 7946 00001", "1020 7946 0000", "020 7946 0001", "+49 20 7946 0000", "0049 20 7946 0000", "020 7946 000", "order 020-7947-0000"].map((text) => [text, text]),
    ),
  },
];

let world;
before(async () => (world = await new World().start()));
after(() => world.stop());
beforeEach(() => world.fresh());

for (const { name, target, number, written } of TABLE) {
  test(`formats are kept: ${name}`, async () => {
    world.ringfence.number = number;
    world.ringfence.swap = [target];
    const texts = Object.keys(written);
    const page = await world.show(texts.map((text) => `<p>${text}</p>`).join(""));
    const found = await page.$$eval("p", (all) => all.map((one) => one.textContent));
    assert.deepEqual(Object.fromEntries(texts.map((text, at) => [text, found[at]])), written);
    await page.context().close();
  });
}

test("the table holds at least forty formats over twelve countries", () => {
  const countries = new Set(TABLE.map(({ name }) => /^(Great Britain|United States|[A-Z]\w+)/.exec(name)?.[0]).filter(Boolean));
  assert.ok(TABLE.flatMap(({ written }) => Object.keys(written)).length >= 40);
  assert.ok(countries.size >= 12, [...countries].join());
});

const LINKS = {
  "tel:+442079460000": "tel:+442079460123",
  "tel:02079460000": "tel:02079460123",
  "tel:+44-20-7946-0000": "tel:+44-20-7946-0123",
  "tel:020 7946 0000": "tel:020 7946 0123",
  "tel:+44%2020%207946%200000": "tel:+44%2020%207946%200123",
  "TEL:(020)7946-0000": "TEL:(020)7946-0123",
  "tel://+442079460000": "tel://+442079460123",
  "tel:+442079460000;ext=7": "tel:+442079460123;ext=7",
  "callto:00442079460000": "callto:00442079460123",
  "tel:+442079460001": "tel:+442079460001",
  "tel:%E0%A4%A": "tel:%E0%A4%A",
  "https://example.com/02079460000": "https://example.com/02079460000",
  "mailto:02079460000@example.com": "mailto:02079460000@example.com",
};

test("links to dial keep their format, and other links stay", async () => {
  const page = await world.show(Object.keys(LINKS).map((href) => `<a href="${href}">x</a>`).join(" "));
  const found = await page.$$eval("a", (all) => all.map((one) => one.getAttribute("href")));
  assert.deepEqual(Object.fromEntries(Object.keys(LINKS).map((href, at) => [href, found[at]])), LINKS);
  await page.context().close();
});

test("links become dialable when the number is of another country", async () => {
  world.ringfence.number = number("+12125550123", "(212) 555-0123", "+1 212-555-0123");
  const page = await world.show(`<a href="tel:(020) 7946-0000">x</a> <a href="tel:02079460000">x</a> <a href="tel:+44-20-7946-0000">x</a>`);
  assert.deepEqual(await page.$$eval("a", (all) => all.map((one) => one.getAttribute("href"))), ["tel:+12125550123", "tel:+12125550123", "tel:+1-212-555-0123"]);
  await page.context().close();
});
