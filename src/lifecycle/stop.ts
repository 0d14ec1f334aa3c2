/** `stop`: asks a container to end, kills what has not ended in time, and sees it gone. Deletes nothing. */
import { thaw } from "../cgroup/freezer.ts";
import { foreignError, foreignLeft, GLANCE_MS, hasPids, killAll } from "../cgroup/members.ts";
import { StateError, SystemError, UsageError } from "../error.ts";
import type { ProcessRecord, Record } from "../state/record.ts";
import { isAlive, type Status, statusOf } from "../state/status.ts";
import { type Locked, load, lock } from "../state/store.ts";
import { kill, Pidfd, sleep } from "../sys/process.ts";
import { killContainer } from "./kill.ts";
import { parseSignal } from "./signals.ts";
import { type AwaitEnd, awaitEnd, pause } from "./wait.ts";

/** How a container is to be stopped. */
export interface StopRequest {
  /** How long it may take before it is killed, in milliseconds; 10 seconds where it is absent. */
  readonly timeout?: number | undefined;
  /** What asks it to end, as `kill` takes it. By default what {@link STOP_SIGNAL} names, or SIGTERM. */
  readonly signal?: string | undefined;
  /** Every process of the container is asked, not only the first. */
  readonly all?: boolean;
}

/** The annotation that images bring for this (image-spec, annotations.md: the image's config has StopSignal). */
export const STOP_SIGNAL = "org.opencontainers.image.stopSignal";

const TIMEOUT_MS = 10_000;

/** How long a killed process may take to be gone: a deadline only for those stuck in the kernel. */
const KILL_MS = 10_000;

const SIGKILL = 9;

/**
 * Stops a container: its first process gets the signal, and once the time is over SIGKILL, as do at the end all others where
 * no process-id namespace takes them along. A paused one is thawed, a created one killed at once; one that has stopped stays so.
 *
 * @param wait how to pass the time
 * @throws StateError `not-found`, `busy` while it is being created, `damaged`; UsageError for an unknown signal; SystemError
 *   where a killed process does not end
 */
export async function stopContainer(
  root: string,
  id: string,
  request: StopRequest = {},
  wait: AwaitEnd = awaitEnd,
): Promise<void> {
  const saved = load(root, id);
  const status = statusOf(saved);
  if (status === "creating") {
    throw new StateError("busy", `cannot stop container ${id}: it is being created`, {
      hint: "try again when it is there",
    });
  }
  const { process, record } = saved;
  const signal = signalOf(request, record);
  const first = process === undefined ? undefined : Pidfd.of(process.pid);
  try {
    // Asked after the descriptor was opened: from then on the pid cannot become another process's.
    if (first !== undefined && process !== undefined && isAlive(process)) {
      await end(root, first, { record, process, status, signal, request, wait });
    }
  } finally {
    first?.close();
  }
  if (!record.ownPidNamespace) await endOthers(root, record);
}

function signalOf({ signal }: StopRequest, { annotations }: Record): number {
  if (signal !== undefined) return parseSignal(signal);
  const annotated = annotations[STOP_SIGNAL];
  try {
    return parseSignal(annotated ?? "TERM");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`annotation ${STOP_SIGNAL}: ${error.message}`, {
      hint: "name another signal with --signal",
      cause: error,
    });
  }
}

interface Target {
  readonly record: Record;
  readonly process: ProcessRecord;
  readonly status: Status;
  readonly signal: number;
  readonly request: StopRequest;
  readonly wait: AwaitEnd;
}

async function end(root: string, first: Pidfd, target: Target): Promise<void> {
  const { record, process, status, signal, request, wait } = target;
  // What waits for `start` is not the program yet, and would not hear.
  if (status !== "created") {
    send(root, record.id, signal, request.all);
    if (status === "paused") thaw(new Map(Object.entries(record.cgroups)));
    if (await wait(first, request.timeout ?? TIMEOUT_MS)) return;
  }
  send(root, record.id, SIGKILL);
  if (await wait(first, KILL_MS)) return;
  throw new SystemError("kill", "ETIMEDOUT", `process ${process.pid}`, {
    doing: `wait for the container's first process ${process.pid} to end`,
    hint: `it hangs in the kernel: see /proc/${process.pid}/stack`,
  });
}

/** It may end, and even be deleted, at any moment. */
function send(root: string, id: string, signal: number, all = false): void {
  try {
    killContainer(root, id, signal, all);
  } catch (error) {
    const over = error instanceof StateError && (error.code === "not-running" || error.code === "not-found");
    if (!over) throw error;
  }
}

/** Ends what the first process left behind, in a cgroup that is this container's alone. */
async function endOthers(root: string, record: Record): Promise<void> {
  const cgroups = new Map(Object.entries(record.cgroups));
  if (!Object.values(record.cgroups).some((dir) => record.newCgroups.includes(dir))) return;
  if (!hasPids(cgroups, GLANCE_MS)) return;
  // While this process holds the lock nobody can put a later container of the same id into the same cgroup.
  const locked = lockSame(root, record);
  if (locked === undefined) return;
  try {
    killAll(cgroups, (pid) => void kill(pid, SIGKILL), sleep);
    const deadline = Date.now() + KILL_MS;
    if (foreignLeft(cgroups, sleep)) throw foreignError(cgroups);
    for (let next = 1; hasPids(cgroups) && Date.now() < deadline; next = Math.min(next * 2, 20))
      await pause(next);
  } finally {
    locked.release();
  }
  if (!hasPids(cgroups)) return;
  throw new StateError("busy", `container ${record.id} still has processes after they were killed`, {
    hint: "one hangs in the kernel (state D in ps)",
  });
}

/** The container's lock; `undefined` where it is gone. */
function lockSame(root: string, record: Record): Locked | undefined {
  let locked: Locked | undefined;
  try {
    locked = lock(root, record.id);
    if (load(root, record.id).record.created === record.created) return locked;
  } catch (error) {
    locked?.release();
    if (!(error instanceof StateError) || error.code !== "not-found") throw error;
    return undefined;
  }
  locked.release();
  return undefined;
}
