/**
 * The processes of a container's cgroup: list them, kill them all.
 */

import { SystemError, TsrunError } from "../error.ts";
import { hasPidsInTree, pidsInTree, thawTree } from "../sys/cgroup-tree.ts";
import { perform, readTextIfThere } from "../sys/files.ts";
import { freeze, type Sleep } from "./freezer.ts";
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

/** The folder in which the container's processes are looked for: of devices (as runc does), pids, freezer, unified, any. */
function counting(paths: CgroupPaths): string | undefined {
  for (const name of ["devices", "pids", "freezer", ""]) {
    const dir = paths.get(name);
    if (dir !== undefined) return dir;
  }
  return distinct(paths)[0];
}

/** How long a list of processes may take, in milliseconds: 100,000 cgroups take about one second. */
const LIST_MS = 10_000;

/**
 * The pids in the container's cgroup and in those below it, in ascending order; 0 stands for all that are outside of this pid
 * namespace. A cgroup that is gone has none.
 * @throws SystemError `ETIMEDOUT` where cgroups are made faster than they can be looked into
 */
export function pids(paths: CgroupPaths): readonly number[] {
  const dir = counting(paths);
  return dir === undefined ? [] : pidsBelow(dir);
}

/** The pids in one cgroup and below it. @throws as {@link pids} */
export function pidsBelow(dir: string): readonly number[] {
  const { pids: found, whole } = pidsInTree(dir, LIST_MS);
  if (whole) return found;
  throw new SystemError("read", "ETIMEDOUT", dir, {
    doing: `cannot list the processes of cgroup ${dir}`,
    hint: "a process in it may be making cgroups all the time: kill or pause the container first",
  });
}

/** The pids in one cgroup, without those below. @throws SystemError */
export function pidsIn(dir: string): readonly number[] {
  const found = new Set<number>();
  for (const line of procs(dir).split("\n")) if (line !== "") found.add(Number.parseInt(line, 10));
  return [...found].sort((a, b) => a - b);
}

/** Whether any process is in the container's cgroup or below; true where that cannot be told in so many milliseconds. @throws SystemError */
export function hasPids(paths: CgroupPaths, ms = LIST_MS): boolean {
  const dir = counting(paths);
  return dir !== undefined && hasPidsInTree(dir, ms) !== false;
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

/**
 * Kills every process in the container's cgroups and in those below, and thaws them, since a frozen process does not
 * die on v1. Does not wait for them to be gone: removing the cgroup does. Where no cgroup.kill exists (kernel 5.14), the
 * cgroup is frozen while `kill` is called for each pid, so that none escapes by forking, or into a new cgroup. What is outside
 * of this pid namespace has no pid here and stays: see {@link foreignLeft}.
 *
 * Call it only for a cgroup that holds this container alone.
 * @throws SystemError
 */
export function killAll(paths: CgroupPaths, kill: (pid: number) => void, sleep: Sleep): void {
  const unified = paths.get("");
  const dir = counting(paths);
  const killed = unified === undefined ? false : killUnified(unified);
  if (dir !== undefined && hasPids(paths, GLANCE_MS)) {
    if (!killed) tryFreeze(paths, sleep);
    // 0 would be tsrun's own process group.
    const done = new Set<number>([0]);
    for (let round = 0; round < 10; round++) {
      const left = pidsInTree(dir, LIST_MS).pids.filter((pid) => !done.has(pid));
      if (left.length === 0) break;
      for (const pid of left) {
        kill(pid);
        done.add(pid);
      }
    }
  }
  thawAll(paths);
}

/** How long to look whether there is anything to kill at all, in milliseconds: while cgroups are being made no look ends. */
export const GLANCE_MS = 200;

/** How long processes of other pid namespaces are waited for: cgroup.kill may have killed them, or they are about to end. */
const FOREIGN_MS = 1000;

/** Whether only processes that are outside of this pid namespace are left in the container's cgroup, and stay. @throws SystemError */
export function foreignLeft(paths: CgroupPaths, sleep: Sleep): boolean {
  const end = performance.now() + FOREIGN_MS;
  for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
    if (!pids(paths).includes(0)) return false;
    if (performance.now() > end) return true;
    sleep(wait);
  }
}

/** What to do about a process of another pid namespace. */
export const FOREIGN_HINT =
  "a process that is outside of this pid namespace is not tsrun's to kill: end it where it was started, or move it to another cgroup";

/** The error for processes that tsrun can give no signal. */
export function foreignError(paths: CgroupPaths): SystemError {
  const dir = counting(paths) ?? "";
  return new SystemError("kill", "EPERM", dir, {
    doing: `cannot signal a process in cgroup ${dir}`,
    hint: FOREIGN_HINT,
  });
}

/** cgroup.kill kills all at once, forks included. False where the kernel has none (before 5.14). */
function killUnified(dir: string): boolean {
  return perform([{ do: "write", path: `${dir}/cgroup.kill`, text: "1" }]) === undefined;
}

/** Milliseconds given to freezing before a kill; what does not freeze in time is killed all the same. */
const FREEZE_TO_KILL_MS = 500;

/** What does not freeze in time stays half frozen: those that do make nothing new meanwhile, and all are thawed in the end. */
function tryFreeze(paths: CgroupPaths, sleep: Sleep): void {
  try {
    freeze(paths, sleep, { deadline: FREEZE_TO_KILL_MS, keepHalf: true });
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}

/** Thaws the container's cgroup and those below, which the container may have made and frozen itself. @throws SystemError */
export function thawAll(paths: CgroupPaths): void {
  const v1 = paths.get("freezer");
  const top = v1 ?? paths.get("");
  if (top !== undefined) thawTree(top, v1 !== undefined, LIST_MS);
}
