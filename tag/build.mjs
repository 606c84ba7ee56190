// Bundles src/ into dist/tag.js and dist/moved.js: esbuild puts the modules together, terser makes them small.
// With --check nothing is written; the exit code is 1 when dist/ is not what src/ makes.
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "terser";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SHORT = { credential: "c", marks: "m", spent: "s", kept: "k", stored: "d", before: "b", after: "a", period: "p", last: "l", taken: "t", turns: "u", running: "r", wanted: "w", found: "f" };
const TOKEN = '"__RINGFENCE_TOKEN__"';

/** One script from the module that it begins with. */
async function make(entry, name) {
  const bundled = await build({
    entryPoints: [here(entry)],
    bundle: true,
    format: "esm",
    target: "es2021",
    minifySyntax: true,
    // Names that no server, page or browser knows; always the same, for pages may have two versions of the script, and
    // browsers what an older one stored.
    mangleProps: new RegExp(`^(${Object.keys(SHORT).join("|")})$`),
    mangleCache: SHORT,
    charset: "ascii",
    write: false,
  });
  // The token stands at the end: all that comes before it is the same for everybody, and is compressed once. It comes from outside, so
  // that it is not moved in.
  const whole = `(RINGFENCE_TOKEN=>{${bundled.outputFiles[0].text}})(RINGFENCE)`;
  const { code } = await minify(whole, {
    ecma: 2020,
    compress: { ecma: 2020, passes: 3, unsafe_arrows: true, keep_fargs: false },
    mangle: { toplevel: true },
    // The server may say any charset, or none, so what is no printable ASCII is escaped.
    format: { ecma: 2020, ascii_only: true },
  });
  // What src/ compares is of one type, so two signs say what three do; but `null` is told from what is not there.
  const text = code.replace(/;$/, "").replace(/\(RINGFENCE\)$/, `(${TOKEN})`).replace(/(?<!null)([!=])==/g, "$1=");
  if (text.split(TOKEN).length !== 2) throw new Error(`expected ${TOKEN} once in the bundle, for the server to replace`);
  new Function(text);
  const octets = brotliCompressSync(text).length;
  if (process.argv.includes("--check")) {
    const kept = await readFile(here(`dist/${name}`), "utf8").catch(() => "");
    if (kept !== text) {
      console.error(`tag/dist/${name} is not what tag/src makes: run "npm run build" and commit it.`);
      process.exit(1);
    }
  } else {
    await mkdir(here("dist"), { recursive: true });
    await writeFile(here(`dist/${name}`), text);
  }
  console.log(`dist/${name}: ${text.length} octets, ${octets} with brotli`);
}

await make("src/main.ts", "tag.js");
await make("src/moved.ts", "moved.js");
