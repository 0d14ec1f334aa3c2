/** The container's process, from what root may set down to its own execution; for `create` and `exec` alike. */
import type { Bundle, Process } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { IOPRIO_CLASS, MPOL, PERSONALITY, RLIMIT, SCHED, SCHED_FLAG } from "../sys/constants.gen.ts";
import { compileCapabilities } from "./capabilities.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { HostFacts, ProcessOptions } from "./facts.ts";
import { allowsSetGroups, SET_GROUPS } from "./namespaces.ts";
import { capabilityReserve, compileSeccomp } from "./seccomp.ts";

/** The host as far as a process depends on it. */
export type ProcessFacts = Pick<HostFacts, "lastCap" | "privileged" | "root" | "filter" | "lsm">;

/** process.terminal: made where `target` says, or mounted nowhere. */
export function compileConsole(draft: Draft, process: Process, target: string): void {
  if (!process.terminal) return;
  const { height, width } = process.consoleSize ?? { height: 0, width: 0 };
  add(draft, { op: "console", target, height, width }, "/process/terminal");
}

/**
 * What follows from `process`, in the order that the kernel's permission checks dictate: limits, scheduling and
 * priorities while the process is still root; the bounding set before the ids, since dropping from it needs CAP_SETPCAP;
 * the working folder as root (tsrun-init tries again as the user where root is refused); then the ids, and the
 * capabilities that they left. The filter of system calls comes last, so that it needs to allow as little as can be.
 */
export function compileProcess(
  draft: Draft,
  bundle: Bundle,
  process: Process,
  facts: ProcessFacts,
  options: ProcessOptions,
): void {
  compileRlimits(draft, process, options);
  compileScheduler(draft, process);
  compilePriorities(draft, process, bundle);
  const umask = process.user.umask;
  const place = umask === undefined ? undefined : "/process/user/umask";
  add(draft, { op: "umask", mask: umask ?? 0o022 }, place);
  if (process.noNewPrivileges) add(draft, { op: "noNewPrivs" }, "/process/noNewPrivileges");
  const reserve = compileUser(draft, bundle, process, facts);
  compileProgram(draft, process, options);
  add(draft, { op: "closeFrom", first: 3 + options.preserveFds }, undefined);
  compileSeccomp(draft, bundle, facts.filter, reserve !== 0n);
}

function compileRlimits(draft: Draft, process: Process, options: ProcessOptions): void {
  process.rlimits.forEach(({ type, soft, hard }, index) => {
    add(draft, { op: "rlimit", resource: RLIMIT[type], soft, hard }, pointerTo("process", "rlimits", index));
  });
  const caller = options.callerNofile;
  if (caller === undefined || process.rlimits.some(({ type }) => type === "RLIMIT_NOFILE")) return;
  add(draft, { op: "rlimit", resource: RLIMIT.RLIMIT_NOFILE, ...caller }, undefined);
}

function compileScheduler(draft: Draft, process: Process): void {
  const wanted = process.scheduler;
  if (wanted === undefined) return;
  let flags = 0;
  for (const flag of wanted.flags) flags |= SCHED_FLAG[flag];
  const { priority, runtime, deadline, period } = wanted;
  const policy = SCHED[wanted.policy];
  add(
    draft,
    {
      op: "scheduler",
      policy,
      flags: BigInt(flags),
      nice: BigInt(wanted.nice),
      priority,
      runtime,
      deadline,
      period,
    },
    "/process/scheduler",
  );
}

function compilePriorities(draft: Draft, process: Process, bundle: Bundle): void {
  const io = process.ioPriority;
  if (io !== undefined) {
    const value = (IOPRIO_CLASS[io.class] << IOPRIO_CLASS.SHIFT) | io.priority;
    add(draft, { op: "ioPriority", value }, "/process/ioPriority");
  }
  const { personality, memoryPolicy } = bundle.linux;
  if (personality !== undefined) {
    const persona = personality.domain === "LINUX32" ? PERSONALITY.PER_LINUX32 : PERSONALITY.PER_LINUX;
    add(draft, { op: "personality", persona: BigInt(persona) }, "/linux/personality");
  }
  if (memoryPolicy !== undefined) {
    let mode: number = MPOL[memoryPolicy.mode];
    for (const flag of memoryPolicy.flags) mode |= MPOL[flag];
    add(draft, { op: "memoryPolicy", mode, nodes: bitMask(memoryPolicy.nodes) }, "/linux/memoryPolicy");
  }
}

/** Sorted numbers as a bit mask, 64 a word, no longer than needed. */
export function bitMask(numbers: readonly number[]): readonly bigint[] {
  const words: bigint[] = [];
  for (const number of numbers) {
    const word = Math.floor(number / 64);
    while (words.length <= word) words.push(0n);
    words[word] = (words[word] ?? 0n) | (1n << BigInt(number % 64));
  }
  return words;
}

/** Answers the capabilities that stay in reserve. */
function compileUser(draft: Draft, bundle: Bundle, process: Process, facts: ProcessFacts): bigint {
  const { uid, gid, additionalGids } = process.user;
  const setGroups = allowsSetGroups(bundle, facts);
  if (setGroups === SET_GROUPS.denied && additionalGids.length > 0) {
    throw new BundleError(
      "conflict",
      "/process/user/additionalGids",
      "cannot set any additional groups in a rootless container whose only group is the caller's",
      "map more groups (newgidmap), or leave additionalGids out",
    );
  }
  add(draft, { op: "stdioOwner", uid }, "/process/user/uid");
  const masks = compileCapabilities(draft, process.capabilities, facts.lastCap);
  add(draft, { op: "boundingSet", mask: masks.bounding }, "/process/capabilities/bounding");
  add(draft, { op: "chdir", target: process.cwd }, "/process/cwd");
  // The kernel keeps what it is given: engines name a group of the image and of the command line twice.
  const groups = [...new Set(additionalGids)].map((each) => BigInt(each));
  add(draft, { op: "user", uid, gid, setGroups, groups }, "/process/user");
  const { effective, permitted, inheritable, ambient } = masks;
  const reserve = capabilityReserve(bundle, process, effective);
  add(
    draft,
    { op: "capabilities", effective, permitted, inheritable, ambient, reserve },
    "/process/capabilities",
  );
  return reserve;
}

function compileProgram(draft: Draft, process: Process, options: ProcessOptions): void {
  const env = lastWins([...process.env, ...options.extraEnv]);
  const home = env.find((entry) => entry.startsWith("HOME="));
  const fillHome = home === undefined || home === "HOME=" ? 1 : 0;
  // An empty HOME makes room: execve would otherwise get two.
  const kept = home === "HOME=" ? env.filter((entry) => entry !== home) : env;
  add(draft, { op: "program", args: process.args, env: kept, fillHome }, "/process/args/0");
}

/** Of several entries with one name the last stays, where it stands (as runc since 1.3). */
function lastWins(entries: readonly string[]): readonly string[] {
  const last = new Map<string, number>();
  entries.forEach((entry, index) => {
    last.set(nameOf(entry), index);
  });
  return last.size === entries.length
    ? entries
    : entries.filter((entry, index) => last.get(nameOf(entry)) === index);
}

function nameOf(entry: string): string {
  const equals = entry.indexOf("=");
  return equals < 0 ? entry : entry.slice(0, equals);
}
