/** Ending a wait that may have no end, by signals. */
import { TsrunError } from "../error.ts";
import { SIGNALS } from "./constants.gen.ts";
import { lib } from "./lib.ts";

/** Somebody has asked twice for an end (SIGTERM, SIGINT) while signals are held for a container that is still being made. */
export class InterruptedError extends TsrunError {
  override readonly name = "InterruptedError";
  override readonly code = "interrupted";
  /** The number of the second signal. */
  readonly signal: number;

  constructor(doing: string) {
    const signal = lib().ts_interrupted_by();
    const name = Object.keys(SIGNALS).find((each) => SIGNALS[each] === signal) ?? String(signal);
    super(`ended by a second signal, SIG${name}, while waiting for ${doing}`, {
      hint: "a process of the container may have stopped it (SIGSTOP)",
    });
    this.signal = signal;
  }
}
