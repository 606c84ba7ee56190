// What the scripts weigh on the wire.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";

const PLACE = '"__RINGFENCE_TOKEN__"';

for (const name of ["tag.js", "moved.js"]) {
  const dist = await readFile(new URL(`../dist/${name}`, import.meta.url), "utf8");

  test(`${name} with its token is under five kilobytes with brotli`, () => {
    // As the server sends it: what comes before the token is compressed once, the token and what follows are not.
    const [before, after] = dist.split(PLACE);
    const token = "A".repeat(98);
    const served = brotliCompressSync(before).length + token.length + 2 + after.length + 8;
    assert.ok(served < 5120, `${served} octets`);
  });

  test(`the token's place stands in ${name} once, near its end`, () => {
    const [, after, ...more] = dist.split(PLACE);
    assert.deepEqual(more, []);
    assert.ok(after.length < 10, after);
  });
}
