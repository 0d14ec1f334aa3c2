/** A container's statistics as runc's `events` prints them (runc types/events.go, Stats): the same names, order and omissions. */
import type { BlkioTable, CgroupStats, MemoryUse, Pressure, PressureLine } from "../cgroup/stats.ts";

/** JSON with 64-bit integers; what is `undefined` is left out. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/** JSON text, on one line. Pure. */
export function jsonText(value: Json): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => jsonText(item as Json)).join(",")}]`;
  const fields: string[] = [];
  for (const [name, field] of Object.entries(value)) {
    if (field !== undefined) fields.push(`${JSON.stringify(name)}:${jsonText(field as Json)}`);
  }
  return `{${fields.join(",")}}`;
}

/** The `data` of a `stats` line. Pure. */
export function runcStats(stats: CgroupStats): Json {
  return {
    cpu: cpu(stats),
    cpuset: cpuset(stats.cpuset),
    memory: {
      cache: given(stats.memory.cache),
      usage: memory(stats.memory.usage),
      swap: memory(stats.memory.swap),
      kernel: memory(stats.memory.kernel),
      kernelTCP: memory(stats.memory.kernelTcp),
      raw: stats.memory.raw.size === 0 ? undefined : sorted(stats.memory.raw),
      psi: pressure(stats, "memory"),
    },
    pids: { current: given(stats.pids.current), limit: given(stats.pids.limit) },
    blkio: blkio(stats),
    hugetlb: hugetlb(stats),
    intel_rdt: {},
    // runc lists interfaces that it made itself, which no engine asks it to.
    network_interfaces: null,
  };
}

/** Go's omitempty: zero is left out. */
function given(value: bigint): bigint | undefined {
  return value === 0n ? undefined : value;
}

function cpu({ cpu, ...stats }: CgroupStats): Json {
  const list = (values: readonly bigint[]): readonly bigint[] | undefined =>
    values.length === 0 ? undefined : values;
  return {
    usage: {
      total: given(cpu.total),
      percpu: list(cpu.percpu),
      percpu_kernel: list(cpu.percpuKernel),
      percpu_user: list(cpu.percpuUser),
      kernel: cpu.kernel,
      user: cpu.user,
    },
    throttling: {
      periods: given(cpu.periods),
      throttledPeriods: given(cpu.throttledPeriods),
      throttledTime: given(cpu.throttledTime),
    },
    psi: pressure(stats, "cpu"),
  };
}

function cpuset({ cpus, mems, flags }: CgroupStats["cpuset"]): Json {
  const flag = (name: string): bigint => flags.get(name) ?? 0n;
  return {
    cpus: cpus.length === 0 ? undefined : cpus,
    cpu_exclusive: flag("cpu_exclusive"),
    mems: mems.length === 0 ? undefined : mems,
    mem_hardwall: flag("mem_hardwall"),
    mem_exclusive: flag("mem_exclusive"),
    memory_migrate: flag("memory_migrate"),
    memory_spread_page: flag("memory_spread_page"),
    memory_spread_slab: flag("memory_spread_slab"),
    memory_pressure: flag("memory_pressure"),
    sched_load_balance: flag("sched_load_balance"),
    sched_relax_domain_level: flag("sched_relax_domain_level"),
  };
}

function memory({ limit, usage, max, failcnt }: MemoryUse): Json {
  return { limit, usage: given(usage), max: given(max), failcnt };
}

/** Go prints maps sorted. */
function sorted(values: ReadonlyMap<string, bigint>): Json {
  return Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const TABLES: readonly BlkioTable[] = [
  "ioServiceBytesRecursive",
  "ioServicedRecursive",
  "ioQueueRecursive",
  "ioServiceTimeRecursive",
  "ioWaitTimeRecursive",
  "ioMergedRecursive",
  "ioTimeRecursive",
  "sectorsRecursive",
];

function blkio(stats: CgroupStats): Json {
  const tables: { [name: string]: Json | undefined } = {};
  for (const name of TABLES) {
    tables[name] = stats.blkio.get(name)?.map(({ major, minor, op, value }) => ({
      major: given(major),
      minor: given(minor),
      op: op === "" ? undefined : op,
      value: given(value),
    }));
  }
  return { ...tables, psi: pressure(stats, "io") };
}

function hugetlb({ hugetlb }: CgroupStats): Json {
  const sizes = [...hugetlb].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    sizes.map(([size, { usage, max, failcnt }]) => [size, { usage: given(usage), max: given(max), failcnt }]),
  );
}

/** runc has it on v2 only (since 1.2). */
function pressure(
  { pressure, version }: Pick<CgroupStats, "pressure" | "version">,
  name: "cpu" | "memory" | "io",
): Json | undefined {
  const found: Pressure | undefined = version === 2 ? pressure.get(name) : undefined;
  if (found === undefined) return undefined;
  const line = ({ avg10, avg60, avg300, total }: PressureLine): Json => ({ avg10, avg60, avg300, total });
  return { some: line(found.some), full: line(found.full) };
}
