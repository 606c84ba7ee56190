// Bundles src/ into dist/tag.js: esbuild puts the modules together, oxc-minify makes them small.
// With --check nothing is written; the exit code is 1 when dist/ is not what src/ makes.
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minifySync } from "oxc-minify";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const TOKEN = '"__RINGFENCE_TOKEN__"';

const bundled = await build({
  entryPoints: [here("src/main.ts")],
  bundle: true,
  format: "iife",
  target: "es2020",
  charset: "ascii",
  write: false,
});
const { code, errors } = minifySync("tag.js", bundled.outputFiles[0].text, {
  compress: { target: "es2020" },
  mangle: { toplevel: false },
  codegen: { removeWhitespace: true },
  sourcemap: false,
});
if (errors.length) throw new Error(errors.map((error) => error.message).join("\n"));

// The minifier likes template literals, and the server replaces a JSON string by another; the server may say any
// charset, or none, so what is no printable ASCII (it stands only within strings) is escaped.
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
const text = `${code.trimEnd().replace("`__RINGFENCE_TOKEN__`", TOKEN).replace(/[^\n\x20-\x7e]/g, escaped)}\n`;
if (text.split(TOKEN).length !== 2) throw new Error(`expected ${TOKEN} once in the bundle, for the server to replace`);
const octets = brotliCompressSync(text).length;
if (process.argv.includes("--check")) {
  const kept = await readFile(here("dist/tag.js"), "utf8").catch(() => "");
  if (kept !== text) {
    console.error("tag/dist/tag.js is not what tag/src makes: run `npm run build` and commit it.");
    process.exit(1);
  }
} else {
  await mkdir(here("dist"), { recursive: true });
  await writeFile(here("dist/tag.js"), text);
}
console.log(`dist/tag.js: ${text.length} octets, ${octets} with brotli`);
