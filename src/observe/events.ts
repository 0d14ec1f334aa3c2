/** `events`: a container's statistics now and then, and every time the kernel kills in it for want of memory. */
import { OomWatch } from "../cgroup/oom-watch.ts";
import { type CgroupStats, readStats } from "../cgroup/stats.ts";
import { UsageError } from "../error.ts";
import { isAlive } from "../state/status.ts";
import { type Saved, startSocket } from "../state/store.ts";
import { type Handle, status } from "../sys/files.ts";
import { clock, Pidfd } from "../sys/process.ts";
import { changesOf, drain } from "../sys/watch.ts";
import { running } from "./stats.ts";

/** Something that happened in a container. */
export type WatchedEvent<Data> =
  /** `start` has let its program run; of one that is made and not started yet. */
  | { readonly type: "started"; readonly id: string }
  /** The time for statistics has come. */
  | { readonly type: "stats"; readonly id: string; readonly data: Data }
  /** One process was killed for want of memory; with a disabled OOM killer: its processes stand still for it. */
  | { readonly type: "oom"; readonly id: string };

/** Waits until a descriptor is readable, `timeout` milliseconds have passed, or an abort; the readable ones. */
export type Wait = (
  fds: readonly number[],
  timeout: number,
  signal?: AbortSignal,
) => readonly number[] | Promise<readonly number[]>;

/** How to watch. */
export interface WatchOptions {
  /** Milliseconds between two statistics; default 5000. */
  readonly interval?: number | undefined;
  /** Ends the watching early. */
  readonly signal?: AbortSignal | undefined;
  readonly wait: Wait;
}

const DEFAULT_MS = 5000;

/** The longest single wait: poll(2) takes 31 bits of milliseconds. */
const LONGEST_MS = 1 << 30;

/** The kernel's numbers, for {@link watch}. @throws SystemError */
export function kernelStats({ record }: Saved): CgroupStats {
  return readStats(new Map(Object.entries(record.cgroups)));
}

/**
 * The events of a container from now on, until its first process has ended: `started` where it was not yet, an `oom` for each
 * process that is killed for want of memory, and `stats` at each interval.
 *
 * @throws at the first step StateError `not-found`, `not-running`, `damaged`; UsageError for an interval of 0 or less; later
 *   SystemError
 */
export async function* watch<Data>(
  root: string,
  id: string,
  read: (saved: Saved) => Data,
  { interval = DEFAULT_MS, signal, wait }: WatchOptions,
): AsyncGenerator<WatchedEvent<Data>, void, undefined> {
  const saved = running(root, id);
  checkInterval(interval);
  const { process, record } = saved;
  const first = process === undefined ? undefined : Pidfd.of(process.pid);
  // Asked after the descriptor was opened: from then on the pid cannot become another process's.
  if (process === undefined || first === undefined || !isAlive(process)) return first?.close();
  const oom = new OomWatch(new Map(Object.entries(record.cgroups)));
  const start = new StartWatch(saved.dir);
  try {
    let due = now() + interval;
    for (let ended = false; !ended && signal?.aborted !== true; ) {
      const timeout = Math.min(Math.max(0, due - now()), oom.patience, LONGEST_MS);
      ended = (await wait([first.fd, ...oom.fds, ...start.fds], timeout, signal)).includes(first.fd);
      if (start.take()) yield { type: "started", id };
      for (let left = oom.take(); left > 0; left--) yield { type: "oom", id };
      if (ended || now() < due) continue;
      yield { type: "stats", id, data: read(saved) };
      // What was missed while the consumer was busy is not made up for.
      due = Math.max(due + interval, now());
    }
  } finally {
    start.close();
    oom.close();
    first.close();
  }
}

/** Whether a container that waits for `start` has been started: its socket goes then, and its folder stays. */
class StartWatch {
  readonly #dir: string;
  #changes: Handle | undefined;

  constructor(dir: string) {
    this.#dir = dir;
    this.#changes = changesOf(startSocket(dir));
  }

  get fds(): readonly number[] {
    return this.#changes === undefined ? [] : [this.#changes.fd];
  }

  /** True once. */
  take(): boolean {
    if (this.#changes === undefined || drain(this.#changes.fd) === 0) return false;
    if (status(startSocket(this.#dir)) !== undefined) return false;
    this.close();
    return status(this.#dir) !== undefined;
  }

  close(): void {
    this.#changes?.close();
    this.#changes = undefined;
  }
}

/** runc's words. @throws UsageError */
export function checkInterval(interval: number): void {
  if (interval > 0) return;
  throw new UsageError("duration interval must be greater than 0", { hint: "for example: --interval 5s" });
}

/** Milliseconds of a clock that nobody sets. */
function now(): number {
  return Number(clock("monotonic") / 1_000_000n);
}
