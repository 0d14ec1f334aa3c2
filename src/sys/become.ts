/** Becoming another program, without losing a signal on the way. */
import { SystemError } from "../error.ts";
import { cstring, cstrings } from "./bytes.ts";
import { checked, errnoName, lib } from "./lib.ts";

let held: number | undefined;

/**
 * Keeps the signals that reach this process from now on, for whoever supervises a container to pass on: what comes while it
 * is still being made is not lost, and does not end tsrun half-way. @throws SystemError
 */
export function holdSignals(): void {
  held ??= checked(lib().ts_hold_signals(), "sigaction", "signals to pass on");
}

/** Where {@link holdSignals} keeps them: a descriptor that gives a byte a signal; `undefined` where it was not called. */
export function heldSignals(): number | undefined {
  return held;
}

/** Makes this process the parent of those of its descendants that lose theirs (PR_SET_CHILD_SUBREAPER). @throws SystemError */
export function becomeSubreaper(): void {
  checked(lib().ts_subreaper(), "prctl", "PR_SET_CHILD_SUBREAPER");
}

/**
 * Executes a program in this process, with these of its descriptors beside the standard streams, and with all signals blocked.
 *
 * @param name what lists of processes show
 * @throws SystemError `EKEYREJECTED` where others than root could have changed the program
 */
export function become(
  path: string,
  name: string,
  descriptors: readonly number[],
  env: readonly string[],
): never {
  // A pointer has to point somewhere, also where the count is zero.
  const fds = new Int32Array(Math.max(1, descriptors.length));
  fds.set(descriptors);
  const answer = lib().ts_become(
    cstring(path),
    cstring(name),
    fds,
    descriptors.length,
    cstrings(env),
    env.length,
  );
  const errno = errnoName(-answer);
  const changed = `${path} can be changed by others than root, though root runs it`;
  throw new SystemError("execveat", errno, path, {
    ...(errno === "EKEYREJECTED"
      ? { doing: changed, hint: `chown root ${path} and chmod go-w ${path}` }
      : {}),
  });
}
