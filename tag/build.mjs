// Bundles src/ into dist/tag.js and dist/moved.js: esbuild puts the modules together, oxc-minify makes them small.
// With --check nothing is written; the exit code is 1 when dist/ is not what src/ makes.
import { readFile, mkdir, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minifySync } from "oxc-minify";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const SHORT = { credential: "c", marks: "m", spent: "s", kept: "k", stored: "d", before: "b", after: "a", period: "p", last: "l", taken: "t", turns: "u", running: "r", wanted: "w", found: "f" };
const TOKEN = '"__RINGFENCE_TOKEN__"';

/** Where the template literal that begins at `start` ends. */
function endOfTemplate(text, start) {
  let at = start + 1;
  while (text[at] !== "`") {
    if (text[at] === "\\") at++;
    else if (text.startsWith("${", at)) {
      at += 2;
      for (let depth = 1; ; at++) {
        if (text[at] === "`") at = endOfTemplate(text, at);
        else if (text[at] === "{") depth++;
        else if (text[at] === "}" && !--depth) break;
      }
    }
    at++;
  }
  return at;
}

/** The minifier likes template literals; as plain strings they compress better. */
function withPlainStrings(text) {
  let plain = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "`") {
      const end = endOfTemplate(text, at);
      const inner = text.slice(at + 1, end);
      plain += /[`"\\\n]|\$\{/.test(inner) ? text.slice(at, end + 1) : `"${inner}"`;
      at = end;
    } else if (text[at] === '"' || text[at] === "'") {
      let end = at + 1;
      while (text[end] !== text[at]) end += text[end] === "\\" ? 2 : 1;
      plain += text.slice(at, end + 1);
      at = end;
    } else plain += text[at];
  }
  return plain;
}

const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

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
  // The token stands at the end: all that comes before it is the same for everybody, and is compressed once.
  const whole = `(RINGFENCE_TOKEN=>{${bundled.outputFiles[0].text}})(${TOKEN})`;
  const { code, errors } = minifySync(name, whole, {
    compress: { target: "es2021" },
    mangle: { toplevel: false },
    codegen: { removeWhitespace: true },
    sourcemap: false,
  });
  if (errors.length) throw new Error(errors.map((error) => error.message).join("\n"));

  // The minifier likes template literals, and the server replaces a JSON string by another; the server may say any
  // charset, or none, so what is no printable ASCII (it stands only within strings) is escaped.
  const text = `${withPlainStrings(code.trimEnd()).replace("`__RINGFENCE_TOKEN__`", TOKEN).replace(/[^\n\x20-\x7e]/g, escaped).replace(/;$/, "")}\n`;
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
