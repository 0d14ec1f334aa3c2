/** Waiting for descriptors, what the kernel tells about changes, signals as something to wait for, and the terminal's size. */
import { cstring } from "./bytes.ts";
import { Handle } from "./files.ts";
import { checked, errnoName, lib } from "./lib.ts";

/** As many as one wait takes (native/lib/watch.c). */
const POLL_MAX = 256;

/**
 * Waits until one of the descriptors has something to read, or `timeout` milliseconds have passed (-1: no limit). A pidfd
 * has when its process has ended. Answers those that have, in the order given.
 * @throws SystemError
 */
export function poll(fds: readonly number[], timeout: number): readonly number[] {
  const given = fds.slice(0, POLL_MAX);
  // A pointer has to point somewhere, also where the count is zero.
  const numbers = new Int32Array(given.length === 0 ? [-1] : given);
  const ready = new Int32Array(numbers.length);
  checked(lib().ts_poll(numbers, given.length, Math.ceil(timeout), ready), "poll", "descriptors");
  return given.filter((_, index) => ready[index] !== 0);
}

/** Takes what there is to read, so that the descriptor is quiet again; how many bytes that was, 4 KiB at most. @throws SystemError */
export function drain(fd: number): number {
  const buffer = new Uint8Array(4096);
  return checked(lib().ts_drain(fd, buffer, buffer.length), "read", `descriptor ${fd}`);
}

/** A counter that the kernel adds to, to be waited for (eventfd(2)). @throws SystemError */
export function eventfd(): Handle {
  return new Handle(checked(lib().ts_eventfd(), "eventfd", ""));
}

/** Something to read at each change of a file, and when it is removed (inotify(7), IN_MODIFY and IN_ATTRIB); `undefined` where it is not there. @throws SystemError */
export function changesOf(path: string): Handle | undefined {
  const fd = lib().ts_inotify(cstring(path));
  if (fd < 0 && errnoName(-fd) === "ENOENT") return undefined;
  return new Handle(checked(fd, "inotify_add_watch", path));
}

/** Signals that have come, instead of what they would do to this process. Once a process. */
export class Signals {
  readonly fd: number;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** From now on; what the caller of tsrun had set to be ignored stays so. @throws SystemError */
  static catch(signals: readonly number[]): Signals {
    return new Signals(
      checked(lib().ts_catch(new Int32Array(signals), signals.length), "sigaction", "signals"),
    );
  }

  /** Those that came since the last call, by number. @throws SystemError */
  take(): readonly number[] {
    const buffer = new Uint8Array(64);
    const got = checked(lib().ts_drain(this.fd, buffer, buffer.length), "read", "signals");
    return [...buffer.subarray(0, got)];
  }
}

/** The size of the terminal behind a descriptor, in characters; `undefined` where there is none. */
export function terminalSize(fd: number): { readonly columns: number; readonly rows: number } | undefined {
  const out = new Int32Array(2);
  if (lib().ts_window(fd, out) < 0) return undefined;
  // A terminal that does not know its size says 0.
  return { columns: out[0] || 80, rows: out[1] || 24 };
}
