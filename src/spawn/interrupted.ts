/** The error for a wait that a signal has ended. */
import { InterruptedError } from "../error.ts";
import { lastInterrupt } from "../sys/interrupt.ts";

/** @param wait what was waited for, and is ended: a sentence */
export function interrupted(wait: string): InterruptedError {
  const { number, name } = lastInterrupt();
  return new InterruptedError(number, `interrupted by ${name}: ${wait}`, {
    hint: "a process that does not go on may be stopped or frozen, by another in the container too; it was killed",
  });
}
