// What the script weighs on the wire.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { brotliCompressSync } from "node:zlib";

test("the script with its token is under five kilobytes with brotli", async () => {
  const dist = await readFile(new URL("../dist/tag.js", import.meta.url), "utf8");
  // A token as the server makes it: nothing in it compresses.
  const token = JSON.stringify("v1.dGhpcyBpcyBub3QgYSB0b2tlbiwgYnV0IGFzIGxvbmcgYXMgb25l.Zm9yIGl0IGNhcnJpZXMgc2l0ZSBob3N0IGFkZHJlc3MgYnJvd3NlciBub25jZQ.1700000000");
  const served = brotliCompressSync(dist.replace('"__RINGFENCE_TOKEN__"', token)).length;
  assert.ok(served < 5120, `${served} octets`);
});

test("the token's place stands in the script once", async () => {
  const dist = await readFile(new URL("../dist/tag.js", import.meta.url), "utf8");
  assert.equal(dist.split('"__RINGFENCE_TOKEN__"').length, 2);
});
