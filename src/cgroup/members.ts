/**
 * The processes of a container's cgroup: list them, kill them all.
 */

import { SystemError, TsrunError } from "../error.ts";
import { append } from "../lists.ts";
import { entries, type FileAction, perform, readTextIfThere } from "../sys/files.ts";
import { freeze, type Sleep, thawAction } from "./freezer.ts";
import type { CgroupPaths } from "./paths.ts";

/** cgroup.procs of a cgroup with very many processes: seven digits and a newline for each of 4 million. */
const PROCS_MAX = 64 << 20;

/** The container's cgroup folders, each once, the unified one last. */
export function distinct(paths: CgroupPaths): string[] {
  const unified = paths.get("");
  const dirs = new Set(paths.values());
  if (unified !== undefined) {
    dirs.delete(unified);
    dirs.add(unified);
  }
  return [...dirs];
}

/**
 * The pids in the container's cgroup, in ascending order; with `recursive` also those in cgroups below it. One hierarchy
 * is read: the first there is of devices (as runc does), pids, freezer, unified, any. A cgroup that is gone has none.
 * @throws SystemError
 */
export function pids(paths: CgroupPaths, { recursive }: { readonly recursive: boolean }): number[] {
  for (const name of ["devices", "pids", "freezer", ""]) {
    const dir = paths.get(name);
    if (dir !== undefined) return pidsBelow(dir, recursive);
  }
  const [dir] = distinct(paths);
  return dir === undefined ? [] : pidsBelow(dir, recursive);
}

/** The pids in one cgroup, and with `recursive` below it. @throws SystemError */
export function pidsBelow(dir: string, recursive: boolean): number[] {
  const found = new Set<number>();
  const todo = [dir];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    for (const line of procs(next).split("\n")) if (line !== "") found.add(Number.parseInt(line, 10));
    if (recursive) append(todo, subCgroups(next));
  }
  return [...found].sort((a, b) => a - b);
}

/** How many processes an error names. */
const NAMED_MAX = 10;

/** `12 (sh), 13 (sleep), 4 more`; nothing for none. A process outside of tsrun's pid namespace is 0. */
export function namedPids(pids: readonly number[]): string {
  const names = pids.slice(0, NAMED_MAX).map((pid) => {
    if (pid === 0) return "some outside this pid namespace";
    const command = readTextIfThere(`/proc/${pid}/comm`)?.trim();
    return command === undefined ? String(pid) : `${pid} (${command})`;
  });
  if (pids.length > NAMED_MAX) names.push(`${pids.length - NAMED_MAX} more`);
  return names.join(", ");
}

function procs(dir: string): string {
  try {
    return readTextIfThere(`${dir}/cgroup.procs`, PROCS_MAX) ?? "";
  } catch (error) {
    // A threaded cgroup shows its processes in the domain cgroup above it.
    if (error instanceof SystemError && error.code === "EOPNOTSUPP") return "";
    throw error;
  }
}

/** The cgroups directly below one; none when it is gone. @throws SystemError */
export function subCgroups(dir: string): string[] {
  try {
    const found: string[] = [];
    for (const { name, kind } of entries(dir)) if (kind === "dir") found.push(`${dir}/${name}`);
    return found;
  } catch (error) {
    if (error instanceof SystemError && (error.code === "ENOENT" || error.code === "ENODEV")) return [];
    throw error;
  }
}

/**
 * Kills every process in the container's cgroups and in those below, and thaws them, since a frozen process does not
 * die on v1. Does not wait for them to be gone: removing the cgroup does. Where no cgroup.kill exists (kernel 5.14), the
 * cgroup is frozen while `kill` is called for each pid, so that none escapes by forking.
 *
 * Call it only for a cgroup that holds this container alone.
 * @throws SystemError
 */
export function killAll(paths: CgroupPaths, kill: (pid: number) => void, sleep: Sleep): void {
  const unified = paths.get("");
  const killed = unified === undefined ? false : killUnified(unified);
  if (pids(paths, { recursive: true }).length > 0) {
    if (!killed) tryFreeze(paths, sleep);
    const done = new Set<number>();
    for (let round = 0; round < 10; round++) {
      const left = pids(paths, { recursive: true }).filter((pid) => !done.has(pid));
      if (left.length === 0) break;
      for (const pid of left) {
        kill(pid);
        done.add(pid);
      }
    }
  }
  thawTree(paths);
}

/** cgroup.kill kills all at once, forks included. False where the kernel has none (before 5.14). */
function killUnified(dir: string): boolean {
  return perform([{ do: "write", path: `${dir}/cgroup.kill`, text: "1" }]) === undefined;
}

/** Milliseconds given to freezing before a kill; what does not freeze in time is killed all the same. */
const FREEZE_TO_KILL_MS = 500;

function tryFreeze(paths: CgroupPaths, sleep: Sleep): void {
  try {
    freeze(paths, sleep, FREEZE_TO_KILL_MS);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}

/** Thaws the container's cgroup and those below, which the container may have made and frozen itself. */
export function thawTree(paths: CgroupPaths): void {
  const v1 = paths.get("freezer");
  const top = v1 ?? paths.get("");
  if (top === undefined) return;
  const actions: FileAction[] = [];
  const todo = [top];
  for (let dir = todo.pop(); dir !== undefined; dir = todo.pop()) {
    actions.push(thawAction(dir, v1 !== undefined));
    append(todo, subCgroups(dir));
  }
  perform(actions);
}
