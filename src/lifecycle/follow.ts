/** The events of a container for programs: what `tsrun events` tells, and how it ends. */
import { type WatchedEvent, watch } from "../observe/events.ts";
import { type ContainerStats, statsOf } from "../observe/stats.ts";
import { readable } from "../sys/loop.ts";
import type { Exit } from "../sys/process.ts";

/** Something that happened in a container. */
export type ContainerEvent =
  | WatchedEvent<ContainerStats>
  /**
   * Its first process has ended: the last event. `exit` is `undefined` where another process created the container, and neither
   * the kernel (from 6.15 on) nor the container's folder tells.
   */
  | { readonly type: "exited"; readonly id: string; readonly exit: Exit | undefined };

/** How to watch. */
export interface EventOptions {
  /** Milliseconds between two statistics; default 5000. */
  readonly interval?: number;
  /** Ends the watching early, and nothing else: then there is no further event. */
  readonly signal?: AbortSignal;
}

/**
 * The events of a container from now on.
 *
 * @param end waits for the container's end and tells it; the signal calls it off
 * @throws at the first step StateError `not-found`, `not-running`, `damaged`; UsageError for an interval of 0 or less; later
 *   SystemError
 */
export async function* follow(
  root: string,
  id: string,
  { interval, signal }: EventOptions,
  end: (signal: AbortSignal) => Promise<Exit | undefined>,
): AsyncGenerator<ContainerEvent, void, undefined> {
  const over = new AbortController();
  // Asked from the beginning: whoever deletes the container takes the answer away.
  const ended = end(over.signal).catch(() => undefined);
  try {
    const wait = (fds: readonly number[], timeout: number, abort?: AbortSignal) =>
      readable(root, fds, timeout, abort);
    yield* watch(root, id, statsOf, { interval, signal, wait });
    if (signal?.aborted !== true) yield { type: "exited", id, exit: await ended };
  } finally {
    over.abort();
  }
}
