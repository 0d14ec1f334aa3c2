/** `kill`: a signal to a container's first process, or to all of them. */
import { foreignError, foreignLeft, GLANCE_MS, hasPids, killAll, thawAll } from "../cgroup/members.ts";
import { StateError } from "../error.ts";
import { members } from "../state/members.ts";
import type { ProcessRecord } from "../state/record.ts";
import { isAlive, statusOf } from "../state/status.ts";
import { load } from "../state/store.ts";
import { kill, Pidfd, sleep } from "../sys/process.ts";

const SIGKILL = 9;

/**
 * Sends a signal.
 *
 * @param all every process in the container's cgroup gets it, not only the first
 * @throws StateError `not-found`, `not-running` (never with `all`, as runc has it); with `all` SystemError where a process is outside
 *   of this pid namespace: all others have got the signal
 */
export function killContainer(root: string, id: string, signal: number, all = false): void {
  const saved = load(root, id);
  const { record, process } = saved;
  const cgroups = new Map(Object.entries(record.cgroups));
  const status = statusOf(saved);
  // Without a namespace of its own nothing takes the other processes along when the first one is killed.
  const everybody = all || (signal === SIGKILL && !record.ownPidNamespace);
  if (everybody && signal === SIGKILL && cgroups.size > 0) {
    if (!all && status === "stopped" && !hasPids(cgroups, GLANCE_MS)) throw notRunning(id);
    killAll(cgroups, (pid) => void kill(pid, SIGKILL), sleep);
    // It may have been moved to another cgroup.
    if (process !== undefined) signalFirst(process, SIGKILL);
    if (all && foreignLeft(cgroups, sleep)) throw foreignError(cgroups);
  } else if (everybody) {
    const everyone = members(saved);
    if (everyone.length === 0 && !all && status === "stopped") throw notRunning(id);
    for (const pid of everyone) if (pid > 0) kill(pid, signal);
    if (process !== undefined && !everyone.includes(process.pid)) signalFirst(process, signal);
    if (all && everyone.includes(0)) throw foreignError(cgroups);
  } else if (status === "stopped" || process === undefined || !signalFirst(process, signal)) {
    throw notRunning(id);
  }
  // On cgroup v1 a frozen process does not even die, and the first one not before those in its process-id namespace. The
  // status may be old by now, and the container may have frozen cgroups below its own.
  if (signal === SIGKILL) thawAll(cgroups);
}

/** Whether there was somebody to get it. */
function signalFirst(process: ProcessRecord, signal: number): boolean {
  const first = Pidfd.of(process.pid);
  // Asked after the descriptor was opened: from then on the pid cannot become another process's.
  const sent = first !== undefined && isAlive(process) && first.signal(signal);
  first?.close();
  return sent;
}

function notRunning(id: string): StateError {
  return new StateError("not-running", `container not running: ${id}`, {
    hint: `tsrun state ${id} shows its status`,
  });
}
