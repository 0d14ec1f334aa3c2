/** Numbers of the kernel back to their names, for people: in `explain` and in error texts. */
import { CAPABILITIES, PERSONALITY_DOMAINS } from "../bundle/vocabulary.ts";
import {
  CLONE,
  IOPRIO_CLASS,
  MPOL,
  MS,
  PERSONALITY,
  RLIMIT,
  S_IF,
  SCHED,
  SCHED_FLAG,
  SECCOMP_FILTER_FLAG,
} from "../sys/constants.gen.ts";

/** Bits by their names, `A|B`; bits without a name in hexadecimal; `0` for none. */
function bits(value: number, table: Readonly<Record<string, number>>, prefix: string): string {
  const names: string[] = [];
  let rest = value;
  for (const [name, bit] of Object.entries(table)) {
    if (bit === 0 || (rest & bit) !== bit) continue;
    names.push(prefix + name);
    rest &= ~bit;
  }
  if (rest !== 0) names.push(`0x${(rest >>> 0).toString(16)}`);
  return names.length === 0 ? "0" : names.join("|");
}

function nameOf(value: number, table: Readonly<Record<string, number>>): string {
  for (const [name, number] of Object.entries(table)) if (number === value) return name;
  return String(value);
}

/** The word that config.json and mount(8) have for propagation flags: `rslave`. */
export function propagationWord(flags: bigint): string {
  const value = Number(flags);
  const kind =
    (value & MS.SHARED) !== 0
      ? "shared"
      : (value & MS.SLAVE) !== 0
        ? "slave"
        : (value & MS.UNBINDABLE) !== 0
          ? "unbindable"
          : "private";
  return (value & MS.REC) === 0 ? kind : `r${kind}`;
}

/** `CLONE_NEWNS|CLONE_NEWPID` */
export function cloneNames(flags: number): string {
  return bits(flags, CLONE, "CLONE_");
}

/** `CAP_CHOWN,CAP_KILL`, `all` for every capability that tsrun knows, `none`. */
export function capabilityNames(mask: bigint): string {
  const names = CAPABILITIES.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
  if (names.length === 0) return "none";
  return names.length === CAPABILITIES.length ? "all" : names.join(",");
}

/** `RLIMIT_NOFILE` */
export function rlimitName(resource: number): string {
  return nameOf(resource, RLIMIT);
}

/** The largest limit there is, which the kernel takes as none at all. */
export const RLIM_INFINITY = 18446744073709551615n;

/** A limit as prlimit(1) writes it. */
export function limitText(limit: bigint): string {
  return limit === RLIM_INFINITY ? "unlimited" : String(limit);
}

/** `SCHED_BATCH` */
export function policyName(policy: number): string {
  return nameOf(policy, SCHED);
}

/** `SCHED_FLAG_RESET_ON_FORK` */
export function schedulerFlagNames(flags: bigint): string {
  return bits(Number(flags), SCHED_FLAG, "");
}

/** `IOPRIO_CLASS_BE 4` */
export function ioPriorityText(value: number): string {
  const { IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE, SHIFT } = IOPRIO_CLASS;
  const classes = { IOPRIO_CLASS_RT, IOPRIO_CLASS_BE, IOPRIO_CLASS_IDLE };
  return `${nameOf(value >> SHIFT, classes)} ${value & ((1 << SHIFT) - 1)}`;
}

/** `LINUX32` */
export function personalityName(persona: bigint): string {
  return (
    PERSONALITY_DOMAINS.find((domain) => BigInt(PERSONALITY[`PER_${domain}`]) === persona) ?? String(persona)
  );
}

/** `MPOL_BIND|MPOL_F_STATIC_NODES` */
export function memoryPolicyName(mode: number): string {
  const { MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING } = MPOL;
  const flags = { MPOL_F_STATIC_NODES, MPOL_F_RELATIVE_NODES, MPOL_F_NUMA_BALANCING };
  const all = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING;
  const name = nameOf(mode & ~all, MPOL);
  return (mode & all) === 0 ? name : `${name}|${bits(mode & all, flags, "")}`;
}

/** A bit mask of words as a list: `0-3,7`. */
export function listText(words: readonly bigint[]): string {
  const ranges: string[] = [];
  let from = -1;
  for (let number = 0; number <= words.length * 64; number++) {
    const set = (((words[Math.floor(number / 64)] ?? 0n) >> BigInt(number % 64)) & 1n) === 1n;
    if (set && from < 0) from = number;
    if (set || from < 0) continue;
    ranges.push(from === number - 1 ? `${from}` : `${from}-${number - 1}`);
    from = -1;
  }
  return ranges.join(",");
}

/** `c`, `b` or `p`, as mknod(1) has them. */
export function deviceType(mode: number): "b" | "c" | "p" {
  const type = mode & S_IF.MT;
  return type === S_IF.BLK ? "b" : type === S_IF.FIFO ? "p" : "c";
}

/** Permission bits as chmod(1) has them: `0666`. */
export function modeText(mode: number): string {
  return `0${(mode & 0o7777).toString(8).padStart(3, "0")}`;
}

/** The name of a namespace's type in /proc/PID/ns and on unshare(1)'s command line. */
export function namespaceName(flag: number): string {
  return nameOf(flag, NAMESPACE_NAMES);
}

const NAMESPACE_NAMES: Readonly<Record<string, number>> = {
  mount: CLONE.NEWNS,
  cgroup: CLONE.NEWCGROUP,
  uts: CLONE.NEWUTS,
  ipc: CLONE.NEWIPC,
  user: CLONE.NEWUSER,
  pid: CLONE.NEWPID,
  net: CLONE.NEWNET,
  time: CLONE.NEWTIME,
};

/** The namespaces in a set of CLONE_* flags, by the names of {@link namespaceName}. */
export function namespacesIn(flags: number): readonly string[] {
  return Object.entries(NAMESPACE_NAMES)
    .filter(([, flag]) => (flags & flag) !== 0)
    .map(([name]) => name);
}

/** `SECCOMP_FILTER_FLAG_LOG` and the like; none for 0. */
export function seccompFlagNames(flags: number): readonly string[] {
  return flags === 0 ? [] : bits(flags, SECCOMP_FILTER_FLAG, "SECCOMP_FILTER_FLAG_").split("|");
}
