/**
 * A cgroup with all below it, walked by the native library (native/lib/cgroups.c): no path gets longer than the cgroup's own,
 * however deep a container has nested its cgroups, and every walk has an end.
 */
import { SystemError } from "../error.ts";
import { cstring } from "./bytes.ts";
import { errnoName, lib } from "./lib.ts";

/** The numbers of native/lib/lib.h, `enum cgroups_task`. */
const TASK = { pids: 1, kills: 2, thawV1: 3, thawV2: 4, remove: 5 } as const;

/** How a walk went. */
interface Walked {
  /** How many pids, kills or removed cgroups. */
  readonly count: number;
  /** Why it came to no end: `ETIMEDOUT`, `ERANGE` for pids that had no room; `undefined` where it did. */
  readonly errno: string | undefined;
}

const NO_PIDS = new Int32Array(1);

/** A cgroup that is gone has nothing. @throws SystemError */
function walk(dir: string, task: keyof typeof TASK, ms: number, pids = NO_PIDS, room = 0): Walked {
  const count = new Int32Array(1);
  const answer = lib().ts_cgroups(cstring(dir), TASK[task], Math.max(0, Math.ceil(ms)), pids, room, count);
  const errno = answer < 0 ? errnoName(-answer) : undefined;
  switch (errno) {
    case undefined:
    case "ETIMEDOUT":
    case "ERANGE":
      return { count: count[0] ?? 0, errno };
    case "ENOENT":
    case "ENODEV":
      return { count: count[0] ?? 0, errno: undefined };
    default:
      throw new SystemError("walk", errno, dir, { doing: `go through cgroup ${dir}` });
  }
}

/** The processes of a cgroup and of those below it. */
export interface TreePids {
  /** Each once, in ascending order; 0 stands for all that are outside of this pid namespace. */
  readonly pids: readonly number[];
  /** False where the time was not enough: there are more. */
  readonly whole: boolean;
}

/** Nearly every container has fewer processes. */
const USUAL_PIDS = 1024;

/** Lists them. @throws SystemError */
export function pidsInTree(dir: string, ms: number): TreePids {
  const end = performance.now() + ms;
  for (let room = USUAL_PIDS; ; room *= 8) {
    const list = new Int32Array(room);
    const { count, errno } = walk(dir, "pids", end - performance.now(), list, room);
    if (errno === "ERANGE") continue;
    const pids = [...new Set(list.subarray(0, count))].sort((a, b) => a - b);
    return { pids, whole: errno === undefined };
  }
}

/** Whether there is any, `"unknown"` after so many milliseconds. @throws SystemError */
export function hasPidsInTree(dir: string, ms: number): boolean | "unknown" {
  const { errno } = walk(dir, "pids", ms);
  return errno === "ETIMEDOUT" ? "unknown" : errno === "ERANGE";
}

/** How many processes were killed for memory, by v1's memory.oom_control; those that were counted when the time was over. @throws SystemError */
export function killsInTree(dir: string, ms: number): number {
  return walk(dir, "kills", ms).count;
}

/** Lets all of them go on, as far as the time allows. @throws SystemError */
export function thawTree(dir: string, v1: boolean, ms: number): void {
  walk(dir, v1 ? "thawV1" : "thawV2", ms);
}

/** What removing did. */
export interface Removed {
  readonly count: number;
  /** False where the time was not enough. */
  readonly whole: boolean;
}

/** Removes the cgroups below one, but for those that have processes, and those above them. @throws SystemError */
export function removeBelow(dir: string, ms: number): Removed {
  const { count, errno } = walk(dir, "remove", ms);
  return { count, whole: errno === undefined };
}
