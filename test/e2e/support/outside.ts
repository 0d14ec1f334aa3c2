/** The host's side: what a container left behind or holds, seen without any runtime. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { patience } from "./slow.ts";

const CGROUPS = "/sys/fs/cgroup";

/** Whether this is a host of cgroup v2 alone. */
export const CGROUP_V2 = existsSync(join(CGROUPS, "cgroup.controllers"));

/** Waits for a condition by looking again every few milliseconds. @throws Error naming it, after `limit` milliseconds */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limit = 8000,
): Promise<T> {
  const end = Date.now() + patience(limit);
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`waited ${limit} ms in vain for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The text of a file, or `undefined` where it is not there (any more). */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** The names in a folder, or none. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The processes that have `tag` in their arguments, environment or cgroup, as `pid arguments`; not this one. */
export function processesOf(tag: string): string[] {
  const found: string[] = [];
  for (const pid of namesIn("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const args = textOf(`/proc/${pid}/cmdline`)?.replaceAll("\0", " ") ?? "";
    const rest = `${textOf(`/proc/${pid}/environ`) ?? ""}${textOf(`/proc/${pid}/cgroup`) ?? ""}`;
    if (isZombie(pid)) continue;
    if (`${args}${rest}`.includes(tag)) found.push(`${pid} ${args}`);
  }
  return found;
}

/** True where a process is gone, or has ended and only waits to be reaped. */
export function hasEnded(pid: number): boolean {
  const status = textOf(`/proc/${pid}/status`);
  return status === undefined || /^State:\s+[ZX]/m.test(status);
}

function isZombie(pid: string): boolean {
  return hasEnded(Number(pid));
}

/** Every cgroup folder whose path holds `tag`. */
export function cgroupsOf(tag: string): string[] {
  const found: string[] = [];
  const visit = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder)) {
      if (!entry.isDirectory()) continue;
      const path = join(folder, entry.name);
      if (path.includes(tag)) found.push(path);
      if (depth < 6) visit(path, depth + 1);
    }
  };
  visit(CGROUPS, 0);
  return found;
}

function entriesOf(folder: string): { name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** The host's mounts whose line in mountinfo holds `tag`. */
export function mountsOf(tag: string): string[] {
  return (textOf("/proc/self/mountinfo") ?? "").split("\n").filter((line) => line.includes(tag));
}

/**
 * The cgroups of a process: its folder in each hierarchy, keyed by the name of the hierarchy's mount point; `unified` for
 * cgroup v2, on a host of v2 alone, too.
 */
export function cgroupsOfProcess(pid: number): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of (textOf(`/proc/${pid}/cgroup`) ?? "").trim().split("\n")) {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const name = controllers === "" ? "unified" : controllers.replace(/^name=/, "");
    paths.set(name, join(CGROUPS, CGROUP_V2 ? "" : name, path));
  }
  return paths;
}

/** `net:[4026531833]` and the like: which namespace a process is in. */
export function namespaceOf(pid: number | "self", file: string): string {
  return readlinkSync(`/proc/${pid}/ns/${file}`);
}
