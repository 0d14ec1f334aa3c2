/** What comes after the end of a container in the foreground: it is taken away, or kept with a note of how it ended. */
import { oomReport } from "../cgroup/oom.ts";
import { type LaunchError, StateError } from "../error.ts";
import type { Tracer } from "../spawn/steps.ts";
import { saveExit } from "../state/exit.ts";
import type { Record } from "../state/record.ts";
import { type Locked, load, lock, removeUnfinished } from "../state/store.ts";
import { exitOf } from "../sys/process.ts";
import { destroy } from "./destroy.ts";

const SIGKILL = 9;

/** Deletes the ended container, unless somebody else has done so already. Answers failures of poststop hooks. */
export function finish(root: string, id: string, created: string, tracer?: Tracer): readonly LaunchError[] {
  return (
    finishLocked(root, id, created, (record, locked) =>
      destroy(record, { process: undefined, complete: true }, locked, tracer),
    ) ?? []
  );
}

/** What the supervisor asks for when it does not clean up by itself. */
export interface FinishRequest {
  readonly id: string;
  /** When the container was created; tells it from a later one of the same id. */
  readonly created: string;
  /** The wait status of its first process; -1 where nobody knows. */
  readonly status: number;
  readonly keep: boolean;
}

/** What there is to be told of the end. */
export interface Finished {
  /** Failures of poststop hooks. */
  readonly failures: readonly LaunchError[];
  /** What killed the first process, where it was the want of memory. */
  readonly reason: string | undefined;
}

/** The same with the exit status, which is written down where the container is kept. @throws SystemError; StateError `busy` */
export function finishAfter(root: string, { id, created, status, keep }: FinishRequest): Finished {
  let reason: string | undefined;
  const failures = finishLocked(root, id, created, (record, locked) => {
    const exit = exitOf(status);
    if (status >= 0 && "signal" in exit && exit.signal === SIGKILL) {
      reason = oomReport(new Map(Object.entries(record.cgroups)));
    }
    if (!keep) return destroy(record, { process: undefined, complete: true }, locked);
    const why = reason === undefined ? {} : { reason };
    if (status >= 0) saveExit(locked.dir, { status, time: new Date().toISOString(), ...why });
    return [];
  });
  // The supervisor may have got stuck half-way.
  if (!keep) removeUnfinished(root, id);
  return { failures: failures ?? [], reason };
}

/** `undefined` where the container is gone, and the id perhaps another's. */
function finishLocked<T>(
  root: string,
  id: string,
  created: string,
  end: (record: Record, locked: Locked) => T,
): T | undefined {
  let locked: Locked;
  try {
    locked = lock(root, id);
  } catch (error) {
    if (error instanceof StateError && error.code === "not-found") return undefined;
    throw error;
  }
  try {
    const { record } = load(root, id);
    return record.created === created ? end(record, locked) : undefined;
  } finally {
    locked.release();
  }
}
