/** How a container's first process ended, as far as it is known: for `state` and `list`. */
import { oomOf, oomText } from "../cgroup/oom.ts";
import { SystemError } from "../error.ts";
import { loadExit } from "../state/exit.ts";
import type { Saved } from "../state/store.ts";
import { exitCode, exitOf } from "../sys/process.ts";

/** The end of a container that has stopped; every part only where it is known. */
export interface Ending {
  /** The exit code of its first process, or 128 + the number of the signal that ended it. */
  readonly exitCode?: number;
  /** When that was: RFC 3339. */
  readonly exitedAt?: string;
  /** What ended a process of it from outside, in words. */
  readonly reason?: string;
}

const SIGKILL = 9;

/** What is known of the end of a container that has stopped. */
export function endingOf({ dir, record }: Saved): Ending {
  const exit = loadExit(dir);
  const end = exit === undefined ? undefined : exitOf(exit.status);
  const reason = exit?.reason ?? killed(new Map(Object.entries(record.cgroups)), end);
  return {
    ...(exit === undefined || end === undefined ? {} : { exitCode: exitCode(end), exitedAt: exit.time }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** A kill is that of the first process only where it was killed; it may have been another one's. */
function killed(
  paths: ReadonlyMap<string, string>,
  end: ReturnType<typeof exitOf> | undefined,
): string | undefined {
  try {
    const oom = oomOf(paths);
    if (oom === undefined) return undefined;
    const first = end !== undefined && "signal" in end && end.signal === SIGKILL;
    return first ? oomText(oom) : `a process of the container was ${oomText(oom)}`;
  } catch (error) {
    // What the cgroup does not tell must not keep the state from being shown.
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}
