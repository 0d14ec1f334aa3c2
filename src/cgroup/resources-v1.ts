/**
 * linux.resources as writes to cgroup v1 files. Pure. The rules are runc's where the spec leaves a choice: 0 means "not
 * asked for", -1 "unlimited".
 */

import type { BlockIO, CpuResources, MemoryResources, Resources, Throttle } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { compileDevices } from "./devices.ts";
import {
  AT,
  type CgroupWrite,
  type CompileOptions,
  checkedPageSize,
  checkedShares,
  checkedWord,
  checkSwap,
  given,
  type HasController,
  pidsMax,
  rdmaLine,
  unsupported,
  WriteList,
} from "./write.ts";

/**
 * The writes that give a cgroup v1 container its limits, in the order in which the kernel takes them, all before a
 * process is attached.
 * @throws BundleError `unsupported` (no such controller here, `unified` on v1), `range`, `conflict`, `format`
 */
export function compileV1(
  resources: Resources,
  has: HasController,
  options: CompileOptions = {},
): CgroupWrite[] {
  if (resources.unified.size > 0) {
    unsupported(
      `${AT}/unified`,
      "cannot use unified on cgroup v1",
      "use the fields of linux.resources, or boot with systemd.unified_cgroup_hierarchy=1",
    );
  }
  const list = new WriteList(has, (controller) => ({
    fact: `the ${controller} controller is not mounted on this host`,
    cure: "mount it below /sys/fs/cgroup or remove the setting",
  }));
  compileCpuset(list, resources.cpu);
  if (options.devices !== false) for (const write of compileDevices(resources)) list.add(write);
  compileMemory(list, resources.memory);
  compileCpu(list, resources.cpu);
  const pids = pidsMax(resources.pids.limit, options);
  if (pids !== undefined) {
    list.add({ controller: "pids", file: "pids.max", value: pids, pointer: `${AT}/pids/limit` });
  }
  compileBlockIO(list, resources.blockIO);
  compileHugepages(list, resources.hugepageLimits);
  compileNetwork(list, resources.network);
  for (const [device, limit] of resources.rdma) {
    const pointer = `${AT}/rdma/${device}`;
    list.add({
      controller: "rdma",
      file: "rdma.max",
      value: rdmaLine(checkedWord(device, pointer), limit),
      pointer,
    });
  }
  return list.writes;
}

function compileCpuset(list: WriteList, { cpus, mems }: CpuResources): void {
  for (const [file, value, field] of [
    ["cpuset.cpus", cpus, "cpus"],
    ["cpuset.mems", mems, "mems"],
  ] as const) {
    if (value !== undefined && value !== "") {
      list.add({ controller: "cpuset", file, value, pointer: `${AT}/cpu/${field}` });
    }
  }
}

function compileMemory(list: WriteList, memory: MemoryResources): void {
  const set = (file: string, value: bigint | string, field: string, more: Partial<CgroupWrite> = {}): void =>
    list.add({ controller: "memory", file, value: String(value), pointer: `${AT}/memory/${field}`, ...more });
  checkSwap(memory.limit, memory.swap);
  if (memory.useHierarchy !== undefined) {
    set("memory.use_hierarchy", memory.useHierarchy ? "1" : "0", "useHierarchy", {
      ifThere: memory.useHierarchy,
    });
  }
  // Memory and swap together may never be less than memory alone: the limit comes first for a new cgroup, and is tried
  // again after it for a cgroup whose limits rise.
  if (given(memory.limit)) set("memory.limit_in_bytes", memory.limit, "limit", { again: true });
  if (given(memory.swap)) {
    set("memory.memsw.limit_in_bytes", memory.swap, "swap");
  } else if (memory.limit === -1n) {
    // Unlimited memory without a word about swap means unlimited swap too; a kernel may have no swap accounting.
    set("memory.memsw.limit_in_bytes", "-1", "limit", { ifThere: true });
  }
  if (given(memory.reservation)) set("memory.soft_limit_in_bytes", memory.reservation, "reservation");
  if (given(memory.kernelTCP)) set("memory.kmem.tcp.limit_in_bytes", memory.kernelTCP, "kernelTCP");
  if (memory.disableOOMKiller === true) set("memory.oom_control", "1", "disableOOMKiller");
  const swappiness = askedSwappiness(memory.swappiness);
  if (swappiness !== undefined) set("memory.swappiness", swappiness, "swappiness");
}

/** `undefined` also for -1, which engines write for "not set", as a signed or an unsigned number. */
export function askedSwappiness(swappiness: bigint | undefined): bigint | undefined {
  if (swappiness === undefined || BigInt.asIntN(64, swappiness) === -1n) return undefined;
  if (swappiness >= 0n && swappiness <= 100n) return swappiness;
  throw new BundleError(
    "range",
    `${AT}/memory/swappiness`,
    `invalid memory swappiness value: ${swappiness} (valid range is 0-100)`,
  );
}

function compileCpu(list: WriteList, cpu: CpuResources): void {
  const set = (file: string, value: bigint | number, field: string, again = false): void =>
    list.add({
      controller: "cpu",
      file,
      value: String(value),
      pointer: `${AT}/cpu/${field}`,
      ...(again ? { again } : {}),
    });
  const shares = checkedShares(cpu.shares);
  // An idle cgroup refuses shares (kernel/sched/fair.c, sched_group_set_shares).
  if (cpu.idle === 0) set("cpu.idle", 0, "idle");
  if (shares !== undefined) set("cpu.shares", shares, "shares");
  if (cpu.idle !== undefined && cpu.idle !== 0) set("cpu.idle", cpu.idle, "idle");
  if (given(cpu.period)) set("cpu.cfs_period_us", cpu.period, "period", true);
  if (given(cpu.quota)) set("cpu.cfs_quota_us", cpu.quota, "quota", true);
  if (cpu.burst !== undefined) set("cpu.cfs_burst_us", cpu.burst, "burst");
  if (given(cpu.realtimePeriod)) set("cpu.rt_period_us", cpu.realtimePeriod, "realtimePeriod", true);
  if (given(cpu.realtimeRuntime)) set("cpu.rt_runtime_us", cpu.realtimeRuntime, "realtimeRuntime");
}

function compileBlockIO(list: WriteList, io: BlockIO): void {
  const set = (file: string, value: string, pointer: string, instead?: string): void =>
    list.add({
      controller: "blkio",
      file,
      value,
      pointer: `${AT}/blockIO/${pointer}`,
      ...(instead === undefined ? {} : { instead: { file: instead, value } }),
    });
  // Kernels since 5.0 have no cfq scheduler; bfq has the same weights in files of another name, and no leaf weights.
  if (io.weight !== undefined && io.weight !== 0) {
    set("blkio.weight", String(io.weight), "weight", "blkio.bfq.weight");
  }
  if (io.leafWeight !== undefined && io.leafWeight !== 0) {
    set("blkio.leaf_weight", String(io.leafWeight), "leafWeight");
  }
  for (const [i, { major, minor, weight, leafWeight }] of io.weightDevice.entries()) {
    const device = `${major}:${minor}`;
    if (weight !== undefined && weight !== 0) {
      set("blkio.weight_device", `${device} ${weight}`, `weightDevice/${i}`, "blkio.bfq.weight_device");
    }
    if (leafWeight !== undefined && leafWeight !== 0) {
      set("blkio.leaf_weight_device", `${device} ${leafWeight}`, `weightDevice/${i}`);
    }
  }
  const throttle = (file: string, field: string, devices: readonly Throttle[]): void => {
    for (const [i, { major, minor, rate }] of devices.entries()) {
      set(`blkio.throttle.${file}`, `${major}:${minor} ${rate}`, `${field}/${i}`);
    }
  };
  throttle("read_bps_device", "throttleReadBpsDevice", io.throttleReadBpsDevice);
  throttle("write_bps_device", "throttleWriteBpsDevice", io.throttleWriteBpsDevice);
  throttle("read_iops_device", "throttleReadIOPSDevice", io.throttleReadIOPSDevice);
  throttle("write_iops_device", "throttleWriteIOPSDevice", io.throttleWriteIOPSDevice);
}

function compileHugepages(list: WriteList, limits: Resources["hugepageLimits"]): void {
  for (const [i, { pageSize, limit }] of limits.entries()) {
    const pointer = `${AT}/hugepageLimits/${i}`;
    const prefix = `hugetlb.${checkedPageSize(pageSize, pointer)}`;
    const common = { controller: "hugetlb", value: limit.toString(), pointer };
    // Reservations are counted apart since kernel 5.7.
    list.add({ ...common, file: `${prefix}.rsvd.limit_in_bytes`, ifThere: true });
    list.add({ ...common, file: `${prefix}.limit_in_bytes` });
  }
}

function compileNetwork(list: WriteList, { classID, priorities }: Resources["network"]): void {
  if (classID !== undefined && classID !== 0) {
    const pointer = `${AT}/network/classID`;
    list.add({ controller: "net_cls", file: "net_cls.classid", value: String(classID), pointer });
  }
  for (const [i, { name, priority }] of priorities.entries()) {
    const pointer = `${AT}/network/priorities/${i}`;
    const value = `${checkedWord(name, pointer)} ${priority}`;
    list.add({ controller: "net_prio", file: "net_prio.ifpriomap", value, pointer });
  }
}
