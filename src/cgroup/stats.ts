/**
 * What a container's cgroup has used, read from the kernel's files. The parts are those of runc's `events --stats`, the
 * numbers 64-bit as the kernel has them. The parsers (stats-v1.ts, stats-v2.ts) are pure over the files' texts.
 */
import { SystemError } from "../error.ts";
import { entries, readTextIfThere } from "../sys/files.ts";
import { type CgroupPaths, isV2 } from "./paths.ts";
import { parsePressure } from "./stats-lines.ts";
import { statsV1 } from "./stats-v1.ts";
import { statsV2 } from "./stats-v2.ts";

/** How long processes waited for something, in percent of the last 10, 60, 300 seconds and in µs altogether (PSI). */
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  /** Microseconds since the cgroup was made. */
  readonly total: bigint;
}

/** Some processes waited, or all of them did (kernel Documentation/accounting/psi.rst). */
export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}

/** Of memory, memory and swap together, or the kernel's part, in bytes. */
export interface MemoryUse {
  /** 2^64 - 1 on v2 and nearly 2^63 on v1 where there is none. */
  readonly limit: bigint;
  readonly usage: bigint;
  /** The highest usage so far. */
  readonly max: bigint;
  /** How often the limit was hit (v1 only). */
  readonly failcnt: bigint;
}

/** One number about a block device. */
export interface BlkioEntry {
  readonly major: bigint;
  readonly minor: bigint;
  /** `Read`, `Write`, ...; empty where the kernel does not tell them apart. */
  readonly op: string;
  readonly value: bigint;
}

/** The tables of block I/O, by their names in runc's output; all but the first two only where a v1 scheduler keeps them. */
export type BlkioTable =
  | "ioServiceBytesRecursive"
  | "ioServicedRecursive"
  | "ioQueueRecursive"
  | "ioServiceTimeRecursive"
  | "ioWaitTimeRecursive"
  | "ioMergedRecursive"
  | "ioTimeRecursive"
  | "sectorsRecursive";

/** The cpuset controller's files (v1 only, as in runc). */
export interface CpusetStats {
  readonly cpus: readonly number[];
  readonly mems: readonly number[];
  /** `cpu_exclusive` and the other flags, by file name without `cpuset.`. */
  readonly flags: ReadonlyMap<string, bigint>;
}

/** Everything, as the kernel counts it. */
export interface CgroupStats {
  readonly cpu: {
    /** Nanoseconds, as all times here. */
    readonly total: bigint;
    readonly user: bigint;
    readonly kernel: bigint;
    /** By processor (v1 only). */
    readonly percpu: readonly bigint[];
    readonly percpuKernel: readonly bigint[];
    readonly percpuUser: readonly bigint[];
    readonly periods: bigint;
    readonly throttledPeriods: bigint;
    readonly throttledTime: bigint;
    /** How many processors' time it may use; `undefined` without a quota. */
    readonly quota: number | undefined;
  };
  readonly cpuset: CpusetStats;
  readonly memory: {
    readonly cache: bigint;
    readonly usage: MemoryUse;
    readonly swap: MemoryUse;
    readonly kernel: MemoryUse;
    readonly kernelTcp: MemoryUse;
    /** memory.stat, by name. */
    readonly raw: ReadonlyMap<string, bigint>;
  };
  /** `limit` 0 is none. */
  readonly pids: { readonly current: bigint; readonly limit: bigint };
  readonly blkio: ReadonlyMap<BlkioTable, readonly BlkioEntry[]>;
  /** By page size, such as `2MB`. */
  readonly hugetlb: ReadonlyMap<
    string,
    { readonly usage: bigint; readonly max: bigint; readonly failcnt: bigint }
  >;
  /** Of cpu, memory and io; only where the kernel counts it. On a hybrid host it is the unified cgroup's. */
  readonly pressure: ReadonlyMap<"cpu" | "memory" | "io", Pressure>;
  /** Which version's files this was read from. */
  readonly version: 1 | 2;
}

/** The files of a container's cgroup, by controller; `""` is the unified one. */
export interface CgroupFiles {
  /** A file's text, `undefined` where there is none. */
  text(controller: string, file: string): string | undefined;
  /** The names of all files of a controller. */
  names(controller: string): readonly string[];
}

/** Reads everything. A cgroup that is gone has used nothing. @throws SystemError */
export function readStats(paths: CgroupPaths): CgroupStats {
  const files = filesOf(paths);
  const version = isV2(paths) ? 2 : 1;
  const counted = version === 2 ? statsV2(files) : statsV1(files);
  const pressure = new Map<"cpu" | "memory" | "io", Pressure>();
  for (const name of ["cpu", "memory", "io"] as const) {
    const text = files.text("", `${name}.pressure`);
    if (text !== undefined) pressure.set(name, parsePressure(text));
  }
  return { ...counted, pressure, version };
}

function filesOf(paths: CgroupPaths): CgroupFiles {
  return {
    text(controller, file) {
      const dir = paths.get(controller);
      if (dir === undefined) return undefined;
      try {
        return readTextIfThere(`${dir}/${file}`);
      } catch (error) {
        // Pressure that is compiled in but off, and a controller's file in a threaded cgroup.
        if (error instanceof SystemError && error.code === "EOPNOTSUPP") return undefined;
        throw error;
      }
    },
    names(controller) {
      const dir = paths.get(controller);
      if (dir === undefined) return [];
      try {
        return entries(dir).map(({ name }) => name);
      } catch (error) {
        if (error instanceof SystemError && (error.code === "ENOENT" || error.code === "ENODEV")) return [];
        throw error;
      }
    },
  };
}
