/**
 * The spec's closed vocabularies, one table each: read by the decoder, by `features`, and by a test that looks for
 * holes. Numbers are not here: they are the kernel's, see sys/constants.gen.ts.
 */

/** Namespace types (config-linux.md, namespaces), with the name of the file in /proc/PID/ns. */
export const NAMESPACES = {
  cgroup: "cgroup",
  ipc: "ipc",
  mount: "mnt",
  network: "net",
  pid: "pid",
  time: "time",
  user: "user",
  uts: "uts",
} as const;

/** A word of {@link NAMESPACES}. */
export type NamespaceType = keyof typeof NAMESPACES;

/** Capabilities in the kernel's order (capabilities(7)): the index is the number. */
export const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_DAC_READ_SEARCH",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETPCAP",
  "CAP_LINUX_IMMUTABLE",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_BROADCAST",
  "CAP_NET_ADMIN",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_IPC_OWNER",
  "CAP_SYS_MODULE",
  "CAP_SYS_RAWIO",
  "CAP_SYS_CHROOT",
  "CAP_SYS_PTRACE",
  "CAP_SYS_PACCT",
  "CAP_SYS_ADMIN",
  "CAP_SYS_BOOT",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_MKNOD",
  "CAP_LEASE",
  "CAP_AUDIT_WRITE",
  "CAP_AUDIT_CONTROL",
  "CAP_SETFCAP",
  "CAP_MAC_OVERRIDE",
  "CAP_MAC_ADMIN",
  "CAP_SYSLOG",
  "CAP_WAKE_ALARM",
  "CAP_BLOCK_SUSPEND",
  "CAP_AUDIT_READ",
  "CAP_PERFMON",
  "CAP_BPF",
  "CAP_CHECKPOINT_RESTORE",
] as const;

/** A word of {@link CAPABILITIES}. */
export type CapabilityName = (typeof CAPABILITIES)[number];

/** Resource limits (getrlimit(2)). */
export const RLIMITS = [
  "RLIMIT_AS",
  "RLIMIT_CORE",
  "RLIMIT_CPU",
  "RLIMIT_DATA",
  "RLIMIT_FSIZE",
  "RLIMIT_LOCKS",
  "RLIMIT_MEMLOCK",
  "RLIMIT_MSGQUEUE",
  "RLIMIT_NICE",
  "RLIMIT_NOFILE",
  "RLIMIT_NPROC",
  "RLIMIT_RSS",
  "RLIMIT_RTPRIO",
  "RLIMIT_RTTIME",
  "RLIMIT_SIGPENDING",
  "RLIMIT_STACK",
] as const;

/** A word of {@link RLIMITS}. */
export type RlimitName = (typeof RLIMITS)[number];

/** Scheduling policies (sched(7)). */
export const SCHEDULER_POLICIES = [
  "SCHED_OTHER",
  "SCHED_FIFO",
  "SCHED_RR",
  "SCHED_BATCH",
  "SCHED_ISO",
  "SCHED_IDLE",
  "SCHED_DEADLINE",
] as const;

/** A word of {@link SCHEDULER_POLICIES}. */
export type SchedulerPolicy = (typeof SCHEDULER_POLICIES)[number];

/** Flags of sched_setattr(2). */
export const SCHEDULER_FLAGS = [
  "SCHED_FLAG_RESET_ON_FORK",
  "SCHED_FLAG_RECLAIM",
  "SCHED_FLAG_DL_OVERRUN",
  "SCHED_FLAG_KEEP_POLICY",
  "SCHED_FLAG_KEEP_PARAMS",
  "SCHED_FLAG_UTIL_CLAMP_MIN",
  "SCHED_FLAG_UTIL_CLAMP_MAX",
] as const;

/** A word of {@link SCHEDULER_FLAGS}. */
export type SchedulerFlag = (typeof SCHEDULER_FLAGS)[number];

/** I/O priority classes (ioprio_set(2)). */
export const IO_PRIORITY_CLASSES = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"] as const;

/** A word of {@link IO_PRIORITY_CLASSES}. */
export type IoPriorityClass = (typeof IO_PRIORITY_CLASSES)[number];

/** Execution domains (personality(2)). */
export const PERSONALITY_DOMAINS = ["LINUX", "LINUX32"] as const;

/** A word of {@link PERSONALITY_DOMAINS}. */
export type PersonalityDomain = (typeof PERSONALITY_DOMAINS)[number];

/** Memory policies (set_mempolicy(2)). */
export const MEMORY_POLICY_MODES = [
  "MPOL_DEFAULT",
  "MPOL_BIND",
  "MPOL_INTERLEAVE",
  "MPOL_WEIGHTED_INTERLEAVE",
  "MPOL_PREFERRED",
  "MPOL_PREFERRED_MANY",
  "MPOL_LOCAL",
] as const;

/** A word of {@link MEMORY_POLICY_MODES}. */
export type MemoryPolicyMode = (typeof MEMORY_POLICY_MODES)[number];

/** Flags of memory policies (set_mempolicy(2)). */
export const MEMORY_POLICY_FLAGS = [
  "MPOL_F_NUMA_BALANCING",
  "MPOL_F_RELATIVE_NODES",
  "MPOL_F_STATIC_NODES",
] as const;

/** A word of {@link MEMORY_POLICY_FLAGS}. */
export type MemoryPolicyFlag = (typeof MEMORY_POLICY_FLAGS)[number];

/** linux.rootfsPropagation; the r forms are accepted as other runtimes accept them. */
export const ROOTFS_PROPAGATIONS = [
  "private",
  "rprivate",
  "slave",
  "rslave",
  "shared",
  "rshared",
  "unbindable",
  "runbindable",
] as const;

/** A word of {@link ROOTFS_PROPAGATIONS}. */
export type RootfsPropagation = (typeof ROOTFS_PROPAGATIONS)[number];

/** Hook stages in the order in which they run (config.md, POSIX-platform hooks). */
export const HOOK_STAGES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
