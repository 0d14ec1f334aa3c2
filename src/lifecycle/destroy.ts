/** Takes a container away: its processes, cgroups and state, and the poststop hooks in between. Can be repeated. */
import { GLANCE_MS, hasPids, killAll, thawAll } from "../cgroup/members.ts";
import { type CgroupPaths, isV2 } from "../cgroup/paths.ts";
import { removeRdt } from "../cgroup/rdt.ts";
import { removeCgroups } from "../cgroup/remove.ts";
import { stopUnit } from "../cgroup/systemd/setup.ts";
import { type LaunchError, SystemError } from "../error.ts";
import { hookState, runHook } from "../spawn/hooks.ts";
import { step, type Tracer } from "../spawn/steps.ts";
import type { ProcessRecord, Record } from "../state/record.ts";
import { isAlive } from "../state/status.ts";
import type { Locked } from "../state/store.ts";
import { kill, Pidfd, sleep } from "../sys/process.ts";

/** How long a killed process may take to be gone: a deadline only for those stuck in the kernel. */
const KILL_MS = 10_000;

const SIGKILL = 9;

/**
 * Ends the first process if it still lives; with it goes everything in its process-id namespace, also what is frozen in
 * `cgroups`: on v1 a frozen process does not die, and the first one not before the others.
 */
export function killFirst(process: ProcessRecord, cgroups: CgroupPaths = new Map()): void {
  const pidfd = Pidfd.of(process.pid);
  if (pidfd === undefined) return;
  if (isAlive(process)) {
    pidfd.signal(SIGKILL);
    thawAll(cgroups);
    if (!pidfd.awaitExit(KILL_MS)) {
      throw new SystemError("kill", "ETIMEDOUT", `process ${process.pid}`, {
        doing: `wait for the container's first process ${process.pid} to end`,
        hint: "it hangs in the kernel: see /proc/PID/stack",
      });
    }
  }
  pidfd.reap();
  pidfd.close();
}

/** What destroying needs to know beside the record. */
export interface Remains {
  readonly process: ProcessRecord | undefined;
  /** Whether the creation had come to its end. */
  readonly complete: boolean;
}

/**
 * Removes what there is of a container whose lock this process holds. Failures of poststop hooks are answered, not
 * thrown: the container is gone all the same (runtime-spec runtime.md, lifecycle step 12).
 *
 * @throws SystemError; StateError
 */
export function destroy(
  record: Record,
  remains: Remains,
  locked: Locked,
  tracer?: Tracer,
): readonly LaunchError[] {
  const cgroups: CgroupPaths = new Map(Object.entries(record.cgroups));
  const { process } = remains;
  if (process !== undefined) step(tracer, "end the first process", () => killFirst(process, cgroups));
  step(tracer, "remove the cgroups", () => emptyCgroups(record, remains.complete));
  if (record.rdt !== undefined) removeRdt(record.rdt);
  const failures: LaunchError[] = [];
  for (const [index, hook] of record.poststop.entries()) {
    const failure = step(tracer, `run poststop hook #${index}`, () =>
      runHook("poststop", index, hook, hookState(record, "stopped")),
    );
    if (failure !== undefined) failures.push(failure);
  }
  step(tracer, "remove the state", () => locked.remove());
  return failures;
}

function emptyCgroups(record: Record, complete: boolean): void {
  const cgroups = new Map(Object.entries(record.cgroups));
  const killEach = (): void => killAll(cgroups, (pid) => void kill(pid, SIGKILL), sleep);
  if (record.unit !== undefined && stopUnit(record.unit, killEach) === "others") return;
  // Where nothing took its processes along, one may be making cgroups just now: no look at them would come to an end.
  if (hasPids(cgroups, record.ownPidNamespace ? undefined : GLANCE_MS)) {
    // buildah puts several containers into one cgroup. With a process-id namespace of its own, everything of this
    // container went with the first process, so whoever is left belongs to another: it keeps the cgroup. On v2 a cgroup
    // with processes is nobody's second one.
    const owned = Object.values(record.cgroups).some((dir) => record.newCgroups.includes(dir));
    if (!owned || (record.ownPidNamespace && complete && !isV2(cgroups))) return;
    killEach();
  }
  // A creation that failed takes away what it has made, and nothing that was there for others.
  const own = complete ? cgroups : new Map([...cgroups].filter(([, dir]) => record.newCgroups.includes(dir)));
  removeCgroups(own, record.newCgroups, { sleep });
}
