/** What a container uses now, in the units that people and programs ask for. */
import { lowestLimit, memoryDir, oomKills } from "../cgroup/oom.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { type CgroupStats, readStats } from "../cgroup/stats.ts";
import { StateError } from "../error.ts";
import { statusOf } from "../state/status.ts";
import { load, type Saved } from "../state/store.ts";

/** What a container has used since it was created, and what it may use. */
export interface ContainerStats {
  readonly id: string;
  readonly cpu: {
    /** Processor time in microseconds, of all processors together. */
    readonly usage: number;
    /** The part of it in programs, in microseconds; v1 counts it in steps of 10 ms. */
    readonly user: number;
    /** The part of it in the kernel, in microseconds. */
    readonly system: number;
    /** For how long it was held back by its quota, in microseconds. */
    readonly throttled: number;
    /** How many processors' time it may use, 0.5 for half of one; absent without a quota. */
    readonly quota?: number;
  };
  readonly memory: {
    /** Bytes in use without `inactiveFile`, the file cache that the kernel gives back first: what docker shows. */
    readonly used: number;
    /** Bytes in use, all file cache included: what counts against the limit. */
    readonly total: number;
    /** Bytes of the file cache that has not been used lately. */
    readonly inactiveFile: number;
    /** Bytes; the smallest limit of its cgroup and those above. Absent where there is none. */
    readonly limit?: number;
    /** How many of its processes the kernel has killed for want of memory. */
    readonly oomKills: number;
  };
  readonly pids: {
    /** Processes and threads. */
    readonly current: number;
    /** Absent where there is none. */
    readonly limit?: number;
  };
  readonly io: {
    /** Bytes read from block devices. */
    readonly read: number;
    /** Bytes written to block devices. */
    readonly written: number;
  };
  /** In percent of the last 10 seconds: how long some process waited for it. Absent where the kernel does not count it. */
  readonly pressure?: { readonly cpu: number; readonly memory: number; readonly io: number };
}

/**
 * What a container that runs has used.
 *
 * @throws StateError `not-found`, `not-running`, `damaged`; SystemError
 */
export function stats(root: string, id: string): ContainerStats {
  return statsOf(running(root, id));
}

/** The record of a container that has not stopped. @throws StateError `not-found`, `not-running`, `damaged` */
export function running(root: string, id: string): Saved {
  const saved = load(root, id);
  // runc's words.
  if (saved.process === undefined || statusOf(saved) === "stopped") {
    throw new StateError("not-running", `container with id ${id} is not running`, {
      hint: `tsrun state ${id} shows its status`,
    });
  }
  return saved;
}

/** The same for a container whose record has been read. @throws SystemError */
export function statsOf({ record }: Saved): ContainerStats {
  const paths = new Map(Object.entries(record.cgroups));
  return summary(record.id, readStats(paths), limits(paths));
}

/** What is not part of {@link CgroupStats}. */
interface Limits {
  readonly memory: bigint | undefined;
  readonly oomKills: number;
}

function limits(paths: CgroupPaths): Limits {
  const place = memoryDir(paths);
  if (place === undefined) return { memory: undefined, oomKills: 0 };
  return { memory: lowestLimit(place.dir, place.v1)?.limit, oomKills: oomKills(place) ?? 0 };
}

/** The kernel's numbers as {@link ContainerStats}. Pure. */
export function summary(id: string, stats: CgroupStats, { memory, oomKills }: Limits): ContainerStats {
  const { cpu, pids } = stats;
  const total = stats.memory.usage.usage;
  const inactive = stats.memory.raw.get(stats.version === 1 ? "total_inactive_file" : "inactive_file") ?? 0n;
  const some = (name: "cpu" | "memory" | "io"): number => stats.pressure.get(name)?.some.avg10 ?? 0;
  return {
    id,
    cpu: {
      usage: microseconds(cpu.total),
      user: microseconds(cpu.user),
      system: microseconds(cpu.kernel),
      throttled: microseconds(cpu.throttledTime),
      ...(cpu.quota === undefined ? {} : { quota: cpu.quota }),
    },
    memory: {
      used: Number(total > inactive ? total - inactive : 0n),
      total: Number(total),
      inactiveFile: Number(inactive),
      ...(memory === undefined ? {} : { limit: Number(memory) }),
      oomKills,
    },
    pids: { current: Number(pids.current), ...(pids.limit === 0n ? {} : { limit: Number(pids.limit) }) },
    io: { read: bytes(stats, "Read"), written: bytes(stats, "Write") },
    ...(stats.pressure.size === 0
      ? {}
      : { pressure: { cpu: some("cpu"), memory: some("memory"), io: some("io") } }),
  };
}

function microseconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n);
}

function bytes(stats: CgroupStats, wanted: string): number {
  let sum = 0n;
  for (const { op, value } of stats.blkio.get("ioServiceBytesRecursive") ?? []) {
    if (op === wanted) sum += value;
  }
  return Number(sum);
}
