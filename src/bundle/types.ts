/**
 * A bundle as the rest of tsrun sees it: config.json decoded, checked, with its defaults filled in. Names are the
 * runtime-spec's. A field that the spec leaves out for good is `undefined`; lists are never absent, only empty.
 * 64-bit quantities are `bigint`, so that 18446744073709551615 stays what it is.
 */
import type { Pointer } from "../error.ts";
import type { IntelRdt, NetDevice } from "./types-outside.ts";
import type { Resources } from "./types-resources.ts";
import type { Seccomp } from "./types-seccomp.ts";
import type {
  CapabilityName,
  IoPriorityClass,
  MemoryPolicyFlag,
  MemoryPolicyMode,
  NamespaceType,
  PersonalityDomain,
  RlimitName,
  RootfsPropagation,
  SchedulerFlag,
  SchedulerPolicy,
} from "./vocabulary.ts";

/** A container to be: where it lies and what its config.json says (runtime-spec config.md). */
export interface Bundle {
  /** Absolute path of the bundle's folder. */
  readonly dir: string;
  readonly ociVersion: string;
  readonly hostname: string | undefined;
  readonly domainname: string | undefined;
  readonly root: Root;
  /** Absent when the container is only created, never started. */
  readonly process: Process | undefined;
  readonly mounts: readonly Mount[];
  readonly hooks: Hooks;
  readonly annotations: ReadonlyMap<string, string>;
  readonly linux: Linux;
}

/** What the decoder noticed that is no error: an unknown field, an unknown capability, something deprecated. */
export interface Warning {
  readonly pointer: Pointer;
  readonly text: string;
  readonly hint: string | undefined;
}

/** The root file system (config.md, Root). */
export interface Root {
  /** Absolute; relative paths of config.json are taken from the bundle's folder. */
  readonly path: string;
  readonly readonly: boolean;
}

/** A mount to make in the container (config.md, Mounts). */
export interface Mount {
  /** Absolute, inside the container. */
  readonly destination: string;
  readonly type: string | undefined;
  readonly source: string | undefined;
  readonly options: readonly string[];
  /** With their own mappings the mount is id-mapped; both are given or neither. */
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
}

/** A range of user or group ids (config-linux.md, User namespace mappings). */
export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** The container's program (config.md, Process). */
export interface Process {
  readonly terminal: boolean;
  readonly consoleSize: { readonly height: number; readonly width: number } | undefined;
  readonly user: User;
  readonly args: readonly string[];
  /** `NAME=value` entries, in config.json's order, duplicates kept. */
  readonly env: readonly string[];
  /** Absolute, inside the container. */
  readonly cwd: string;
  /** All empty where config.json has no capabilities object: the process keeps none. */
  readonly capabilities: Capabilities;
  readonly rlimits: readonly Rlimit[];
  readonly noNewPrivileges: boolean;
  readonly apparmorProfile: string | undefined;
  readonly selinuxLabel: string | undefined;
  readonly oomScoreAdj: number | undefined;
  readonly scheduler: Scheduler | undefined;
  readonly ioPriority: IoPriority | undefined;
  readonly execCPUAffinity: ExecCPUAffinity | undefined;
}

/** Whose ids the program gets (config.md, POSIX-platform User). */
export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number | undefined;
  readonly additionalGids: readonly number[];
}

/** The five sets, as `CAP_...` names known to {@link CAPABILITIES}; unknown names were warned about and left out. */
export interface Capabilities {
  readonly bounding: readonly CapabilityName[];
  readonly effective: readonly CapabilityName[];
  readonly inheritable: readonly CapabilityName[];
  readonly permitted: readonly CapabilityName[];
  readonly ambient: readonly CapabilityName[];
}

/** A resource limit (getrlimit(2)); 18446744073709551615 is unlimited. */
export interface Rlimit {
  readonly type: RlimitName;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** How the kernel schedules the program (sched_setattr(2)). */
export interface Scheduler {
  readonly policy: SchedulerPolicy;
  readonly nice: number;
  readonly priority: number;
  readonly flags: readonly SchedulerFlag[];
  /** Nanoseconds, for SCHED_DEADLINE. */
  readonly runtime: bigint;
  readonly deadline: bigint;
  readonly period: bigint;
}

/** The program's I/O priority (ioprio_set(2)); 0 is the highest. */
export interface IoPriority {
  readonly class: IoPriorityClass;
  readonly priority: number;
}

/** CPU lists such as `0-3,7`, as sorted cpu numbers; `undefined` leaves the affinity alone. */
export interface ExecCPUAffinity {
  readonly initial: readonly number[] | undefined;
  readonly final: readonly number[] | undefined;
}

/** Programs to run at points of the container's life, by stage (config.md, POSIX-platform hooks). */
export interface Hooks {
  readonly prestart: readonly Hook[];
  readonly createRuntime: readonly Hook[];
  readonly createContainer: readonly Hook[];
  readonly startContainer: readonly Hook[];
  readonly poststart: readonly Hook[];
  readonly poststop: readonly Hook[];
}

/** When a hook runs. */
export type HookStage = keyof Hooks;

/** A program to run at one of these points. */
export interface Hook {
  /** Absolute. */
  readonly path: string;
  /** argv as given, `args[0]` included; `[path]` where config.json has none. */
  readonly args: readonly string[];
  /** `undefined` where config.json has none: the environment tsrun was started with. */
  readonly env: readonly string[] | undefined;
  /** Seconds, above zero; `undefined` is no limit. */
  readonly timeout: number | undefined;
}

/** What only Linux containers have (config-linux.md). */
export interface Linux {
  readonly namespaces: readonly Namespace[];
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
  readonly timeOffsets: {
    readonly monotonic: TimeOffset | undefined;
    readonly boottime: TimeOffset | undefined;
  };
  readonly devices: readonly Device[];
  readonly cgroupsPath: string | undefined;
  readonly resources: Resources;
  readonly rootfsPropagation: RootfsPropagation | undefined;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly mountLabel: string | undefined;
  /** Kernel parameters in config.json's order, names with dots as config.json has them. */
  readonly sysctl: ReadonlyMap<string, string>;
  readonly personality: { readonly domain: PersonalityDomain } | undefined;
  readonly memoryPolicy: MemoryPolicy | undefined;
  readonly seccomp: Seccomp | undefined;
  readonly netDevices: readonly NetDevice[];
  readonly intelRdt: IntelRdt | undefined;
}

/** A namespace to make or to join (config-linux.md, Namespaces). */
export interface Namespace {
  readonly type: NamespaceType;
  /** The namespace to join, absolute; `undefined` makes a new one. */
  readonly path: string | undefined;
}

/** How far a clock of a time namespace is ahead of the host's (time_namespaces(7)). */
export interface TimeOffset {
  readonly secs: bigint;
  readonly nanosecs: number;
}

/** A device node to make in the container (config-linux.md, Devices). */
export interface Device {
  readonly type: "c" | "b" | "u" | "p";
  /** Absolute, inside the container. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Which memory nodes the program's memory comes from (set_mempolicy(2)). */
export interface MemoryPolicy {
  readonly mode: MemoryPolicyMode;
  /** Sorted node numbers; empty where config.json has none. */
  readonly nodes: readonly number[];
  readonly flags: readonly MemoryPolicyFlag[];
}

export type { IntelRdt, NetDevice } from "./types-outside.ts";
export type {
  BlockIO,
  CpuResources,
  DeviceRule,
  MemoryResources,
  Resources,
  Throttle,
} from "./types-resources.ts";
export type { Seccomp, SeccompArg, SeccompRule } from "./types-seccomp.ts";
