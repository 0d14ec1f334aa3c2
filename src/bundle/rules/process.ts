/** Rules about the process (config.md, process; sched_setattr(2), setrlimit(2)). */
import { BundleError, type Pointer } from "../../error.ts";
import type { Process, Scheduler } from "../types.ts";

/** `pointer` is the process object's place. @throws BundleError */
export function checkProcess(process: Process, pointer: Pointer): void {
  checkRlimits(process, `${pointer}/rlimits`);
  if (process.scheduler !== undefined) checkScheduler(process.scheduler, `${pointer}/scheduler`);
}

/** Each limit once (the spec's MUST), and no soft limit above its hard one. */
function checkRlimits(process: Process, pointer: Pointer): void {
  const seen = new Set<string>();
  for (const [i, { type, soft, hard }] of process.rlimits.entries()) {
    if (seen.has(type))
      throw new BundleError("conflict", `${pointer}/${i}/type`, `${type} is listed twice`, "keep one entry");
    seen.add(type);
    if (soft > hard) {
      const sentence = `the soft limit ${soft} of ${type} is above its hard limit ${hard}`;
      throw new BundleError(
        "conflict",
        `${pointer}/${i}/soft`,
        sentence,
        `lower soft to ${hard}, or raise hard`,
      );
    }
  }
}

/** What sched_setattr(2) would answer with EINVAL. */
function checkScheduler(scheduler: Scheduler, pointer: Pointer): void {
  const { policy, priority, runtime, deadline, period } = scheduler;
  const realtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  if (realtime && (priority < 1 || priority > 99)) {
    const sentence = `scheduler.priority must be from 1 to 99 for ${policy}, not ${priority}`;
    throw new BundleError("range", `${pointer}/priority`, sentence, 'add "priority": 1');
  }
  if (!realtime && priority !== 0) {
    const sentence = `scheduler.priority can only be specified for SCHED_FIFO or SCHED_RR policy, not for ${policy}`;
    throw new BundleError("conflict", `${pointer}/priority`, sentence, "remove priority, or use nice");
  }
  if (policy !== "SCHED_DEADLINE") {
    for (const field of ["runtime", "deadline", "period"] as const) {
      if (scheduler[field] === 0n) continue;
      const sentence = `scheduler.${field} can only be specified for SCHED_DEADLINE policy, not for ${policy}`;
      throw new BundleError("conflict", `${pointer}/${field}`, sentence, `remove ${field}`);
    }
    return;
  }
  // kernel/sched/deadline.c, __checkparam_dl: 1024 ns <= runtime <= deadline <= period; period 0 is the deadline.
  if (runtime < 1024n || runtime > deadline || (period !== 0n && deadline > period)) {
    const sentence = `SCHED_DEADLINE needs 1024 <= runtime <= deadline <= period, not ${runtime}, ${deadline}, ${period}`;
    throw new BundleError("conflict", `${pointer}/runtime`, sentence, "give all three in nanoseconds");
  }
}
