/** A hostile user of the host: his program runs as long as root works beside him, again and again. */
import { spawn } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";
import type { Test } from "tap";
import { until } from "./outside.ts";
import { USER } from "./user.ts";

/** A folder that belongs to him, or to another user. */
export function given(
  path: string,
  { uid, gid }: { readonly uid: number; readonly gid: number } = USER,
): string {
  mkdirSync(path, { recursive: true });
  chownSync(path, uid, gid);
  return path;
}

/** How long root works beside him, in milliseconds. */
const BUDGET = 20_000;

/** What a race is made of. */
export interface Race {
  /** His program, in Python, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  readonly user?: { readonly uid: number; readonly gid: number };
  /** What root does once. */
  readonly attempt: (count: number) => Promise<void>;
  /** What he has reached; `undefined` where he has reached nothing. Then the race is over. */
  readonly lost: () => string | undefined;
}

/** Races until he has won, or the time is over, and says how often root has worked. */
export async function raceWith(t: Test, { program, args, user = USER, attempt, lost }: Race): Promise<void> {
  const racer = spawn("python3", ["-c", program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"] },
    ...user,
  });
  const begun = Date.now();
  let attempts = 0;
  let won: string | undefined;
  try {
    // His program says so when it is at it.
    await new Promise((settle) => racer.stdout.once("data", settle));
    for (; won === undefined && Date.now() < begun + BUDGET; attempts++) {
      await attempt(attempts);
      won = lost();
    }
  } finally {
    racer.kill("SIGKILL");
    await until("the hostile user's end", () => racer.signalCode !== null || racer.exitCode !== null);
  }
  t.comment(`${attempts} attempts in ${Date.now() - begun} ms`);
  t.equal(won, undefined, `${attempts} attempts`);
}
