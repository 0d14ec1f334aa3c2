/** The freezer of the unified hierarchy, on the real kernel: a cgroup below the tests' own name, and a process that forks. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { freeze, freezerState, frozen, thaw } from "../../../src/cgroup/freezer.ts";
import { thawAll } from "../../../src/cgroup/members.ts";
import { sleep } from "../../../src/sys/process.ts";
import { noLibrary } from "../native.ts";

const MOUNT = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((dir) =>
  existsSync(join(dir, "cgroup.controllers")),
);
const skip =
  noLibrary ||
  (process.getuid?.() !== 0 && "needs root") ||
  (MOUNT === undefined && "needs the unified cgroup hierarchy");

t.test("cgroup.freeze", { skip }, async (t) => {
  const dir = join(MOUNT ?? "", `tsrun-test-${process.pid}`);
  const inner = join(dir, "inner");
  mkdirSync(dir);
  mkdirSync(inner);
  const child: ChildProcess = spawn("sh", ["-c", "while :; do /bin/true & /bin/true; done"], {
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const paths = new Map([["", dir]]);
  try {
    t.equal(freezerState(paths), "thawed");
    writeFileSync(join(inner, "cgroup.procs"), String(child.pid));
    for (let round = 0; round < 10; round++) {
      freeze(paths, sleep);
      t.equal(freezerState(paths), "frozen");
      t.equal(freezerState(new Map([["", inner]])), "above", "the cgroup below is frozen by the one above");
      const before = usage(child);
      sleep(10);
      t.equal(usage(child), before, `nothing runs in round ${round}`);
      thaw(paths);
      t.equal(frozen(paths), false);
      t.equal(freezerState(paths), "thawed");
    }
    writeFileSync(join(inner, "cgroup.freeze"), "1");
    thaw(paths);
    t.equal(frozen(new Map([["", inner]])), true, "what the container froze itself stays frozen");
    thawAll(paths);
    t.equal(frozen(new Map([["", inner]])), false, "unless all is thawed");
  } finally {
    writeFileSync(join(dir, "cgroup.kill"), "1");
    thawAll(paths);
    await ended;
    await removed(inner);
    await removed(dir);
  }
});

/** Removes a cgroup whose last processes may not be quite gone. */
async function removed(dir: string): Promise<void> {
  for (let tries = 0; existsSync(dir); tries++) {
    try {
      rmdirSync(dir);
    } catch (error) {
      if (tries > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The processor time of a process and of its children that have ended (proc_pid_stat(5), fields 14 to 17). */
function usage({ pid }: ChildProcess): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 15)
    .join(" ");
}
