// Phone numbers as people write them: finds one number in text in each of its written formats, and writes another
// in the same format. Knows no page.

/** A tracking number as the server gives it. */
export interface PhoneNumber {
  e164: string;
  national: string;
  international: string;
}

/** Writes the number in place of the target wherever the text has it; the rest of the text stays as it is. */
export interface Rewrite {
  (text: string, link?: boolean): string;
  /** The target, as the tag was told of it. */
  wanted?: string;
  /** It was found at least once. */
  found?: boolean;
}

/** Stands between the texts of neighbouring elements while they are looked at as one. */
export const JOINT = "\x01";

// Spaces of all kinds, brackets, dots, bullets, slashes, dashes, and the invisible marks that word processors leave. Elements
// on lines of their own have as much white space between them as the page's source is indented. What follows is always a digit, which is none of these, so nothing is tried twice.
const BETWEEN =
  "[\\s\\x01()[\\]./~_\\xb7\\xad\\u2000-\\u206f\\u2212\\ufe63\\uff08-\\uff0f-]*";
// ITU-T E.164 country codes: one digit, the two-digit ones, and three for all the rest.
const COUNTRY = /^(1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|...|)/;
// National prefixes that are not 0.
const TRUNKS: Record<string, string> = { 1: "1", 7: "8", 36: "06" };

// The key of each letter (ITU-T E.161).
const KEYS = "22233344455566677778889999";
const toKeys = (text: string) => text.replace(/[a-z]/gi, (letter) => KEYS[parseInt(letter, 36) - 10]);
// Digits as Arabic, Persian and East Asian pages write them: in each of these blocks of Unicode the zero is at a multiple of 16.
const FOREIGN = /[\u0660-\u0669\u06f0-\u06f9\uff10-\uff19]/g;
const toLatin = (text: string) => text.replace(FOREIGN, (digit) => "" + (digit.charCodeAt(0) & 15));

/** Whether there is a number to look for in the text at all. */
export const hasDigits = (text: string) => /\d/.test(toLatin(text));

const digitsOf = (text: string) => text.replace(/\D/g, "");
const countryOf = (digits: string) => COUNTRY.exec(digits)![0];

/** `target` as the site writes it: `+44 20 7946 0000`, or `020 7946 0000` when it is of the number's own country. */
export function rewrite(target: string, number: PhoneNumber): Rewrite {
  const fresh = digitsOf(number.e164);
  const freshCountry = countryOf(fresh);
  const freshDigits = fresh.slice(freshCountry.length);
  const freshGroups = number.international.slice(freshCountry.length + 1).match(/\d+/g)!;
  const nationalDigits = digitsOf(number.national);
  const freshTrunk = nationalDigits.endsWith(freshDigits) ? nationalDigits.slice(0, -freshDigits.length) : "";

  const vanity = /[a-z]{4}/i.test(target);
  const read = (text: string) => (vanity ? toKeys(toLatin(text)) : toLatin(text));
  const plain = read(target).replace(/\(0\)/, "").replace(/^\s*00/, "+");
  const all = digitsOf(plain);
  const abroad = /^\s*\+/.test(plain);
  const country = abroad ? countryOf(all) : freshCountry;
  const trunk = TRUNKS[country] ?? "0";
  // A national target begins with its trunk prefix, but for where that is part of the number (Italy, and others).
  const prefixed = abroad ? country : (freshTrunk || country === "1") && all.startsWith(trunk) ? trunk : "";
  const local = all.slice(prefixed.length);
  if (local.length < 5) return (text) => text;
  // How long its area code is, when it is written in groups.
  let area = -prefixed.length;
  for (const group of plain.match(/\d+/g)!) if (area <= 0) area += group.length;
  if (area === local.length) area = 0;

  const pattern = new RegExp(
    `(^|[^\\d+])([([]?)((?:(?:[+\\uff0b]|00|0?011)${BETWEEN})?${country}${BETWEEN})?(${trunk}${BETWEEN})?(${[...local].join(BETWEEN)})(?!\\d)`,
    "g",
  );

  const write = (link: boolean | undefined, open: string, prefix: string, trunkWritten: string, body: string) => {
    const between = body.match(/\D+/g) ?? [];
    if (country !== freshCountry) {
      // Another country: the international form, with the writer's separator where there is just one.
      const kinds = [...new Set(body.replace(/[\d\x01]/g, ""))];
      const sign = /^\D*(00|0?011)/.exec(prefix)?.[1] ?? "+";
      const bracket = /[)\]]/.test(prefix + trunkWritten + body) ? "" : open;
      const rest = kinds.length === 1 ? [freshCountry, ...freshGroups].join(kinds[0]) : kinds.length && !link ? number.international.slice(1) : fresh;
      return bracket + sign + rest;
    }

    const sameLength = freshDigits.length === local.length;
    const firstGroup = /^\d+/.exec(body)![0];
    let digits: string;
    if ((sameLength && ((area || firstGroup.length) === freshGroups[0].length || freshDigits.startsWith(firstGroup))) || freshGroups.length < 2 || !between.length) {
      let at = 0;
      digits = body.replace(/\d/g, () => freshDigits[at++] ?? "") + freshDigits.slice(at);
    } else {
      // Its area code is of another length: its own groups, between the writer's separators.
      const groups = [...freshGroups];
      while (groups.length > between.length + 1) groups.push(groups.splice(-2).join(""));
      digits = groups.map((group, at) => (at ? between[at - 1] : "") + group).join("");
    }
    // Freephone numbers of some countries have no trunk prefix. In North America it is left out as often as not.
    if (!prefix && (!sameLength || (!freshTrunk && country !== "1"))) trunkWritten = freshTrunk + trunkWritten.slice(trunk.length);
    return open + prefix + trunkWritten + digits;
  };

  const rewriting: Rewrite = (text, link) => {
    let done = "";
    let end = 0;
    const latin = read(text);
    latin.replace(pattern, (found, before, open, prefix = "", trunkWritten = "", body, at) => {
      // The same digits behind another country's code are another number.
      if (!prefix && /(\+|(^|[^\d\s\x01])\s*00)\d{1,3}[^\d+]{0,4}$/.test(latin.slice(0, at) + before)) return "";
      rewriting.found = true;
      const written = write(link, open, prefix, trunkWritten, body);
      const original = text.substr(at, found.length);
      const zero = original.match(FOREIGN)?.[0].charCodeAt(0)! & ~15 || 48;
      // Each element keeps its place, be it empty.
      const joints = (of: string) => of.split(JOINT).length;
      done +=
        text.slice(end, at) +
        before +
        written.replace(/\d/g, (digit) => String.fromCharCode(zero + +digit)) +
        JOINT.repeat(joints(found) - joints(before + written));
      end = at + found.length;
      return "";
    });
    return done + text.slice(end);
  };
  rewriting.wanted = target.trim();
  return rewriting;
}
