/** The error for a wait that a signal has ended. */
import { type ErrorFacts, LaunchError } from "../error.ts";
import { lastInterrupt } from "../sys/interrupt.ts";

/** A signal asked tsrun to end while it waited for a set-up: what was made has been taken back. */
export class InterruptedError extends LaunchError {
  /** Its number. */
  readonly signal: number;

  constructor(signal: number, sentence: string, facts: ErrorFacts = {}) {
    super("interrupted", sentence, facts);
    this.signal = signal;
  }
}

/** @param wait what was waited for, and is ended: a sentence */
export function interrupted(wait: string): InterruptedError {
  const { number, name } = lastInterrupt();
  return new InterruptedError(number, `interrupted by ${name}: ${wait}`, {
    hint: "a process that does not go on may be stopped or frozen, by another in the container too; it was killed",
  });
}
