/** Waiting for a container's end, whoever created it, and learning how it ended. */
import { oomReport } from "../cgroup/oom.ts";
import { StateError } from "../error.ts";
import { loadExit, saveExit } from "../state/exit.ts";
import type { ProcessRecord } from "../state/record.ts";
import { isAlive, statusOf, zombieStatus } from "../state/status.ts";
import { load, lock, type Saved } from "../state/store.ts";
import { readable } from "../sys/loop.ts";
import { type Exit, exitOf, Pidfd } from "../sys/process.ts";

/** The longest pause between two looks, in milliseconds. */
const PAUSE_MS = 20;

/** How long to look for a status that should be there: its parent may be just about to write it down. */
const LATE_MS = 250;

const SIGKILL = 9;

/** Waits for the end of a process for `timeout` milliseconds, -1 for as long as it takes, or until an abort; whether it has come. */
export type AwaitEnd = (process: Pidfd, timeout: number, signal?: AbortSignal) => boolean | Promise<boolean>;

/** In the event loop, without looking again and again: for the library, whose processes live long enough to pay for it. */
export function endInLoop(root: string): AwaitEnd {
  return async (process, timeout, signal) => {
    const limit = timeout < 0 ? Number.POSITIVE_INFINITY : timeout;
    return process.awaitExit(0) || (await readable(root, [process.fd], limit, signal)).length > 0;
  };
}

/** Leaves the thread to others. It looks every 1 to 20 ms: for the command, which has no use for a helper thread. */
export async function awaitEnd(process: Pidfd, timeout = -1): Promise<boolean> {
  const deadline = timeout < 0 ? Number.POSITIVE_INFINITY : Date.now() + timeout;
  for (let next = 1; !process.awaitExit(0); next = Math.min(next * 2, PAUSE_MS)) {
    const left = deadline - Date.now();
    if (left <= 0) return false;
    await pause(Math.min(next, left));
  }
  return true;
}

/** Keeps the thread, and needs no processor time: for the command. A signal ends it, and tsrun with it. */
export const blockUntilEnd: AwaitEnd = (process, timeout) => process.awaitExit(timeout);

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Waits for the end of a container's first process, through its creation and its start; answers at once where it has ended.
 * Its parent gets the exit status; others find it with the pidfd (Linux 6.15), in the container's folder, where a tsrun in
 * the foreground wrote it down, or in /proc, as long as the parent has not asked for it.
 *
 * @param wait how to pass the time
 * @param signal what ends the waiting, and nothing else: then its reason is thrown
 * @returns how it ended; `undefined` where none of these tells
 * @throws StateError `not-found`, `damaged`
 */
export async function awaitContainer(
  root: string,
  id: string,
  wait: AwaitEnd = awaitEnd,
  signal?: AbortSignal,
): Promise<Exit | undefined> {
  let saved = load(root, id);
  while (saved.process === undefined && statusOf(saved) === "creating") {
    await pause(PAUSE_MS);
    signal?.throwIfAborted();
    saved = load(root, id);
  }
  const { process } = saved;
  const first = process === undefined ? undefined : Pidfd.of(process.pid);
  try {
    // Asked after the descriptor was opened: from then on the pid cannot become another process's.
    const ours = process !== undefined && first !== undefined && isOurs(process);
    if (ours && !(await wait(first, -1, signal))) signal?.throwIfAborted();
    const status = ours ? await statusOfEnded(saved, process, first) : loadExit(saved.dir)?.status;
    if (status === undefined) return undefined;
    note(root, saved, status);
    return exitOf(status);
  } finally {
    first?.close();
  }
}

function isOurs(process: ProcessRecord): boolean {
  return isAlive(process) || zombieStatus(process) !== undefined;
}

async function statusOfEnded(
  { dir }: Saved,
  process: ProcessRecord,
  first: Pidfd,
): Promise<number | undefined> {
  for (let next = 1; ; next *= 2) {
    const status = first.exitStatus() ?? zombieStatus(process) ?? loadExit(dir)?.status;
    if (status !== undefined || next > LATE_MS) return status;
    await pause(next);
  }
}

/** Writes down how it ended, for those who ask later, unless somebody has or the container is being deleted. */
function note(root: string, { dir, record }: Saved, status: number): void {
  if (loadExit(dir) !== undefined) return;
  try {
    const locked = lock(root, record.id, 0);
    try {
      // The id may belong to a later container by now.
      if (load(root, record.id).record.created !== record.created || loadExit(dir) !== undefined) return;
      const exit = exitOf(status);
      const reason =
        "signal" in exit && exit.signal === SIGKILL
          ? oomReport(new Map(Object.entries(record.cgroups)))
          : undefined;
      const time = new Date().toISOString();
      saveExit(dir, { status, time, ...(reason === undefined ? {} : { reason }) });
    } finally {
      locked.release();
    }
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
  }
}
