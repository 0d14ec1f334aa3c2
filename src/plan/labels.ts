/** Labels of security modules: those of the program, of its keyring, and of the filesystems that are made for it. */

import type { Bundle, Process } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { append } from "../lists.ts";
import { PLAN } from "../sys/constants.gen.ts";
import { add, type Draft } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import type { Step } from "./ops.ts";

/** The host as far as labels depend on it. */
export type LabelFacts = Pick<HostFacts, "lsm">;

/**
 * What the program's execve will be labelled with. A label that nothing on this host would enforce is refused: the program
 * would run unconfined.
 *
 * @throws BundleError `unsupported`
 */
export function compileExecLabels(draft: Draft, process: Process, { lsm }: LabelFacts): void {
  const { apparmorProfile, selinuxLabel } = process;
  if (apparmorProfile !== undefined) {
    if (!lsm.apparmor) {
      throw new BundleError(
        "unsupported",
        "/process/apparmorProfile",
        `unable to apply apparmor profile ${JSON.stringify(apparmorProfile)}: apparmor is not enabled on the host`,
        "boot with apparmor=1 security=apparmor on a kernel that has it, or remove apparmorProfile",
      );
    }
    const op = { op: "label", attribute: PLAN.labels.apparmorExec, label: apparmorProfile } as const;
    add(draft, op, "/process/apparmorProfile");
  }
  if (selinuxLabel !== undefined) {
    checkSelinux(selinuxLabel, lsm);
    const op = { op: "label", attribute: PLAN.labels.selinuxExec, label: selinuxLabel } as const;
    add(draft, op, "/process/selinuxLabel");
  }
}

/** The session keyring is labelled as the program is, which could not use it otherwise. @throws BundleError `unsupported` */
export function compileKeyLabel(draft: Draft, { selinuxLabel }: Process, { lsm }: LabelFacts): void {
  if (selinuxLabel === undefined) return;
  checkSelinux(selinuxLabel, lsm);
  const op = { op: "label", attribute: PLAN.labels.selinuxKey, label: selinuxLabel } as const;
  add(draft, op, "/process/selinuxLabel");
}

function checkSelinux(label: string, lsm: LabelFacts["lsm"]): void {
  if (lsm.selinux) return;
  throw new BundleError(
    "unsupported",
    "/process/selinuxLabel",
    `selinux label ${JSON.stringify(label)} is specified in config, but selinux is disabled or not supported`,
    "boot with security=selinux and a policy on a kernel that has it, or remove selinuxLabel",
  );
}

/** The label of what is mounted for the container, `""` where there is none. */
export function mountLabel({ linux }: Bundle, { lsm }: LabelFacts): string {
  return lsm.selinux ? (linux.mountLabel ?? "") : "";
}

/** Filesystems whose superblock is the kernel's or the host's, and whose files have labels already. */
const LABELLED_ELSEWHERE: readonly string[] = ["proc", "sysfs", "cgroup", "cgroup2"];

/**
 * linux.mountLabel: each new filesystem among the steps so far gets it as its `context`, but where config.json gives one; a
 * message queue filesystem takes none and is labelled afterwards (as runc and crun). Without SELinux no label means
 * anything, so that nothing is weaker for want of it: a warning is enough.
 */
export function labelMounts(draft: Draft, bundle: Bundle, facts: LabelFacts): void {
  if (bundle.linux.mountLabel === undefined) return;
  const label = mountLabel(bundle, facts);
  if (label === "") {
    const text = "mountLabel has no effect: selinux is disabled or not supported on this host";
    draft.warnings.push({ pointer: "/linux/mountLabel", text, hint: "remove it" });
    return;
  }
  const labelled = draft.steps.flatMap((step) => withLabel(step, label));
  draft.steps.length = 0;
  append(draft.steps, labelled);
}

function withLabel(step: Step, label: string): readonly Step[] {
  const { op, pointer } = step;
  if (op.op !== "mount" || LABELLED_ELSEWHERE.includes(op.fstype)) return [step];
  if (op.fstype === "mqueue") {
    return [step, { op: { op: "fileLabel", target: op.target, label }, pointer: "/linux/mountLabel" }];
  }
  if (op.options.some((option) => option.startsWith("context="))) return [step];
  return [{ op: { ...op, options: [...op.options, `context=${label}`] }, pointer }];
}
