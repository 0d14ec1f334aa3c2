/** `events`: a container's statistics now and then, and every time the kernel kills in it for want of memory. */
import { OomWatch } from "../cgroup/oom-watch.ts";
import { type CgroupStats, readStats } from "../cgroup/stats.ts";
import { UsageError } from "../error.ts";
import { isAlive } from "../state/status.ts";
import type { Saved } from "../state/store.ts";
import { clock, Pidfd } from "../sys/process.ts";
import { poll } from "../sys/watch.ts";
import { type ContainerStats, running, statsOf } from "./stats.ts";

/** Something that happened in a container. */
export type ContainerEvent<Data = ContainerStats> =
  /** The time for statistics has come. */
  | { readonly type: "stats"; readonly id: string; readonly data: Data }
  /** One process was killed for want of memory; with a disabled OOM killer: its processes stand still for it. */
  | { readonly type: "oom"; readonly id: string };

/** Waits until a descriptor is readable or `timeout` milliseconds have passed; the readable ones. */
export type Wait = (
  fds: readonly number[],
  timeout: number,
) => readonly number[] | Promise<readonly number[]>;

/** How to watch. */
export interface EventOptions {
  /** Milliseconds between two statistics; default 5000. */
  readonly interval?: number;
  /** Ends the watching early. */
  readonly signal?: AbortSignal;
  /** How to wait; by default without keeping the thread from other work. */
  readonly wait?: Wait;
}

const DEFAULT_MS = 5000;

/** The longest single wait: poll(2) takes 31 bits of milliseconds. */
const LONGEST_MS = 1 << 30;

/** How long an abort may go unnoticed. */
const ABORT_MS = 100;

/**
 * The events of a container from now on, until its first process has ended: an `oom` for each process that is killed for
 * want of memory, and `stats` at each interval.
 *
 * @throws at the first step StateError `not-found`, `not-running`, `damaged`; UsageError for an interval of 0 or less; later
 *   SystemError
 */
export function events(
  root: string,
  id: string,
  options: EventOptions = {},
): AsyncGenerator<ContainerEvent, void, undefined> {
  return watch(root, id, statsOf, options);
}

/** The kernel's numbers, for {@link watch}. @throws SystemError */
export function kernelStats({ record }: Saved): CgroupStats {
  return readStats(new Map(Object.entries(record.cgroups)));
}

/** The same as {@link events}, with statistics of another kind. */
export async function* watch<Data>(
  root: string,
  id: string,
  read: (saved: Saved) => Data,
  { interval = DEFAULT_MS, signal, wait = waitGently }: EventOptions = {},
): AsyncGenerator<ContainerEvent<Data>, void, undefined> {
  const saved = running(root, id);
  checkInterval(interval);
  const { process, record } = saved;
  const first = process === undefined ? undefined : Pidfd.of(process.pid);
  // Asked after the descriptor was opened: from then on the pid cannot become another process's.
  if (process === undefined || first === undefined || !isAlive(process)) return first?.close();
  const oom = new OomWatch(new Map(Object.entries(record.cgroups)));
  try {
    let due = now() + interval;
    const longest = signal === undefined ? LONGEST_MS : ABORT_MS;
    for (let ended = false; !ended && signal?.aborted !== true; ) {
      const timeout = Math.min(Math.max(0, due - now()), oom.patience, longest);
      ended = (await wait([first.fd, ...oom.fds], timeout)).includes(first.fd);
      for (let left = oom.take(); left > 0; left--) yield { type: "oom", id };
      if (ended || now() < due) continue;
      yield { type: "stats", id, data: read(saved) };
      // What was missed while the consumer was busy is not made up for.
      due = Math.max(due + interval, now());
    }
  } finally {
    oom.close();
    first.close();
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

/** The longest pause between two looks, in milliseconds. */
const PAUSE_MS = 50;

/** Looks again every 1 to 50 ms: neither Node nor Bun can wait for a foreign descriptor in its event loop. */
async function waitGently(fds: readonly number[], timeout: number): Promise<readonly number[]> {
  const end = now() + timeout;
  for (let pause = 1; ; pause = Math.min(pause * 2, PAUSE_MS)) {
    const ready = poll(fds, 0);
    const left = end - now();
    if (ready.length > 0 || left <= 0) return ready;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, left)));
  }
}
