/** Children of this process: whoever made them has to take note of their end. */
import { StateError } from "../error.ts";
import { type Exit, exitOf, type Pidfd } from "../sys/process.ts";
import { killContainer } from "./kill.ts";
import type { AwaitEnd } from "./wait.ts";

const SIGKILL = 9;

/** One of them: a container's first process, or one that was executed in a container. */
export class Child {
  readonly #process: Pidfd;
  readonly #awaitEnd: AwaitEnd;
  #waiting = 0;
  #killed = false;
  #end: { readonly exit: Exit | undefined } | undefined;

  constructor(process: Pidfd, awaitEnd: AwaitEnd) {
    this.#process = process;
    this.#awaitEnd = awaitEnd;
  }

  /**
   * How it ends, once it has; `undefined` where another part of this process has reaped it.
   *
   * @param signal what ends the waiting, and nothing else: then its reason is thrown
   */
  async ended(signal?: AbortSignal): Promise<Exit | undefined> {
    this.#waiting++;
    try {
      if (this.#end === undefined && !(await this.#awaitEnd(this.#process, -1, signal))) {
        signal?.throwIfAborted();
      }
      return this.#reap();
    } finally {
      this.#waiting--;
    }
  }

  /** Reaps it where it has ended already; whether it has. */
  over(): boolean {
    if (this.#end === undefined && !this.#process.awaitExit(0)) return false;
    this.#reap();
    return true;
  }

  /** Ends it. */
  kill(): void {
    if (this.#end === undefined) this.#process.signal(SIGKILL);
  }

  /** Its container was deleted, and it with it, by whoever did that. */
  deleted(): void {
    this.#killed = true;
    if (this.#waiting === 0) this.#reap();
  }

  /** Its status is there for one only, so it is asked for once. */
  #reap(): Exit | undefined {
    if (this.#end !== undefined) return this.#end.exit;
    const status = this.#process.reap();
    this.#process.close();
    const exit = status === undefined ? undefined : exitOf(status);
    this.#end = { exit: exit ?? (this.#killed ? { signal: SIGKILL } : undefined) };
    return this.#end.exit;
  }
}

/** The first processes of the containers that this process has made, by container. */
export class Children {
  readonly #root: string;
  readonly #awaitEnd: AwaitEnd;
  readonly #byId = new Map<string, Child>();

  constructor(root: string, awaitEnd: AwaitEnd) {
    this.#root = root;
    this.#awaitEnd = awaitEnd;
  }

  of(id: string): Child | undefined {
    return this.#byId.get(id);
  }

  /** Keeps an eye on one, without looking yet. */
  adopt(id: string, first: Pidfd): Child {
    const child = new Child(first, this.#awaitEnd);
    this.#byId.set(id, child);
    return child;
  }

  /** Its container is gone; another of that name, made meanwhile, is not. */
  forget(id: string, child: Child | undefined): void {
    if (this.#byId.get(id) === child) this.#byId.delete(id);
  }

  /** Does what removes a container. Its exit status is there for one only: whoever waits gets it. */
  removing<T>(id: string, remove: () => T): T {
    const child = this.of(id);
    child?.over();
    const result = remove();
    this.forget(id, child);
    child?.deleted();
    return result;
  }

  /** Ends a container that may have ended by itself; a frozen one, too. */
  kill(id: string, child: Child): void {
    child.kill();
    try {
      killContainer(this.#root, id, SIGKILL);
    } catch (error) {
      if (!(error instanceof StateError)) throw error;
    }
  }
}
