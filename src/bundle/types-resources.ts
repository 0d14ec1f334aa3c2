/** linux.resources as a bundle has it: what cgroups limit (runtime-spec config-linux.md, Control groups). */

/** linux.resources. Everything is optional: what is absent is not written. Memory is in bytes, -1 is unlimited. */
export interface Resources {
  readonly unified: ReadonlyMap<string, string>;
  readonly devices: readonly DeviceRule[];
  readonly memory: MemoryResources;
  readonly cpu: CpuResources;
  readonly pids: { readonly limit: bigint | undefined };
  readonly blockIO: BlockIO;
  readonly hugepageLimits: readonly { readonly pageSize: string; readonly limit: bigint }[];
  readonly network: {
    readonly classID: number | undefined;
    readonly priorities: readonly { readonly name: string; readonly priority: number }[];
  };
  readonly rdma: ReadonlyMap<
    string,
    { readonly hcaHandles: number | undefined; readonly hcaObjects: number | undefined }
  >;
}

/** Which devices may be used (config-linux.md, Allowed Device list); the last rule that matches decides. */
export interface DeviceRule {
  readonly allow: boolean;
  /** `a` is every type. */
  readonly type: "a" | "c" | "b";
  /** `undefined` is every number. */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Letters of `rwm`, each at most once, in that order. */
  readonly access: string;
}

/** Limits of memory, in bytes (config-linux.md, Memory). */
export interface MemoryResources {
  readonly limit: bigint | undefined;
  readonly reservation: bigint | undefined;
  /** Memory and swap together, as on cgroup v1. */
  readonly swap: bigint | undefined;
  /** Deprecated by the spec; decoded, warned about, not written. */
  readonly kernel: bigint | undefined;
  readonly kernelTCP: bigint | undefined;
  readonly swappiness: bigint | undefined;
  readonly disableOOMKiller: boolean | undefined;
  readonly useHierarchy: boolean | undefined;
  readonly checkBeforeUpdate: boolean;
}

/** Shares and limits of processor time (config-linux.md, CPU). */
export interface CpuResources {
  readonly shares: bigint | undefined;
  /** Microseconds in each period; -1 is unlimited. */
  readonly quota: bigint | undefined;
  readonly burst: bigint | undefined;
  readonly period: bigint | undefined;
  readonly realtimeRuntime: bigint | undefined;
  readonly realtimePeriod: bigint | undefined;
  /** A cpu list as config.json has it, already checked to be one. */
  readonly cpus: string | undefined;
  readonly mems: string | undefined;
  readonly idle: number | undefined;
}

/** Weights and limits of block devices (config-linux.md, Block IO). */
export interface BlockIO {
  readonly weight: number | undefined;
  readonly leafWeight: number | undefined;
  readonly weightDevice: readonly {
    readonly major: number;
    readonly minor: number;
    readonly weight: number | undefined;
    readonly leafWeight: number | undefined;
  }[];
  readonly throttleReadBpsDevice: readonly Throttle[];
  readonly throttleWriteBpsDevice: readonly Throttle[];
  readonly throttleReadIOPSDevice: readonly Throttle[];
  readonly throttleWriteIOPSDevice: readonly Throttle[];
}

/** A limit for one block device. */
export interface Throttle {
  readonly major: number;
  readonly minor: number;
  /** Bytes or operations a second. */
  readonly rate: bigint;
}
