/** First processes of containers that are children of this process: whoever made them has to take note of their end. */
import type { Exit, Pidfd } from "../sys/process.ts";
import { awaitChild } from "./wait.ts";

const SIGKILL = 9;

/** One of them. */
export class Child {
  readonly #first: Pidfd;
  #ended: Promise<Exit | undefined> | undefined;
  #over = false;
  #killed = false;

  constructor(first: Pidfd) {
    this.#first = first;
  }

  /** How it ends; `undefined` where another part of this process reaps it. It is there for one only, so it is asked for once. */
  get end(): Promise<Exit | undefined> {
    this.#ended ??= awaitChild(this.#first).then((exit) => {
      this.#over = true;
      return exit ?? (this.#killed ? { signal: SIGKILL } : undefined);
    });
    return this.#ended;
  }

  /** Whether it has ended already. */
  get over(): boolean {
    return this.#over || this.#first.awaitExit(0);
  }

  /** Its container was deleted, and it with it. */
  deleted(): void {
    this.#killed = true;
    if (this.#ended === undefined) this.#first.close();
  }
}
