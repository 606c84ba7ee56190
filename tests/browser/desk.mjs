// A telephone on a desk: SIPp at a free port, which answers every call until the caller hangs up.
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { join } from "node:path";
import { ROOT } from "./program.mjs";

/** Starts one, with its files in `folder`: its process, and the address that reaches it. */
export async function answering(folder) {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  const scenario = join(ROOT, "crates/bench/scenarios/callee.xml");
  const started = spawn(process.env.SIPP ?? "sipp", ["-sf", scenario, "-i", "127.0.0.1", "-p", String(port), "-nostdin"], {
    cwd: folder,
    stdio: "ignore",
    env: { ...process.env, TERM: "dumb" },
  });
  return { process: started, address: `sip:desk@127.0.0.1:${port}` };
}
