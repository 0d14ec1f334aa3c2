/** `run`: create and start in one go, and in the foreground wait for the end and clean up. */
import { type LaunchError, TsrunError } from "../error.ts";
import { exitCode, exitOf } from "../sys/process.ts";
import { create, undo } from "./create.ts";
import { destroy } from "./destroy.ts";
import type { CreateRequest } from "./prepare.ts";
import { startLocked } from "./start.ts";
import { startTimeOf } from "../state/status.ts";
import { load, lock } from "../state/store.ts";

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

/**
 * Runs a container.
 *
 * @throws what create and start throw; then nothing of the container is left
 */
export function run(root: string, request: RunRequest): RunResult {
  const { record, locked, first } = create(root, request);
  const process = { pid: first.pid, startTime: startTimeOf(first.pid) ?? "" };
  try {
    startLocked(record, process, locked);
  } catch (error) {
    first.awaitExit(10_000);
    first.reap();
    undo(record, locked, error);
    throw error instanceof TsrunError ? error : new Error(String(error));
  }
  locked.release();
  if (request.detach) return { code: 0, failures: [] };
  const code = exitCode(exitOf(first.supervise()));
  first.close();
  if (request.keep) return { code, failures: [] };
  return { code, failures: finish(root, request.id) };
}

/** Deletes the ended container, unless somebody else has done so already. */
function finish(root: string, id: string): readonly LaunchError[] {
  const locked = lock(root, id);
  try {
    return destroy(load(root, id).record, { process: undefined, complete: true }, locked);
  } finally {
    locked.release();
  }
}
