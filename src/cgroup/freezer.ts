/**
 * Stopping and resuming all processes of a container at once: the v1 freezer controller, or cgroup.freeze on v2.
 */
import { StateError, SystemError } from "../error.ts";
import { type FileAction, perform, readText, readTextIfThere } from "../sys/files.ts";
import type { CgroupPaths } from "./paths.ts";

/** Blocks for so many milliseconds. */
export type Sleep = (ms: number) => void;

/** How long freezing may take: a process in an uninterruptible call (NFS, a slow disk) cannot be frozen. */
const FREEZE_MS = 10_000;

/**
 * Which way the container's processes are stopped: `frozen` by its own cgroup, `above` by a cgroup above it only.
 */
export type FreezerState = "thawed" | "frozen" | "above";

/**
 * What the freezer says of the container. A cgroup on its way to frozen counts as frozen; a missing one is thawed.
 * @throws SystemError
 */
export function freezerState(paths: CgroupPaths): FreezerState {
  const v1 = paths.get("freezer");
  if (v1 !== undefined) {
    const state = readTextIfThere(`${v1}/freezer.state`)?.trim() ?? "THAWED";
    if (state === "THAWED") return "thawed";
    return readTextIfThere(`${v1}/freezer.self_freezing`)?.trim() === "0" ? "above" : "frozen";
  }
  const v2 = paths.get("");
  if (v2 === undefined) return "thawed";
  if (readTextIfThere(`${v2}/cgroup.freeze`)?.trim() === "1") return "frozen";
  return isFrozenV2(v2) ? "above" : "thawed";
}

/** True when the container is paused, by its own cgroup. @throws SystemError */
export function frozen(paths: CgroupPaths): boolean {
  return freezerState(paths) === "frozen";
}

/** How to freeze. */
export interface FreezeOptions {
  /** Milliseconds. */
  readonly deadline?: number;
  /** After a failure leave those frozen that are. */
  readonly keepHalf?: boolean;
}

/**
 * Freezes the container and waits until all its processes have stopped. After a failure they run again.
 * @throws SystemError; StateError `busy` when some process did not stop within `deadline` milliseconds
 */
export function freeze(
  paths: CgroupPaths,
  sleep: Sleep,
  { deadline = FREEZE_MS, keepHalf = false }: FreezeOptions = {},
): void {
  const v1 = paths.get("freezer");
  const v2 = v1 === undefined ? paths.get("") : undefined;
  const dir = v1 ?? v2;
  if (dir === undefined) {
    throw new StateError("not-running", "cannot toggle freezer: cgroups not configured for container", {
      hint: "the container has no cgroup of its own, or the freezer controller is not mounted; an ordinary user needs a cgroup that is delegated to him",
    });
  }
  try {
    if (v1 === undefined) freezeV2(dir, sleep, deadline);
    else freezeV1(dir, sleep, deadline);
  } catch (error) {
    // A cgroup left half frozen would make every later signal, exec and delete hang.
    if (!keepHalf) perform([thawAction(dir, v1 !== undefined)]);
    throw error;
  }
}

/** Lets the container's processes run again. @throws SystemError */
export function thaw(paths: CgroupPaths): void {
  const v1 = paths.get("freezer");
  const dir = v1 ?? paths.get("");
  if (dir !== undefined) write(thawAction(dir, v1 !== undefined), "thaw");
}

/** The write that thaws one cgroup; a cgroup that is gone is no failure. */
export function thawAction(dir: string, v1: boolean): FileAction {
  return v1
    ? { do: "write", path: `${dir}/freezer.state`, text: "THAWED", ifThere: true }
    : { do: "write", path: `${dir}/cgroup.freeze`, text: "0", ifThere: true };
}

/**
 * The v1 freezer cannot be relied on while processes keep appearing: it may stay FREEZING until it is asked again, or
 * thawed and asked again. The numbers are from runc (libcontainer/cgroups/fs/freezer.go), where they were found by trial.
 */
function freezeV1(dir: string, sleep: Sleep, ms: number): void {
  const deadline = performance.now() + ms;
  const ask: FileAction = { do: "write", path: `${dir}/freezer.state`, text: "FROZEN" };
  for (let i = 0; ; i++) {
    if (i % 50 === 49) {
      write(thawAction(dir, true), "freeze");
      sleep(10);
    }
    write(ask, "freeze");
    if (i % 25 === 24) sleep(1);
    if (i % 200 === 199) sleep(500);
    if (readText(`${dir}/freezer.state`).trim() === "FROZEN") return;
    if (performance.now() > deadline) throw unfreezable(dir, ms);
  }
}

function freezeV2(dir: string, sleep: Sleep, ms: number): void {
  write({ do: "write", path: `${dir}/cgroup.freeze`, text: "1" }, "freeze");
  const deadline = performance.now() + ms;
  for (let wait = 1; !isFrozenV2(dir); wait = Math.min(wait * 2, 50)) {
    if (performance.now() > deadline) throw unfreezable(dir, ms);
    sleep(wait);
  }
}

function isFrozenV2(dir: string): boolean {
  return (readTextIfThere(`${dir}/cgroup.events`) ?? "").includes("frozen 1");
}

function unfreezable(dir: string, ms: number): StateError {
  return new StateError("busy", `unable to freeze ${dir}: a process did not stop within ${ms} ms`, {
    hint: "a process may wait for a device or a network filesystem (state D in ps)",
  });
}

function write(action: FileAction, doing: string): void {
  const failure = perform([action]);
  if (failure !== undefined) {
    throw new SystemError(failure.syscall, failure.errno, action.path, {
      doing: `cannot ${doing} ${action.path}`,
    });
  }
}
