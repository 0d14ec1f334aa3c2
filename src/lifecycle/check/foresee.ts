/**
 * Walks a plan as tsrun-init will, doing nothing: for each operation, whether the kernel will refuse it, as far as that can
 * be known before. A refusal is told in the very words of `create`.
 */
import type { Step } from "../../plan/ops.ts";
import type { Failure } from "../../spawn/conversation.ts";
import { failed } from "../../spawn/failure.ts";
import { ERRNO } from "../../sys/constants.gen.ts";
import { foreseeBind, foreseeConsole, foreseeMake, foreseeMount, foreseeRemount } from "./mounts.ts";
import { foreseeJoin, foreseeTimeOffset, foreseeUnshare, foreseeUserns } from "./namespaces.ts";
import {
  foreseeCapabilities,
  foreseeChdir,
  foreseeIoPriority,
  foreseeLabel,
  foreseeMemoryPolicy,
  foreseeOom,
  foreseeRlimit,
  foreseeScheduler,
  foreseeSysctl,
  foreseeUser,
} from "./process.ts";
import { foreseeExec, foreseeProgram } from "./program.ts";
import type { Refusal, World } from "./world.ts";

/** Finds the plan's refusals. */
export function foreseePlan(steps: readonly Step[], world: World): void {
  for (const step of steps) {
    const refusal = foresee(step, world);
    if (refusal === undefined) continue;
    const failure: Failure = {
      kind: "error",
      op: 0,
      reason: refusal.reason ?? "SYSCALL",
      value: errnoNumber(refusal.errno),
      call: refusal.call,
      subject: refusal.subject,
    };
    world.findings.problem(failed([step], 0, failure, world.bundle));
  }
}

function errnoNumber(name: string): number {
  for (const number in ERRNO) if (ERRNO[number] === name) return Number(number);
  return 0;
}

function foresee({ op }: Step, world: World): Refusal | undefined {
  switch (op.op) {
    case "join":
      return foreseeJoin(op);
    case "userns":
      return foreseeUserns(world);
    case "unshare":
      return foreseeUnshare(op);
    case "timeOffset":
      return foreseeTimeOffset(op);
    case "oomScoreAdj":
      return foreseeOom(op, world);
    case "mkdir":
    case "mkfile":
      return foreseeMake(op, world);
    case "mount":
      return foreseeMount(op, world);
    case "bind":
      return foreseeBind(op, world);
    case "remount":
      return foreseeRemount(op, world);
    case "console":
      return foreseeConsole(world);
    case "label":
      return foreseeLabel(op);
    case "sysctl":
      return foreseeSysctl(op);
    case "rlimit":
      return foreseeRlimit(op, world);
    case "scheduler":
      return foreseeScheduler(op, world);
    case "ioPriority":
      return foreseeIoPriority(op, world);
    case "memoryPolicy":
      return foreseeMemoryPolicy(op, world);
    case "chdir":
      return foreseeChdir(op, world);
    case "user":
      return foreseeUser(op, world);
    case "capabilities":
      return foreseeCapabilities(op, world);
    case "program":
      return foreseeProgram(op, world);
    case "exec":
      return foreseeExec(world);
    default:
      // Nothing of the host decides about the others.
      return undefined;
  }
}
