/** A racer: a process that exchanges a folder for a link, over and over, while a container is made. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { until } from "./outside.ts";
import { SLOW } from "./slow.ts";

/** renameat2(2) with RENAME_EXCHANGE of `a` and `b` in the folder, for ever. */
const EXCHANGE = `
import ctypes, os, sys
libc = ctypes.CDLL(None)
folder = os.open(sys.argv[1], os.O_RDONLY)
while True: libc.renameat2(folder, b"a", folder, b"b", 2)
`;

/** How long a race lasts, in milliseconds. */
const BUDGET = 2000;

/** Fewer attempts than these are no race. */
const LEAST = 5;

/** Whether races can be run here; marks the test as skipped where not. */
export function canRace(t: Test): boolean {
  try {
    execFileSync("python3", ["-c", "pass"]);
    return true;
  } catch {
    t.pass("not applicable", { skip: "needs python3" });
    return false;
  }
}

/** Exchanges `a` (a folder) and `b` (a link) of a volume while `attempt` is done again and again; how often it was done. */
export async function whileExchanged(
  t: Test,
  volume: string,
  attempt: (count: number) => Promise<void>,
): Promise<number> {
  const racer: ChildProcess = spawn("python3", ["-c", EXCHANGE, volume], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"] },
  });
  let attempts = 0;
  try {
    await until("the exchange to run", () => lstatSync(join(volume, "a")).isSymbolicLink(), 8000);
    const end = Date.now() + BUDGET;
    for (; Date.now() < end || (SLOW && attempts <= LEAST); attempts++) await attempt(attempts);
  } finally {
    racer.kill("SIGKILL");
    await until("the exchange to end", () => racer.signalCode !== null || racer.exitCode !== null);
  }
  t.comment(`${attempts} attempts`);
  t.ok(attempts > LEAST, `${attempts} attempts`);
  return attempts;
}
