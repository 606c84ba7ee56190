// A real telephone call: SIPp plays the carrier of a caller, over UDP.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCENARIO = fileURLToPath(new URL("dial.xml", import.meta.url));

/** Dials `number` at the SIP address as `caller` (both E.164), talks for a second and a half and hangs up; fails when nobody answers. */
export async function dial(sip, number, caller) {
  const folder = mkdtempSync(join(tmpdir(), "ringfence-dial-"));
  try {
    const sipp = spawn(
      process.env.SIPP ?? "sipp",
      [sip, "-sf", SCENARIO, "-s", number, "-key", "caller", caller, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-m", "1", "-rtp_echo", "-nostdin", "-trace_err", "-timeout", "45", "-timeout_error"],
      { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TERM: "dumb" } },
    );
    let output = "";
    for (const stream of [sipp.stdout, sipp.stderr]) stream.on("data", (text) => (output += text));
    const code = await new Promise((resolve, reject) => sipp.once("error", reject).once("exit", resolve));
    if (code !== 0) {
      const errors = readdirSync(folder).filter((name) => name.includes("errors")).map((name) => readFileSync(join(folder, name), "utf8"));
      throw new Error(`expected the call to ${number} to be answered, SIPp ended with ${code}:\n${errors.join("\n") || output.slice(-2000)}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Dials `number` and does not mind who is busy or does not answer: it is in service. */
export async function dialInService(sip, number, caller) {
  const why = await dial(sip, number, caller).then(() => "", String);
  if (/404/.test(why)) throw new Error(`expected ${number} to be in service: ${why}`);
}
