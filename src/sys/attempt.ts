/** What the kernel lets this process do, found out by doing it where it leaves nothing. */
import { errnoName, lib } from "./lib.ts";
import { ids } from "./process.ts";

/** The numbers of native/lib/lib.h, `enum attempt_kind`. */
const KIND = { unshare: 0, mountCalls: 1, overlay: 2, cloneIntoCgroup: 3 } as const;

/** Something to try. */
export type Attempt = keyof typeof KIND;

/** The errno name of why something may not be done; `undefined` where it may. */
export type Refusal = string | undefined;

/**
 * Tries something in a child process that ends at once.
 *
 * @param contained whether as root of a new user namespace, as an ordinary user's container is made
 * @param flags for `unshare`: CLONE_NEW*
 */
export function attempt(what: Attempt, contained: boolean, flags = 0): Refusal {
  const answer = lib().ts_attempt(KIND[what], flags, contained ? 1 : 0);
  return answer < 0 ? errnoName(-answer) : undefined;
}

/** Whether the kernel keeps the exit status of a process with its pidfd (PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15). */
export function pidfdInfo(): "exit" | "none" {
  const fd = lib().ts_pidfd_open(ids().pid);
  if (fd < 0) return "none";
  const answer = lib().ts_pidfd_exit(fd);
  lib().ts_close(fd);
  return answer < 0 && errnoName(-answer) === "ENODATA" ? "exit" : "none";
}
