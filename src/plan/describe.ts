/** One line for an operation: what it does to what, with flags by name. */

import {
  capabilityNames,
  cloneNames,
  ioPriorityText,
  limitText,
  listText,
  memoryPolicyName,
  modeText,
  namespaceName,
  personalityName,
  policyName,
  propagationWord,
  rlimitName,
} from "./names.ts";
import type { Op } from "./ops.ts";

/** What each of native/plan.h's labels is for. */
const LABELS: readonly string[] = [
  "apply the apparmor profile",
  "label the program with SELinux as",
  "label the keyring with SELinux as",
];

/** What an operation does, short enough for an error's sentence: `mount proc at /proc`. */
export function describe(op: Op): string {
  switch (op.op) {
    case "join":
      return `join the ${namespaceName(op.ns)} namespace ${op.path}`;
    case "userns":
      return "make a user namespace";
    case "unshare":
      return `unshare ${cloneNames(op.flags)}`;
    case "timeOffset":
      return `set the ${op.clock} clock's offset to ${op.secs} s and ${op.nanosecs} ns`;
    case "attach":
      return "enter the container's cgroups";
    case "enter":
      return `enter the container's namespaces ${cloneNames(op.flags)}`;
    case "trace":
      return "note the times of the operations";
    case "fork":
      return "make the container's first process";
    case "keyring":
      return `join a new session keyring ${op.name}`;
    case "session":
      return "start a session";
    case "loopback":
      return "bring up the loopback device";
    case "hostname":
      return `set the host name to ${op.name}`;
    case "domainname":
      return `set the domain name to ${op.name}`;
    case "oomScoreAdj":
      return `set oom_score_adj to ${op.value}`;
    case "propagation":
      return `make the mounts at / ${propagationWord(op.flags)}`;
    case "overlay":
      return `mount an overlay of the layers in ${op.folder} at ${op.path}`;
    case "rootfs":
      return `attach the root filesystem ${op.path}`;
    case "mkdir":
      return `make the folder ${op.target}`;
    case "mkfile":
      return `make the file ${op.target}`;
    case "mount":
      return `mount ${op.fstype} at ${op.target}`;
    case "bind":
      return `bind ${op.source} at ${op.target}`;
    case "remount":
      return `remount ${op.target}`;
    case "mknod":
      return `make the device ${op.target}`;
    case "symlink":
      return `link ${op.target} to ${op.text}`;
    case "hostHooks":
      return "run the prestart and createRuntime hooks";
    default:
      return describeInside(op);
  }
}

type InsideOp = Exclude<
  Op,
  {
    op:
      | "join"
      | "userns"
      | "unshare"
      | "timeOffset"
      | "attach"
      | "enter"
      | "trace"
      | "fork"
      | "keyring"
      | "session"
      | "loopback"
      | "hostname"
      | "domainname"
      | "oomScoreAdj"
      | "propagation"
      | "overlay"
      | "rootfs"
      | "mkdir"
      | "mkfile"
      | "mount"
      | "bind"
      | "remount"
      | "mknod"
      | "symlink"
      | "hostHooks";
  }
>;

function describeInside(op: InsideOp): string {
  switch (op.op) {
    case "hook":
      return `run ${op.stage} hook #${op.index} ${op.path}`;
    case "console":
      return op.target === "" ? "make a terminal" : `make a terminal and mount it at ${op.target}`;
    case "pivotRoot":
      return "pivot_root into the container's root";
    case "moveRoot":
      return "move the container's root over / and chroot into it";
    case "sysctl":
      return `set the kernel parameter ${op.name} to ${op.value}`;
    case "readonlyPath":
      return `make ${op.target} read-only`;
    case "maskPath":
      return `mask ${op.target}`;
    case "rootReadonly":
      return "make the root filesystem read-only";
    case "chdir":
      return `change to the folder ${op.target}`;
    case "fileLabel":
      return `label ${op.target} as ${op.label}`;
    default:
      return describeProcess(op);
  }
}

type ProcessOp = Exclude<
  InsideOp,
  {
    op:
      | "hook"
      | "console"
      | "pivotRoot"
      | "moveRoot"
      | "sysctl"
      | "readonlyPath"
      | "maskPath"
      | "rootReadonly"
      | "chdir"
      | "fileLabel";
  }
>;

function describeProcess(op: ProcessOp): string {
  switch (op.op) {
    case "rlimit":
      return `set ${rlimitName(op.resource)} to ${limitText(op.soft)}:${limitText(op.hard)}`;
    case "umask":
      return `set the umask to ${modeText(op.mask)}`;
    case "scheduler":
      return `schedule by ${policyName(op.policy)}`;
    case "ioPriority":
      return `set the I/O priority to ${ioPriorityText(op.value)}`;
    case "personality":
      return `set the execution domain to ${personalityName(op.persona)}`;
    case "memoryPolicy":
      return `set the memory policy to ${memoryPolicyName(op.mode)}`;
    case "affinity":
      return `run on the cpus ${listText(op.cpus)}`;
    case "stdioOwner":
      return `give standard input, output and error to uid ${op.uid}`;
    case "boundingSet":
      return `limit the bounding set to ${capabilityNames(op.mask)}`;
    case "user":
      return `become uid ${op.uid}, gid ${op.gid}`;
    case "capabilities":
      return "set the capabilities";
    case "noNewPrivs":
      return "forbid new privileges";
    case "label":
      return `${LABELS[op.attribute] ?? "label"} ${op.label}`;
    case "seccomp":
      return `install the seccomp filter of ${op.program.length / 8} instructions`;
    case "program":
      return `find the program ${op.args[0] ?? ""}`;
    case "closeFrom":
      return `close the descriptors from ${op.first} on at execution`;
    case "ready":
      return "report ready";
    case "awaitStart":
      return "wait for start";
    case "exec":
      return "execute the program";
    default:
      return op satisfies never;
  }
}
