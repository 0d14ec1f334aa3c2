/**
 * Removing a container's cgroups, with what the container made below them.
 */

import { SystemError } from "../error.ts";
import { append } from "../lists.ts";
import { type ActionFailure, type FileAction, perform } from "../sys/files.ts";
import type { Sleep } from "./freezer.ts";
import { distinct, namedPids, pidsBelow, subCgroups } from "./members.ts";
import type { CgroupPaths } from "./paths.ts";

/** How removal waits. */
export interface RemoveOptions {
  readonly sleep: Sleep;
  /**
   * Milliseconds to wait for processes that are about to be gone, 10 000 unless given. A cgroup that containers share
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
  const deadline = Date.now() + (options.deadline ?? 10_000);
  let wait = 1;
  let first: SystemError | undefined;
  for (let todo = [...own, ...above]; todo.length > 0; ) {
    const failure = perform(todo.map((path): FileAction => ({ do: "rmdir", path, ifThere: true })));
    if (failure === undefined) break;
    const dir = todo[failure.index] ?? "";
    todo = todo.slice(failure.index + 1);
    if (own.includes(dir)) {
      const answer = removeBusy(dir, failure, { deadline, wait, sleep: options.sleep });
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
  readonly deadline: number;
  /** The next pause, milliseconds. */
  readonly wait: number;
  readonly sleep: Sleep;
}

/** One cgroup that rmdir refused: first what is below it, then again until the deadline. Gives the next pause. */
function removeBusy(dir: string, refusal: ActionFailure, patience: Patience): number | SystemError {
  let { wait } = patience;
  for (let failure = refusal; isInUse(failure.errno); ) {
    for (const path of depthFirst(dir)) perform([{ do: "rmdir", path, ifThere: true }]);
    const next = perform([{ do: "rmdir", path: dir, ifThere: true }]);
    if (next === undefined) return wait;
    failure = next;
    if (Date.now() + wait > patience.deadline) return removeError(dir, failure);
    patience.sleep(wait);
    wait = Math.min(wait * 2, 100);
  }
  return removeError(dir, refusal);
}

/** All cgroups below one, the deepest first. */
function depthFirst(dir: string): string[] {
  const found: string[] = [];
  const todo = subCgroups(dir);
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    found.push(next);
    append(todo, subCgroups(next));
  }
  return found.reverse();
}

function removeError(dir: string, { syscall, errno }: ActionFailure): SystemError {
  const names = namedPids(isInUse(errno) ? pidsBelow(dir, true) : []);
  return new SystemError(syscall, errno, dir, {
    doing: `cannot remove cgroup ${dir}${names === "" ? "" : `, held by ${names}`}`,
    hint: names === "" ? undefined : "kill these processes or move them to another cgroup",
  });
}
