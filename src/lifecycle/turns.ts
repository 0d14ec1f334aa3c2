/** Verbs keep the thread for milliseconds each; so that many of them at once leave it to others in between, each waits for its turn. */

/** Gives a turn in each round of the event loop. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  /** Resolves when it is the caller's turn, which lasts until he next waits for something; at once where nobody has had one in this round. */
  async next(): Promise<void> {
    if (this.#taken) return new Promise((resolve) => void this.#waiting.push(resolve));
    this.#take();
  }

  #take(): void {
    this.#taken = true;
    setImmediate(() => {
      this.#taken = false;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#take();
      next();
    });
  }
}

/** The verbs of all runtimes of this process take turns on its thread. */
export const turns = new Turns();
