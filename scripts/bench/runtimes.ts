/** The runtimes that are compared, each with a state folder of its own. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Argv, output, succeeds } from "./programs.ts";

/** A runtime: what it is and how it is called. */
export interface Runtime {
  readonly name: string;
  readonly path: string;
  readonly version: string;
  /** Where it keeps its containers. */
  readonly root: string;
}

/** tsrun, and those of runc and crun that are installed. */
export function findRuntimes(tsrun: string, folder: string): readonly Runtime[] {
  const found: Runtime[] = [];
  for (const name of ["tsrun", "runc", "crun"]) {
    let path = tsrun;
    if (name !== "tsrun") {
      if (!succeeds("sh", "-c", 'command -v "$0"', name)) continue;
      path = output("sh", "-c", 'command -v "$0"', name).trim();
    }
    const root = join(folder, `state-${name}`);
    mkdirSync(root);
    const version = output(path, "--version").split("\n").slice(0, 2).join(", ");
    found.push({ name, path, version, root });
  }
  return found;
}

/** A command line of a runtime, with its state folder. */
export function line({ path, root }: Runtime, ...args: readonly string[]): Argv {
  return [path, "--root", root, ...args];
}

/** Ids of the benchmark's containers begin so, and so do their cgroups. */
export const PREFIX = `bench-${process.pid}-`;

/** An id of this runtime's. */
export function id({ name }: Runtime, part: string | number): string {
  return `${PREFIX}${name}-${part}`;
}

/** Deletes whatever containers a runtime still has. */
export function deleteAll(runtime: Runtime): void {
  for (const name of readdirSync(runtime.root)) {
    if (name.startsWith(PREFIX)) succeeds(...line(runtime, "delete", "--force", name));
  }
}

/** The pid in a pid file, once it is there. @throws Error when it does not come within 10 s */
export async function awaitPid(file: string): Promise<number> {
  for (let tries = 0; tries < 2000; tries++) {
    const pid = Number(contents(file) ?? "");
    if (pid > 0) return pid;
    await pause(5);
  }
  throw new Error(`no pid came into ${file}`);
}

/** Waits until a process has ended. @throws Error when it has not within 10 s */
export async function awaitEnd(pid: number): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    const stat = contents(`/proc/${pid}/stat`);
    if (stat === undefined || / [ZX] /.test(stat.slice(stat.lastIndexOf(")")))) return;
    await pause(1);
  }
  throw new Error(`process ${pid} does not end`);
}

/** A file's text; `undefined` where there is none. */
export function contents(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
