/** What a container has used, from the files of cgroup v1 (kernel Documentation/admin-guide/cgroup-v1). Pure. */
import type { BlkioEntry, BlkioTable, CgroupFiles, CgroupStats, CpusetStats, MemoryUse } from "./stats.ts";
import { int, keyed, members, numbers, uint } from "./stats-lines.ts";

/** Nanoseconds of a clock tick: USER_HZ is 100 on every architecture that tsrun runs on. */
const TICK = 10_000_000n;

const FLAGS = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
  "sched_relax_domain_level",
] as const;

/** Everything that v1 counts. A controller without files has counted nothing. */
export function statsV1(files: CgroupFiles): Omit<CgroupStats, "pressure" | "version"> {
  return {
    cpu: cpu(files),
    cpuset: cpuset(files),
    memory: memory(files),
    pids: pids(files, "pids"),
    blkio: blkio(files),
    hugetlb: hugetlb(files),
  };
}

function cpu(files: CgroupFiles): CgroupStats["cpu"] {
  const ticks = keyed(files.text("cpuacct", "cpuacct.stat"));
  const throttling = keyed(files.text("cpu", "cpu.stat"));
  const modes = usageAll(files.text("cpuacct", "cpuacct.usage_all"));
  const quota = int(files.text("cpu", "cpu.cfs_quota_us"));
  const period = uint(files.text("cpu", "cpu.cfs_period_us"));
  return {
    total: uint(files.text("cpuacct", "cpuacct.usage")),
    user: (ticks.get("user") ?? 0n) * TICK,
    kernel: (ticks.get("system") ?? 0n) * TICK,
    percpu: numbers(files.text("cpuacct", "cpuacct.usage_percpu")),
    percpuKernel: modes.map(({ system }) => system),
    percpuUser: modes.map(({ user }) => user),
    periods: throttling.get("nr_periods") ?? 0n,
    throttledPeriods: throttling.get("nr_throttled") ?? 0n,
    throttledTime: throttling.get("throttled_time") ?? 0n,
    quota: quota > 0n && period > 0n ? Number(quota) / Number(period) : undefined,
  };
}

/** `cpu user system` and a line a processor. */
function usageAll(text: string | undefined): readonly { readonly user: bigint; readonly system: bigint }[] {
  const found = [];
  for (const line of (text ?? "").split("\n").slice(1)) {
    const [, user, system, ...more] = line.split(" ");
    if (system !== undefined && more.length === 0) found.push({ user: uint(user), system: uint(system) });
  }
  return found;
}

function cpuset(files: CgroupFiles): CpusetStats {
  const text = (name: string): string | undefined => files.text("cpuset", `cpuset.${name}`);
  return {
    cpus: members(text("cpus")),
    mems: members(text("mems")),
    flags: new Map(FLAGS.map((name) => [name, int(text(name))])),
  };
}

function memory(files: CgroupFiles): CgroupStats["memory"] {
  const raw = keyed(files.text("memory", "memory.stat"));
  return {
    cache: raw.get("cache") ?? 0n,
    usage: memoryUse(files, "memory"),
    swap: memoryUse(files, "memory.memsw"),
    kernel: memoryUse(files, "memory.kmem"),
    kernelTcp: memoryUse(files, "memory.kmem.tcp"),
    raw,
  };
}

function memoryUse(files: CgroupFiles, prefix: string): MemoryUse {
  const value = (name: string): bigint => uint(files.text("memory", `${prefix}.${name}`));
  return {
    limit: value("limit_in_bytes"),
    usage: value("usage_in_bytes"),
    max: value("max_usage_in_bytes"),
    failcnt: value("failcnt"),
  };
}

/** The same files in both versions. */
export function pids(files: CgroupFiles, controller: string): CgroupStats["pids"] {
  const max = files.text(controller, "pids.max")?.trim();
  return {
    current: uint(files.text(controller, "pids.current")),
    limit: max === "max" ? 0n : uint(max),
  };
}

/** What a scheduler counts beside the two basic tables, with `blkio.` or `blkio.bfq.` before the name. */
const SCHEDULER: readonly (readonly [file: string, table: BlkioTable])[] = [
  ["sectors_recursive", "sectorsRecursive"],
  ["io_service_time_recursive", "ioServiceTimeRecursive"],
  ["io_wait_time_recursive", "ioWaitTimeRecursive"],
  ["io_merged_recursive", "ioMergedRecursive"],
  ["io_queued_recursive", "ioQueueRecursive"],
  ["time_recursive", "ioTimeRecursive"],
  ["io_serviced_recursive", "ioServicedRecursive"],
  ["io_service_bytes_recursive", "ioServiceBytesRecursive"],
];

function basic(prefix: string, suffix: string): readonly (readonly [file: string, table: BlkioTable])[] {
  return [
    [`${prefix}io_serviced${suffix}`, "ioServicedRecursive"],
    [`${prefix}io_service_bytes${suffix}`, "ioServiceBytesRecursive"],
  ];
}

/** Which files to read: the first group whose first file says something, in runc's order, so that the numbers are the same. */
function blkioGroups(): readonly (readonly (readonly [file: string, table: BlkioTable])[])[] {
  const scheduler = (prefix: string) => SCHEDULER.map(([file, table]) => [prefix + file, table] as const);
  return [
    scheduler("bfq."),
    basic("bfq.", "_recursive"),
    scheduler(""),
    basic("throttle.", "_recursive"),
    basic("throttle.", ""),
  ];
}

function blkio(files: CgroupFiles): CgroupStats["blkio"] {
  const found = new Map<BlkioTable, readonly BlkioEntry[]>();
  for (const group of blkioGroups()) {
    for (const [file, table] of group) {
      const lines = blkioLines(files.text("blkio", `blkio.${file}`));
      if (lines.length === 0) break;
      found.set(table, lines);
    }
    if (found.size > 0) break;
  }
  return found;
}

/** `8:0 Read 1282048`, or `8:0 6792` where operations are not told apart; `Total` lines are left out. */
function blkioLines(text: string | undefined): readonly BlkioEntry[] {
  const found: BlkioEntry[] = [];
  for (const line of (text ?? "").split("\n")) {
    const match = /^([0-9]+):([0-9]+) (?:(\S+) )?([0-9]+)$/.exec(line);
    if (match === null) continue;
    const [, major, minor, op = "", value] = match;
    found.push({ major: uint(major), minor: uint(minor), op, value: uint(value) });
  }
  return found;
}

/** Page sizes are read from the names of the files there are; reserved pages are what the limit counts, where known (5.7). */
function hugetlb(files: CgroupFiles): CgroupStats["hugetlb"] {
  const found = new Map<string, { usage: bigint; max: bigint; failcnt: bigint }>();
  for (const name of files.names("hugetlb")) {
    const size = /^hugetlb\.([0-9]+[KMG]B)\.usage_in_bytes$/.exec(name)?.[1];
    if (size === undefined) continue;
    const value = (file: string): bigint =>
      uint(
        files.text("hugetlb", `hugetlb.${size}.rsvd.${file}`) ??
          files.text("hugetlb", `hugetlb.${size}.${file}`),
      );
    found.set(size, {
      usage: value("usage_in_bytes"),
      max: value("max_usage_in_bytes"),
      failcnt: value("failcnt"),
    });
  }
  return found;
}
