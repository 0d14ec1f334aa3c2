/** `create` that is killed at a system call of its own, which strace counts. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host, TestBundle } from "./host.ts";

/** Why there is no such test here. */
export const NO_STRACE = spawnSync("strace", ["-V"]).status !== 0 && "needs strace";

/** A system call: which one it is, from 1 on, and strace's line about it. */
export interface CallPoint {
  readonly number: number;
  readonly line: string;
}

function create(host: Host, { dir }: TestBundle, id: string): string[] {
  return [host.runtime, "--root", host.stateRoot, "create", "-b", dir, id];
}

/** The calls of a `create`, from the first on that names the state root: before it nothing can be left. The container had `id`. */
export async function callsOfCreate(
  host: Host,
  bundle: TestBundle,
): Promise<{ readonly id: string; readonly calls: readonly CallPoint[] }> {
  const id = host.id();
  const log = join(host.dir, "strace.log");
  execFileSync("strace", ["-o", log, ...create(host, bundle, id)], { stdio: "ignore" });
  await host.delete(id);
  const lines = readFileSync(log, "utf8").split("\n");
  const first = lines.findIndex((line) => line.includes(host.stateRoot) && !line.startsWith("execve"));
  return { id, calls: lines.map((line, index) => ({ number: index + 1, line })).slice(Math.max(first, 0)) };
}

/** A `create` that is killed as it makes a call; the container's id. */
export function createKilledAt(host: Host, bundle: TestBundle, { number }: CallPoint): string {
  const id = host.id();
  const inject = `inject=all:signal=KILL:when=${number}`;
  spawnSync("strace", ["-o", "/dev/null", "-e", inject, ...create(host, bundle, id)], { stdio: "ignore" });
  return id;
}
