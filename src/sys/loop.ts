/**
 * Waiting for descriptors in the event loop: pidfds, eventfds, inotify. Neither Node nor Bun can wait for a descriptor that is
 * not a stream of its own, so one thread of libtsrun waits for all (native/lib/loop.c) and tells which are ready through a
 * socket that the engine has connected itself. The command does not use it.
 */
import { SystemError } from "../error.ts";
import { onAbort } from "./abort.ts";
import { cstring } from "./bytes.ts";
import { O } from "./constants.gen.ts";
import { Handle, perform } from "./files.ts";
import { checked, lib } from "./lib.ts";
import { clock, ids } from "./process.ts";

/** The part of node:net's Socket that is used. */
interface Connection {
  on(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  on(event: "close", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  ref(): unknown;
  unref(): unknown;
}

/** What becomes of a wait. */
type Settle = (failure?: Error) => void;

/** A descriptor and who waits for it. */
interface Watched {
  readonly fd: number;
  readonly token: number;
  readonly waiting: Set<Settle>;
}

/** The thread, and who waits for what. */
class Loop {
  readonly #epoll: Handle;
  readonly #connection: Connection;
  readonly #byDescriptor = new Map<number, Watched>();
  readonly #byToken = new Map<number, Watched>();
  /** The first bytes of a token of which the rest has not come. */
  #rest = new Uint8Array(0);
  #token = 0;
  open = true;

  /** @param folder where a socket may have a name for a moment @throws SystemError */
  constructor(folder: string) {
    const path = `${folder}/~~${ids().pid}~${clock("monotonic")}`;
    const listener = new Handle(checked(lib().ts_listen_stream(cstring(path)), "listen", path));
    let place: Handle | undefined;
    try {
      // Through the descriptor it is found without its name, which so is there for microseconds only.
      place = Handle.open(path, O.PATH);
      this.#epoll = new Handle(checked(lib().ts_loop_open(listener.fd), "epoll_create1", ""));
    } catch (error) {
      place?.close();
      throw error;
    } finally {
      perform([{ do: "unlink", path, ifThere: true }]);
    }
    const { connect } = process.getBuiltinModule("node:net");
    const connection: Connection = connect({ path: `/proc/self/fd/${place.fd}` }, () => place.close());
    this.#connection = connection;
    connection.on("data", (bytes) => this.#take(bytes));
    connection.on("error", (error) => this.#end(error));
    connection.on("close", () => this.#end(new Error("the connection was closed")));
    connection.unref();
  }

  /** Calls `settle` when the descriptor is ready or cannot be waited for. @returns what calls it off @throws SystemError */
  add(fd: number, settle: Settle): () => void {
    const watched = this.#byDescriptor.get(fd) ?? this.#watch(fd);
    watched.waiting.add(settle);
    return () => {
      if (watched.waiting.delete(settle) && watched.waiting.size === 0) this.#forget(watched);
    };
  }

  #watch(fd: number): Watched {
    this.#token = (this.#token % 0x7fffffff) + 1;
    const token = this.#token;
    checked(lib().ts_loop_add(this.#epoll.fd, fd, token), "epoll_ctl", `descriptor ${fd}`);
    // What waits keeps the program going, as a timer does.
    if (this.#byToken.size === 0) this.#connection.ref();
    const watched = { fd, token, waiting: new Set<Settle>() };
    this.#byDescriptor.set(fd, watched);
    this.#byToken.set(token, watched);
    return watched;
  }

  #forget({ fd, token }: Watched): void {
    if (!this.#byToken.delete(token)) return;
    this.#byDescriptor.delete(fd);
    if (this.open) lib().ts_loop_remove(this.#epoll.fd, fd);
    if (this.#byToken.size === 0) this.#connection.unref();
  }

  #take(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const whole = all.length - (all.length % 4);
    // The machine's own order, as the thread's.
    for (const token of new Uint32Array(all.buffer, 0, whole / 4)) {
      const watched = this.#byToken.get(token);
      if (watched === undefined) continue;
      // A later wait for the same descriptor is a new one.
      this.#forget(watched);
      for (const settle of watched.waiting) settle();
    }
    this.#rest = all.slice(whole);
  }

  #end(failure: Error): void {
    if (!this.open) return;
    this.open = false;
    this.#epoll.close();
    for (const { waiting } of this.#byToken.values()) for (const settle of waiting) settle(failure);
  }
}

let loop: Loop | undefined;

/** How long a timer of the engine can take. */
const TIMER_MAX_MS = 0x7fffffff;

/**
 * Resolves with those of the descriptors that are ready, as soon as one is: readable, or, of a pidfd, ended. With none after
 * `timeout` milliseconds (`Infinity`: no limit), and when `signal` is aborted. No descriptor may be closed while it is waited for.
 *
 * @param folder one that this process may make a file in: the state root
 * @throws SystemError
 */
export async function readable(
  folder: string,
  fds: readonly number[],
  timeout: number,
  signal?: AbortSignal,
): Promise<readonly number[]> {
  if (loop?.open !== true) loop = new Loop(folder);
  const waiting = loop;
  const undo: (() => void)[] = [];
  try {
    return await new Promise((resolve, reject) => {
      const ready: number[] = [];
      for (const fd of fds) {
        const settle = (failure?: Error): void => {
          if (failure !== undefined) reject(gone(failure));
          // Others that became ready with it are told in the same turn.
          else if (ready.push(fd) === 1) queueMicrotask(() => resolve(ready));
        };
        undo.push(waiting.add(fd, settle));
      }
      if (timeout <= TIMER_MAX_MS) {
        const timer = setTimeout(() => resolve(ready), Math.max(0, Math.ceil(timeout)));
        undo.push(() => clearTimeout(timer));
      }
      undo.push(onAbort(signal, () => resolve(ready)));
    });
  } finally {
    for (const each of undo) each();
  }
}

function gone(cause: Error): SystemError {
  return new SystemError("recv", "ECONNRESET", "the helper thread", {
    doing: `wait for descriptors: the helper thread does not answer (${cause.message})`,
    cause,
  });
}
