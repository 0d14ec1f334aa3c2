/** Whether a process got through execve, which closes its descriptors before all of the new program is there. */
import { readTextIfThere } from "../sys/files.ts";
import type { Pidfd } from "../sys/process.ts";

/** The name that execve gives anew; `undefined` where the process has been reaped. One that has ended keeps it. */
export function nameOf({ pid }: Pidfd): string | undefined {
  return readTextIfThere(`/proc/${pid}/comm`);
}

/** One a millisecond: far more than it takes. */
const LOOKS = 1000;

/**
 * Whether a process that has closed its descriptors did so in execve, and has not been killed there, out of memory for one.
 * The new name comes a moment after the descriptors are closed (fs/exec.c, begin_new_exec).
 *
 * @param before its name when it was about to execute
 */
export function hasExecuted(process: Pidfd, before: string | undefined): boolean {
  if (before === undefined) return true;
  for (let look = 0; look < LOOKS; look++) {
    const ended = process.awaitExit(look === 0 ? 0 : 1);
    if (nameOf(process) !== before) return true;
    if (ended) return false;
  }
  return true;
}
