/** `run`: create and start in one go, and in the foreground wait for the end and clean up. */
import { type LaunchError, StateError } from "../error.ts";
import { startTimeOf } from "../state/status.ts";
import { type Locked, load, lock } from "../state/store.ts";
import { exitCode, exitOf, holdSignals, type Pidfd, releaseSignals } from "../sys/process.ts";
import { create, undo } from "./create.ts";
import { destroy } from "./destroy.ts";
import type { CreateRequest } from "./prepare.ts";
import { startLocked } from "./start.ts";

/** runc's options of `run`. */
export interface RunRequest extends CreateRequest {
  /** Return as soon as the container runs. */
  readonly detach?: boolean;
  /** Don't delete the container when it has ended. */
  readonly keep?: boolean;
}

/** How `run` ended: the container's exit code (0 when detached), and failures of poststop hooks. */
export interface RunResult {
  readonly code: number;
  readonly failures: readonly LaunchError[];
}

/** A container that runs: a child of this process. */
export interface Running {
  readonly first: Pidfd;
  /** When it was created; tells it from a later one of the same id. */
  readonly created: string;
}

/**
 * Runs a container as the command does: the signals that reach tsrun meanwhile go to the container's first process.
 *
 * @throws what create and start throw; then nothing of the container is left
 */
export function run(root: string, request: RunRequest): RunResult {
  if (request.detach) {
    runDetached(root, request).first.close();
    return { code: 0, failures: [] };
  }
  holdSignals();
  try {
    const { first, created } = runDetached(root, request);
    const code = exitCode(exitOf(first.supervise()));
    first.close();
    return { code, failures: request.keep ? [] : finish(root, request.id, created) };
  } finally {
    releaseSignals();
  }
}

/**
 * Creates and starts a container.
 *
 * @throws what create and start throw; then nothing of the container is left
 */
export function runDetached(root: string, request: CreateRequest): Running {
  const { record, locked, first } = create(root, request);
  try {
    startLocked(record, { pid: first.pid, startTime: startTimeOf(first.pid) ?? "" }, locked);
  } catch (error) {
    first.signal(9);
    first.awaitExit(10_000);
    first.reap();
    first.close();
    undo(record, locked, error);
    throw error;
  }
  locked.release();
  return { first, created: record.created };
}

/** Deletes the ended container, unless somebody else has done so already. Answers failures of poststop hooks. */
export function finish(root: string, id: string, created: string): readonly LaunchError[] {
  let locked: Locked;
  try {
    locked = lock(root, id);
  } catch (error) {
    if (error instanceof StateError && error.code === "not-found") return [];
    throw error;
  }
  try {
    const { record } = load(root, id);
    if (record.created !== created) return [];
    return destroy(record, { process: undefined, complete: true }, locked);
  } finally {
    locked.release();
  }
}
