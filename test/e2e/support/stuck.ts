/** A container with a process that can be killed, but not frozen. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { folderOf } from "./cgroup-files.ts";
import { probe } from "./config.ts";
import type { Host } from "./host.ts";
import { CGROUP_V2, textOf, until } from "./outside.ts";

/** What is missing for it here, or `undefined`. */
export function withoutStuck(): string | undefined {
  if (!CGROUP_V2) return undefined;
  try {
    execFileSync("python3", ["-c", "pass"]);
    execFileSync("modprobe", ["-q", "fuse"], { stdio: "ignore" });
  } catch {
    if (!existsSync("/dev/fuse")) return "needs python3 and FUSE";
  }
  return existsSync("/dev/fuse") ? undefined : "needs /dev/fuse";
}

/** Its id. On v1 a process waits for memory where nobody may be killed for it; v2 always kills: there one waits for a file. */
export async function stuckContainer(host: Host): Promise<string> {
  if (CGROUP_V2) return waitingForFile(host);
  const stuck = host.bundle((config) => {
    probe(config, "eat", "100000000");
    config.linux.resources["memory"] = { limit: 20 << 20, swap: 20 << 20, disableOOMKiller: true };
  });
  const id = await host.running(stuck);
  const control = join(await folderOf(host, id, "memory"), "memory.oom_control");
  await until("it waits for memory", () => textOf(control)?.includes("under_oom 1"));
  return id;
}

/** Mounts a FUSE filesystem that nobody serves, in a mount namespace of its own; its child asks for a file there. */
const ASKS_IN_VAIN = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = sys.argv[1].encode()
libc.unshare(0x20000)
libc.mount(None, b"/", None, 0x44000, None)
device = os.open("/dev/fuse", os.O_RDWR)
if libc.mount(b"nobody", folder, b"fuse", 6, b"fd=%d,rootmode=40000,user_id=0,group_id=0" % device): sys.exit(1)
child = os.fork()
if child == 0: os.stat(folder + b"/file")
print(child, flush=True)
os.waitpid(child, 0)
`;

let folders = 0;

async function waitingForFile(host: Host): Promise<string> {
  const id = await host.running(host.bundle((config) => probe(config, "sleep", "1000")));
  folders += 1;
  const folder = join(host.dir, `unserved-${folders}`);
  mkdirSync(folder);
  const helper = spawn("python3", ["-c", ASKS_IN_VAIN, folder], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
  });
  const pid = await new Promise<string>((resolve, reject) => {
    helper.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()));
    helper.once("exit", (code) => reject(new Error(`the FUSE helper ended with ${code}`)));
  });
  await until("it waits for the file", () => /^State:\s+[DS]/m.test(textOf(`/proc/${pid}/status`) ?? ""));
  writeFileSync(join(await folderOf(host, id, "freezer"), "cgroup.procs"), pid);
  return id;
}
