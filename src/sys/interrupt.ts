/** SIGTERM and SIGINT during a wait: the wait ends, and what was being made is taken back. */
import { SIGNALS } from "./constants.gen.ts";
import { checked, lib } from "./lib.ts";

/**
 * From now on these signals do not end this process but a wait for tsrun-init or for a hook. A second one that finds no wait does
 * what it always does. For the commands that do not hold signals for the container (`holdSignals`). @throws SystemError
 */
export function catchInterrupts(): void {
  checked(lib().ts_catch_interrupts(), "sigaction", "SIGTERM and SIGINT");
}

/** They do again what they always do; one that has come too late for a wait ends this process. */
export function releaseInterrupts(): void {
  lib().ts_release_interrupts();
}

/** The signal that ended a wait. */
export interface Interrupt {
  readonly number: number;
  /** `SIGTERM` and the like. */
  readonly name: string;
}

/** The one that came last. */
export function lastInterrupt(): Interrupt {
  const number = lib().ts_interrupted();
  const name = Object.keys(SIGNALS).find((key) => SIGNALS[key] === number);
  return { number, name: name === undefined ? `signal ${number}` : `SIG${name}` };
}
