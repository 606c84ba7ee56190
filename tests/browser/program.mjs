// The program under test: `ringfence demo`, or an empty server, on free ports, with a data folder of its own that is
// removed at the end.
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

/** The program in a process of its own. */
class Running {
  folder = mkdtempSync(join(tmpdir(), "ringfence-browser-"));
  #output = "";

  /** Starts a command and answers when its output holds each of these patterns, with what their first groups caught. */
  async begin(command, patterns, ready) {
    this.process = spawn(program(), command, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (text) => (this.#output += text));
    this.ended = new Promise((resolve) => this.process.once("exit", (code, signal) => resolve({ code, signal })));
    for (const end = Date.now() + 60_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
      const found = Object.entries(patterns).map(([name, pattern]) => [name, pattern.exec(this.#output)?.[1]]);
      if (found.every(([, value]) => value) && ready.test(this.#output)) {
        Object.assign(this, Object.fromEntries(found));
        return this;
      }
      if (this.process.exitCode !== null || Date.now() > end) {
        await this.stop();
        throw new Error(`${command[0]} did not come up:\n${this.#output}`);
      }
    }
  }

  /** Runs a command of the program beside it, over its rows, and answers with what it printed. */
  run(command, input = "") {
    const config = this.config ?? this.configure();
    return execFileSync(program(), [...command, "--config", config], { cwd: this.folder, input, encoding: "utf8" });
  }

  /** Writes the configuration and answers with its path. */
  configure(more = "") {
    const config = join(this.folder, "ringfence.toml");
    writeFileSync(config, `data_folder = "${this.folder}"\n${more}`);
    return config;
  }

  /** Stops it as Ctrl-C does, and answers with its exit code. */
  async stop() {
    if (this.process?.exitCode === null) this.process.kill("SIGINT");
    const hard = setTimeout(() => this.process?.kill("SIGKILL"), 30_000);
    const { code } = await this.ended;
    clearTimeout(hard);
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }

  /** What it wrote so far. */
  get output() {
    return this.#output;
  }
}

/** A running demo: its addresses, as its welcome gives them. */
export class Demo extends Running {
  start() {
    const welcome = {
      dashboard: /Dashboard\s+(http:\S+)/,
      signIn: /sign in\s+(http:\S+)/,
      site: /Site\s+(http:\S+)/,
      sip: /Dial\s+sip:[^@\s]+@(\S+)/,
      email: /or as\s+(\S+)/,
      password: /or as\s+\S+\s+with\s+(\S+)/,
    };
    return this.begin(["demo", "--port", "0", "--site-port", "0", "--sip-port", "0", "--data", this.folder], welcome, /Ctrl-C/);
  }
}

/** An empty server with one user, as `user add` and `serve` make it. */
export class Server extends Running {
  email = "owner@example.com";
  password = "correct horse battery";

  start() {
    this.config = this.configure(`[http]
listen = "127.0.0.1:0"
[sip]
listen_udp = "127.0.0.1:0"
listen_tcp = "127.0.0.1:0"
[outbound]
allow_private = true
`);
    execFileSync(program(), ["user", "add", "--config", this.config, "--email", this.email, "--password-stdin"], { cwd: this.folder, input: `${this.password}\n` });
    return this.begin(["serve", "--config", this.config], { http: /http=(\S+)/, sip: /sip_udp=(\S+)/ }, /ready/);
  }
}
