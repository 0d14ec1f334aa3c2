/** `pause` and `resume`: all of a container's processes stopped at once, and let go on. */
import { freeze, frozen, thaw } from "../cgroup/freezer.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { StateError } from "../error.ts";
import type { ProcessRecord } from "../state/record.ts";
import { isAlive, type Status, statusOf } from "../state/status.ts";
import { load, lock } from "../state/store.ts";
import { readTextIfThere } from "../sys/files.ts";
import { sleep } from "../sys/process.ts";

/** How long freezing may take, in milliseconds: less than others wait for the container's lock (state/store.ts). */
const PAUSE_MS = 5000;

/** The bit of SIGKILL in the masks of /proc/PID/status. */
const SIGKILL_BIT = 1n << 8n;

/**
 * Stops all processes of a running or created container, and those of the cgroups below its own. When this returns, none
 * of them runs; after a failure all of them do. A pause that dies on the way leaves a container that is running or paused,
 * and that `resume`, `kill` and `delete --force` take as such.
 *
 * @throws StateError `not-found`, `not-running`, `paused` where it is paused already, `busy` when a process cannot be
 *   stopped within 5 seconds, `damaged`; SystemError
 */
export function pauseContainer(root: string, id: string): void {
  const locked = lock(root, id);
  try {
    const saved = load(root, id);
    const status = statusOf(saved, true);
    const { process } = saved;
    if ((status !== "running" && status !== "created") || process === undefined) {
      throw notRunning(id, status);
    }
    const cgroups: CgroupPaths = new Map(Object.entries(saved.record.cgroups));
    freeze(cgroups, sleep, { deadline: PAUSE_MS });
    // On cgroup v1 a process that was killed on the way may be frozen before it could die.
    if (!isAlive(process) || isKilled(process)) {
      thaw(cgroups);
      throw notRunning(id, "stopped");
    }
  } finally {
    locked.release();
  }
}

/**
 * Lets the processes of a paused container go on. Cgroups below its own that the container has frozen itself stay so.
 *
 * @throws StateError `not-found`, `not-paused`, `busy`, `damaged`; SystemError
 */
export function resumeContainer(root: string, id: string): void {
  const locked = lock(root, id);
  try {
    const saved = load(root, id);
    const status = statusOf(saved, true);
    if (status !== "paused") {
      throw new StateError("not-paused", `container not paused: ${id}`, { hint: `its status is ${status}` });
    }
    const cgroups: CgroupPaths = new Map(Object.entries(saved.record.cgroups));
    thaw(cgroups);
    if (frozen(cgroups)) {
      throw new StateError("busy", `container ${id} was frozen again while it was resumed`, {
        hint: "another program freezes its cgroup",
      });
    }
  } finally {
    locked.release();
  }
}

/** Whether SIGKILL waits for a process. */
function isKilled({ pid }: ProcessRecord): boolean {
  const status = readTextIfThere(`/proc/${pid}/status`) ?? "";
  for (const [, mask = "0"] of status.matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)) {
    if ((BigInt(`0x${mask}`) & SIGKILL_BIT) !== 0n) return true;
  }
  return false;
}

/** runc's words, for a paused container too. */
function notRunning(id: string, status: Status): StateError {
  const code = status === "paused" ? "paused" : "not-running";
  return new StateError(code, `container not running: ${id}`, { hint: `its status is ${status}` });
}
