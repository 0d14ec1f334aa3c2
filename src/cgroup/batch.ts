/**
 * Performs the steps of steps.ts in one call, and goes on after a failure that only says that something was different
 * from the usual: a parent cgroup is missing, the cgroup is there already, a file has another name on this kernel.
 */

import { StateError, SystemError } from "../error.ts";
import { append } from "../lists.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { type ActionFailure, kindOf, perform, readTextIfThere } from "../sys/files.ts";
import { freezerState } from "./freezer.ts";
import { pidsBelow } from "./members.ts";
import { explainRefusal } from "./refusal.ts";
import { actionOf, ancestors, levelSteps, type Step } from "./steps.ts";

/** What a batch works on and finds out. */
export interface Batch {
  readonly mode: CgroupFacts["mode"];
  /** What is to be done; grows and shrinks on the way. */
  readonly steps: Step[];
  /** Folders made so far. */
  readonly created: string[];
  readonly warn: (text: string) => void;
  /** The container's own cgroup is there already, as it should be: systemd has made it, and its first process is in it. */
  readonly expected?: boolean;
}

/** Parents that others remove while they are being made are made again, so often at most. */
const MAKE_AGAIN_MAX = 2000;

/**
 * Performs every step.
 * @throws SystemError, StateError `busy`
 */
export function runBatch(batch: Batch): void {
  const { steps, created } = batch;
  let made = 0;
  for (let next = 0; next < steps.length; ) {
    const failure = perform(steps.slice(next).map(actionOf));
    const stop = failure === undefined ? steps.length : next + failure.index;
    for (const step of steps.slice(next, stop)) if (step.kind === "mkdir") created.push(step.dir);
    if (failure === undefined) return;
    next = stop;
    const step = steps[next];
    if (step === undefined) return;
    const before = missingLevels(step, failure);
    if (before.length > 0 && made < MAKE_AGAIN_MAX) {
      const rest = steps.splice(next);
      append(steps, before);
      append(steps, rest);
      made += before.length;
    } else {
      next = recover(batch, next, step, failure);
    }
  }
}

/** The steps that make the folder a step needs, where that is what it failed for. */
function missingLevels(step: Step, { errno }: ActionFailure): Step[] {
  if (errno !== "ENOENT" || (step.kind !== "mkdir" && step.kind !== "enable")) return [];
  const { hierarchy, dir } = step;
  const needed = ancestors(hierarchy.mountpoint, dir).slice(1);
  if (step.kind === "enable" && dir !== hierarchy.mountpoint) needed.push(dir);
  return needed
    .filter((level) => kindOf(level) === "missing")
    .flatMap((level) => levelSteps(hierarchy, level, false, new Set()));
}

/** Returns the index to go on at. @throws SystemError, StateError when the failure is what it seems */
function recover(batch: Batch, at: number, step: Step, failure: ActionFailure): number {
  switch (step.kind) {
    case "mkdir":
      return recoverMkdir(batch, at, step, failure);
    case "enable":
      enableSome(step);
      return at + 1;
    case "inherit":
      throw new SystemError(failure.syscall, failure.errno, `${step.dir}/${step.file}`, {
        doing: `cannot copy ${step.file} ${step.value} from the parent cgroup to ${step.dir}`,
      });
    case "set":
      return recoverSet(batch, at, step, failure);
    default:
      return step satisfies never;
  }
}

/** What keeps every controller from being handed down, not only one of them. */
const NONE_ENABLED = ["EBUSY", "EOPNOTSUPP", "EACCES", "EPERM", "EROFS"];

/**
 * A controller that is not available here must not keep the others away; a limit that needs a missing one fails later, at
 * its own file, and says why (disabled.ts). A cgroup with processes is left alone: handing down only the controllers that
 * can count threads, which the kernel would allow, turns it into a threaded domain, below which no container can be made
 * (Documentation/admin-guide/cgroup-v2.rst, Threads).
 */
function enableSome(step: Step & { kind: "enable" }): void {
  const here = readTextIfThere(`${step.dir}/cgroup.controllers`)?.trim().split(" ") ?? [];
  const controllers = step.controllers.filter((name) => here.includes(name));
  if (controllers.length === 0) return;
  const failure = perform([actionOf({ ...step, controllers })]);
  if (failure === undefined || NONE_ENABLED.includes(failure.errno)) return;
  for (const controller of controllers) perform([actionOf({ ...step, controllers: [controller] })]);
}

function recoverMkdir(
  batch: Batch,
  at: number,
  step: Step & { kind: "mkdir" },
  { syscall, errno }: ActionFailure,
): number {
  const { dir, hierarchy } = step;
  if (errno === "EEXIST") {
    if (step.leaf && batch.expected !== true) checkUsable(batch, hierarchy, dir);
    keepContents(batch.steps, at + 1, dir);
    return at + 1;
  }
  throw new SystemError(syscall, errno, dir, {
    doing: `cannot make cgroup ${dir}`,
    pointer: "/linux/cgroupsPath",
    hint:
      errno === "EROFS"
        ? "the cgroup filesystem is mounted read-only here"
        : errno === "ENOSPC" || errno === "EAGAIN"
          ? "a limit of cgroups is reached (cgroup.max.descendants, cgroup.max.depth, or 65535 in one hierarchy)"
          : undefined,
  });
}

/** A cgroup that was there keeps its cpus and mems. */
function keepContents(steps: Step[], from: number, dir: string): void {
  for (let i = from; i < steps.length; ) {
    const step = steps[i];
    if (step?.kind !== "inherit") return;
    const kept = step.dir === dir && (readTextIfThere(`${dir}/${step.file}`)?.trim() ?? "") !== "";
    if (kept) steps.splice(i, 1);
    else i++;
  }
}

/**
 * May a container use a cgroup that is there already? On v1 it may share one with others, as buildah's containers do;
 * runc 1.1 warns. One hierarchy of each kind is looked at. The sentences are runc's.
 */
function checkUsable(batch: Batch, { controllers }: Hierarchy, dir: string): void {
  if (batch.mode === "v2" || controllers.includes("devices")) {
    const { length } = pidsBelow(dir);
    if (length > 0) {
      const sentence = `container's cgroup is not empty: ${length} process(es) found`;
      if (batch.mode === "v2") {
        throw new StateError("busy", sentence, {
          pointer: "/linux/cgroupsPath",
          hint: `look into ${dir}/cgroup.procs`,
        });
      }
      batch.warn(sentence);
    }
  }
  const name = controllers.includes("freezer") ? "freezer" : batch.mode === "v2" ? "" : undefined;
  if (name !== undefined && freezerState(new Map([[name, dir]])) !== "thawed") {
    throw new StateError("busy", "container's cgroup unexpectedly frozen", {
      pointer: "/linux/cgroupsPath",
      hint: `thaw ${dir} first: a process in it could not run`,
    });
  }
}

function recoverSet(batch: Batch, at: number, step: Step & { kind: "set" }, failure: ActionFailure): number {
  const { write, dir } = step;
  if (failure.errno === "ENOENT" && write.instead !== undefined) {
    const { instead, ...rest } = write;
    batch.steps[at] = { kind: "set", dir, write: { ...rest, ...instead } };
    return at;
  }
  if (failure.errno === "EINVAL" && write.again === true) {
    batch.steps.push({ kind: "set", dir, write: { ...write, again: false } });
    return at + 1;
  }
  throw explainRefusal(write, failure.errno, dir, failure.syscall);
}
