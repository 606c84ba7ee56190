// The program under test: `ringfence demo` on free ports, with a data folder of its own that is removed at the end.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function program() {
  if (process.env.RINGFENCE) return process.env.RINGFENCE;
  const said = execFileSync("cargo", ["build", "--quiet", "--package", "ringfence", "--message-format=json"], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 256 << 20,
  });
  const artifacts = said.toString().split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const built = artifacts.findLast((artifact) => artifact.executable && artifact.target.name === "ringfence");
  if (!built) throw new Error("expected cargo to build the program `ringfence`, got none");
  return built.executable;
}

/** A running demo: its addresses, as its welcome gives them. */
export class Demo {
  #folder = mkdtempSync(join(tmpdir(), "ringfence-browser-"));
  #output = "";

  async start() {
    this.process = spawn(program(), ["demo", "--port", "0", "--site-port", "0", "--sip-port", "0", "--data", this.#folder], {
      cwd: this.#folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (text) => (this.#output += text));
    this.ended = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve({ code, signal })));
    const welcome = {
      dashboard: /Dashboard\s+(http:\S+)/,
      signIn: /sign in\s+(http:\S+)/,
      site: /Site\s+(http:\S+)/,
      sip: /Dial\s+sip:[^@\s]+@(\S+)/,
      email: /or as\s+(\S+)/,
      password: /or as\s+\S+\s+with\s+(\S+)/,
    };
    for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = Object.entries(welcome).map(([name, pattern]) => [name, pattern.exec(this.#output)?.[1]]);
      if (found.every(([, value]) => value) && /Ctrl-C/.test(this.#output)) {
        Object.assign(this, Object.fromEntries(found));
        return this;
      }
      if (this.process.exitCode !== null || Date.now() > end) {
        await this.stop();
        throw new Error(`the demo did not come up:\n${this.#output}`);
      }
    }
  }

  /** Runs a command of the program beside the demo, over its rows, and answers with what it printed. */
  run(command, input = "") {
    const config = join(this.#folder, "ringfence.toml");
    writeFileSync(config, `data_folder = "${this.#folder}"\n`);
    return execFileSync(program(), [...command, "--config", config], { cwd: this.#folder, input, encoding: "utf8" });
  }

  /** Stops it as Ctrl-C does, and answers with its exit code. */
  async stop() {
    if (this.process?.exitCode === null) this.process.kill("SIGINT");
    const hard = setTimeout(() => this.process?.kill("SIGKILL"), 30_000);
    const { code } = await this.ended;
    clearTimeout(hard);
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }

  /** What it wrote so far. */
  get output() {
    return this.#output;
  }
}
