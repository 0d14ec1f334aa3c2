/** What a container has used, from the files of cgroup v2 (kernel Documentation/admin-guide/cgroup-v2.rst). Pure. */
import type { BlkioEntry, BlkioTable, CgroupFiles, CgroupStats, MemoryUse } from "./stats.ts";
import { keyed, uint } from "./stats-lines.ts";
import { pids } from "./stats-v1.ts";

/** 2^64 - 1: no limit. */
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** Everything that v2 counts. A controller that is not enabled has counted nothing. */
export function statsV2(files: CgroupFiles): Omit<CgroupStats, "pressure" | "version"> {
  return {
    cpu: cpu(files),
    // As in runc: cpuset counts nothing, and its settings are not part of the statistics on v2.
    cpuset: { cpus: [], mems: [], flags: new Map() },
    memory: memory(files),
    pids: pidsOrMembers(files),
    blkio: blkio(files.text("", "io.stat")),
    hugetlb: hugetlb(files),
  };
}

function cpu(files: CgroupFiles): CgroupStats["cpu"] {
  const stat = keyed(files.text("", "cpu.stat"));
  const nanoseconds = (name: string): bigint => (stat.get(name) ?? 0n) * 1000n;
  const [quota, period] = (files.text("", "cpu.max") ?? "").trim().split(" ");
  const cores = Number(quota) / Number(period);
  return {
    total: nanoseconds("usage_usec"),
    user: nanoseconds("user_usec"),
    kernel: nanoseconds("system_usec"),
    percpu: [],
    percpuKernel: [],
    percpuUser: [],
    periods: stat.get("nr_periods") ?? 0n,
    throttledPeriods: stat.get("nr_throttled") ?? 0n,
    throttledTime: nanoseconds("throttled_usec"),
    quota: Number.isFinite(cores) ? cores : undefined,
  };
}

const NOTHING: MemoryUse = { limit: 0n, usage: 0n, max: 0n, failcnt: 0n };

function memory(files: CgroupFiles): CgroupStats["memory"] {
  const raw = keyed(files.text("", "memory.stat"));
  const usage = memoryUse(files, "memory");
  const swap = memoryUse(files, "memory.swap");
  return {
    cache: raw.get("file") ?? 0n,
    usage,
    // v1 counts memory and swap together, and so does runc's output for v2.
    swap: {
      ...swap,
      usage: swap.usage + usage.usage,
      limit: swap.limit === UNLIMITED || usage.limit === UNLIMITED ? UNLIMITED : swap.limit + usage.limit,
    },
    kernel: NOTHING,
    kernelTcp: NOTHING,
    raw,
  };
}

function memoryUse(files: CgroupFiles, prefix: string): MemoryUse {
  return {
    limit: uint(files.text("", `${prefix}.max`)),
    usage: uint(files.text("", `${prefix}.current`)),
    max: uint(files.text("", `${prefix}.peak`)),
    failcnt: 0n,
  };
}

/** Without the controller, the processes are counted one by one. */
function pidsOrMembers(files: CgroupFiles): CgroupStats["pids"] {
  if (files.text("", "pids.current") !== undefined) return pids(files, "");
  const lines = (files.text("", "cgroup.procs") ?? files.text("", "cgroup.threads") ?? "").split("\n");
  return { current: BigInt(lines.length - 1), limit: 0n };
}

/** io.stat's keys as v1's tables and operations. */
const IO_KEYS: Readonly<Record<string, readonly [table: BlkioTable, op: string]>> = {
  rbytes: ["ioServiceBytesRecursive", "Read"],
  wbytes: ["ioServiceBytesRecursive", "Write"],
  rios: ["ioServicedRecursive", "Read"],
  wios: ["ioServicedRecursive", "Write"],
};

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`; discards have no place in v1's tables. */
function blkio(text: string | undefined): CgroupStats["blkio"] {
  const found = new Map<BlkioTable, BlkioEntry[]>();
  for (const line of (text ?? "").split("\n")) {
    const [device = "", ...words] = line.split(" ");
    const [major, minor] = device.split(":");
    if (minor === undefined) continue;
    for (const word of words) {
      const [key = "", value] = word.split("=");
      const place = Object.hasOwn(IO_KEYS, key) ? IO_KEYS[key] : undefined;
      if (place === undefined) continue;
      const [table, op] = place;
      const entry = { major: uint(major), minor: uint(minor), op, value: uint(value) };
      const list = found.get(table);
      if (list === undefined) found.set(table, [entry]);
      else list.push(entry);
    }
  }
  return found;
}

/** Page sizes are read from the names of the files there are; reserved pages are what the limit counts, where known (5.7). */
function hugetlb(files: CgroupFiles): CgroupStats["hugetlb"] {
  const found = new Map<string, { usage: bigint; max: bigint; failcnt: bigint }>();
  for (const name of files.names("")) {
    const size = /^hugetlb\.([0-9]+[KMG]B)\.current$/.exec(name)?.[1];
    if (size === undefined) continue;
    const text = (file: string): string | undefined =>
      files.text("", `hugetlb.${size}.rsvd.${file}`) ?? files.text("", `hugetlb.${size}.${file}`);
    found.set(size, {
      usage: uint(text("current")),
      max: 0n,
      failcnt: keyed(text("events")).get("max") ?? 0n,
    });
  }
  return found;
}
