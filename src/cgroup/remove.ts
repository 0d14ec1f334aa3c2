/**
 * Removing a container's cgroups, with what the container made below them.
 */

import { SystemError } from "../error.ts";
import { pidsInTree, removeBelow } from "../sys/cgroup-tree.ts";
import { type ActionFailure, type FileAction, perform } from "../sys/files.ts";
import { isFirstPidNamespace } from "../sys/inspect.ts";
import type { Sleep } from "./freezer.ts";
import { distinct, FOREIGN_HINT, namedPids } from "./members.ts";
import type { CgroupPaths } from "./paths.ts";

/** How removal waits. */
export interface RemoveOptions {
  readonly sleep: Sleep;
  /**
   * Milliseconds to wait for processes that are about to be gone while nothing can be removed, 10 000 unless given. A cgroup that containers share
   * stays busy for as long as the others live: give little there, and take EBUSY as "left to the others".
   */
  readonly deadline?: number;
}

/**
 * Removes the container's cgroup in every hierarchy and the levels above it that were made for it, as far as nothing
 * else is in them. A container whose cgroups are empty needs one call. What is gone already is no failure.
 * @param created the levels that `makeCgroups` made, the container's own cgroups among them or not
 * @throws SystemError EBUSY, naming the processes, when a cgroup still has some at the deadline; others at once
 */
export function removeCgroups(paths: CgroupPaths, created: readonly string[], options: RemoveOptions): void {
  const own = distinct(paths);
  const above = created.filter((dir) => !own.includes(dir)).sort((a, b) => b.length - a.length);
  const deadline = options.deadline ?? 10_000;
  let wait = 1;
  let first: SystemError | undefined;
  for (let todo = [...own, ...above]; todo.length > 0; ) {
    const failure = perform(todo.map((path): FileAction => ({ do: "rmdir", path, ifThere: true })));
    if (failure === undefined) break;
    const dir = todo[failure.index] ?? "";
    todo = todo.slice(failure.index + 1);
    if (own.includes(dir)) {
      const patience = first === undefined ? deadline : FURTHER_MS;
      const answer = removeBusy(dir, failure, { deadline: patience, wait, sleep: options.sleep });
      // One that stays must not keep the others.
      if (answer instanceof SystemError) first ??= answer;
      else wait = answer;
    } else if (!isInUse(failure.errno)) {
      first ??= removeError(dir, failure);
    }
  }
  if (first !== undefined) throw first;
}

/** Both mean the same for a cgroup: it has processes, or cgroups below. */
function isInUse(errno: string): boolean {
  return errno === "EBUSY" || errno === "ENOTEMPTY";
}

interface Patience {
  /** Milliseconds without anything being removed. */
  readonly deadline: number;
  /** The next pause, milliseconds. */
  readonly wait: number;
  readonly sleep: Sleep;
}

/** How long all of what is below one cgroup may take, in milliseconds: a hundred thousand take some seconds. */
const OVERALL_MS = 120_000;

/** How long processes that tsrun cannot kill are waited for. */
const FOREIGN_MS = 1000;

/** How long the other hierarchies of a container are waited for where one stays: the same process may be in each. */
const FURTHER_MS = 100;

/** One cgroup that rmdir refused: first what is below it, then again until the deadline. Gives the next pause. */
function removeBusy(dir: string, refusal: ActionFailure, patience: Patience): number | SystemError {
  const end = performance.now() + OVERALL_MS;
  let progress = performance.now();
  let { wait } = patience;
  for (let failure = refusal; isInUse(failure.errno); ) {
    const below = removeBelow(dir, end - performance.now());
    const next = perform([{ do: "rmdir", path: dir, ifThere: true }]);
    if (next === undefined) return wait;
    failure = next;
    const now = performance.now();
    if (below.count > 0) progress = now;
    const waited = now + wait - progress;
    if (!below.whole || now + wait > end || waited > patience.deadline) return removeError(dir, failure);
    if (waited > FOREIGN_MS && isHeldFromOutside(pidsInTree(dir, NAMES_MS).pids))
      return removeError(dir, failure);
    patience.sleep(wait);
    wait = Math.min(wait * 2, 100);
  }
  return removeError(dir, refusal);
}

/** Whether only processes outside of this pid namespace can hold a cgroup: cgroup v2 shows them as 0, v1 not at all. */
function isHeldFromOutside(pids: readonly number[]): boolean {
  return pids.length === 0 ? !isFirstPidNamespace() : pids.every((pid) => pid === 0);
}

/** How long to look for the names of those that hold a cgroup. */
const NAMES_MS = 1000;

function removeError(dir: string, { syscall, errno }: ActionFailure): SystemError {
  const { pids, whole } = isInUse(errno) ? pidsInTree(dir, NAMES_MS) : { pids: [], whole: true };
  const outside = isInUse(errno) && whole && isHeldFromOutside(pids);
  const names = namedPids(outside ? [0] : pids);
  return new SystemError(syscall, errno, dir, {
    doing: `cannot remove cgroup ${dir}${names === "" ? "" : `, held by ${names}`}`,
    hint: outside ? FOREIGN_HINT : hintFor(pids, whole),
  });
}

function hintFor(pids: readonly number[], whole: boolean): string | undefined {
  if (pids.includes(0)) return FOREIGN_HINT;
  if (pids.length > 0) return "kill these processes or move them to another cgroup";
  return whole ? undefined : "there are very many cgroups in it, or a process makes new ones: try again";
}
