import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import t from "tap";
import { isAlive, startTimeOf, zombieStatus } from "../../../src/state/status.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

/** The wait status of a shell's child that has ended and is not reaped for some seconds. */
async function zombie(script: string): Promise<number> {
  const child = spawn("/bin/sh", ["-c", `(sleep 0.05; ${script}) & echo $!; exec sleep 3`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const pid = await new Promise<number>((resolve) => {
    child.stdout.once("data", (bytes: Buffer) => resolve(Number(bytes.toString())));
  });
  for (let tries = 0; tries < 400 && startTimeOf(pid) !== undefined; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.teardown(() => child.kill("SIGKILL"));
  return pid;
}

/** Field 22 as it stands, also of a process that has ended. */
function started(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

t.test("zombieStatus(): of a process that has ended and that nobody has reaped", async (t) => {
  const privileged = process.geteuid?.() === 0;
  for (const [script, status] of [
    ["exit 5", 5 << 8],
    ["kill -9 $(exec sh -c 'echo $PPID')", 9],
  ] as const) {
    const pid = await zombie(script);
    const startTime = started(pid);
    t.equal(zombieStatus({ pid, startTime }), status, script);
    t.equal(zombieStatus({ pid, startTime: "1" }), undefined, "another process of this pid");
    t.notOk(isAlive({ pid, startTime }));
  }
  const pid = await zombie("exit 0");
  t.equal(
    zombieStatus({ pid, startTime: started(pid) }),
    privileged ? 0 : undefined,
    "0 is what strangers see",
  );
  t.equal(zombieStatus({ pid: process.pid, startTime: startTimeOf(process.pid) ?? "" }), undefined, "alive");
  t.equal(zombieStatus({ pid: 0x7ffffffe, startTime: "1" }), undefined, "no such process");
});
