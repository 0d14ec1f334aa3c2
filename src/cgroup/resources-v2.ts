/**
 * linux.resources as writes to cgroup v2 files (kernel Documentation/admin-guide/cgroup-v2.rst). Pure. The fields are
 * v1's; values are converted as runc converts them, and what v2 cannot express is refused, never left out.
 */

import type { BlockIO, CpuResources, MemoryResources, Resources, Throttle } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { askedSwappiness } from "./resources-v1.ts";
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
  pointerStep,
  rdmaLine,
  unsupported,
  WriteList,
} from "./write.ts";

/**
 * The writes that give a cgroup v2 container its limits, in order; `unified` comes last and so has the last word. The
 * device rules are no writes: see device-program.ts.
 * @throws BundleError `unsupported`, `range`, `conflict`, `missing`, `format`
 */
export function compileV2(
  resources: Resources,
  has: HasController,
  options: CompileOptions = {},
): CgroupWrite[] {
  const list = new WriteList(
    (controller) => controller === "cgroup" || has(controller),
    (controller) => ({
      fact: `the ${controller} controller is not available in this cgroup`,
      cure:
        options.whyMissing?.(controller) ??
        "a parent cgroup must have it in cgroup.subtree_control (see cgroup.controllers), or remove the setting",
    }),
  );
  const pids = pidsMax(resources.pids.limit, options);
  if (pids !== undefined) {
    list.add({ controller: "pids", file: "pids.max", value: pids, pointer: `${AT}/pids/limit` });
  }
  compileMemory(list, resources.memory);
  compileIO(list, resources.blockIO);
  compileCpu(list, resources.cpu);
  for (const [i, { pageSize, limit }] of resources.hugepageLimits.entries()) {
    const pointer = `${AT}/hugepageLimits/${i}`;
    const prefix = `hugetlb.${checkedPageSize(pageSize, pointer)}`;
    const common = { controller: "hugetlb", value: limit.toString(), pointer };
    list.add({ ...common, file: `${prefix}.rsvd.max`, ifThere: true });
    list.add({ ...common, file: `${prefix}.max` });
  }
  refuseNetwork(resources.network);
  for (const [device, limit] of resources.rdma) {
    const pointer = `${AT}/rdma/${device}`;
    list.add({
      controller: "rdma",
      file: "rdma.max",
      value: rdmaLine(checkedWord(device, pointer), limit),
      pointer,
    });
  }
  compileUnified(list, resources.unified);
  return list.writes;
}

function compileMemory(list: WriteList, memory: MemoryResources): void {
  const set = (file: string, value: string, field: string, ifThere = false): void =>
    list.add({
      controller: "memory",
      file,
      value,
      pointer: `${AT}/memory/${field}`,
      ...(ifThere ? { ifThere } : {}),
    });
  const refuse = (asked: boolean, field: string, why: string): void => {
    if (asked) unsupported(`${AT}/memory/${field}`, why, "remove it");
  };
  const { swappiness, disableOOMKiller, useHierarchy, kernelTCP } = memory;
  refuse(
    askedSwappiness(swappiness) !== undefined,
    "swappiness",
    "cgroup v2 has no swappiness for one cgroup",
  );
  refuse(disableOOMKiller === true, "disableOOMKiller", "the OOM killer cannot be disabled on cgroup v2");
  refuse(useHierarchy === false, "useHierarchy", "cgroup v2 is always hierarchical");
  refuse(given(kernelTCP), "kernelTCP", "cgroup v2 counts kernel TCP memory as memory");
  const swap = swapMax(memory.limit ?? 0n, memory.swap ?? 0n);
  // Without swap accounting there is no file, and no swap either: that is what "0" and "max" ask for.
  if (swap !== undefined) set("memory.swap.max", swap, "swap", swap === "0" || swap === "max");
  if (given(memory.limit)) set("memory.max", orMax(memory.limit), "limit");
  if (given(memory.reservation)) set("memory.low", orMax(memory.reservation), "reservation");
}

/** v1 counts memory and swap together, v2 swap alone. `undefined` leaves the file as it is. */
function swapMax(limit: bigint, swap: bigint): string | undefined {
  checkSwap(limit, swap);
  if (swap === 0n) return limit === -1n ? "max" : undefined;
  if (swap === -1n) return "max";
  if (limit > 0n) return (swap - limit).toString();
  throw new BundleError(
    "missing",
    `${AT}/memory/swap`,
    "unable to set swap limit without memory limit",
    "swap counts memory and swap together: cgroup v2 needs memory.limit to tell them apart",
  );
}

function orMax(value: bigint): string {
  return value === -1n ? "max" : value.toString();
}

function compileCpu(list: WriteList, cpu: CpuResources): void {
  const set = (controller: string, file: string, value: string, field: string, again = false): void =>
    list.add({ controller, file, value, pointer: `${AT}/cpu/${field}`, ...(again ? { again } : {}) });
  for (const field of ["realtimeRuntime", "realtimePeriod"] as const) {
    if (given(cpu[field])) {
      unsupported(`${AT}/cpu/${field}`, "cgroup v2 has no limits for realtime processes", "remove it");
    }
  }
  const shares = checkedShares(cpu.shares);
  // An idle cgroup refuses a weight.
  if (cpu.idle === 0) set("cpu", "cpu.idle", "0", "idle");
  if (shares !== undefined) set("cpu", "cpu.weight", cpuWeight(shares).toString(), "shares");
  if (cpu.idle !== undefined && cpu.idle !== 0) set("cpu", "cpu.idle", String(cpu.idle), "idle");
  const limit = cpuMax(cpu.quota, cpu.period);
  if (limit !== undefined) set("cpu", "cpu.max", limit, given(cpu.quota) ? "quota" : "period", true);
  if (cpu.burst !== undefined) set("cpu", "cpu.max.burst", cpu.burst.toString(), "burst");
  if (cpu.cpus !== undefined && cpu.cpus !== "") set("cpuset", "cpuset.cpus", cpu.cpus, "cpus");
  if (cpu.mems !== undefined && cpu.mems !== "") set("cpuset", "cpuset.mems", cpu.mems, "mems");
}

/** 2..262144 to 1..10000, linearly; the formula is runc's, crun's and systemd's. */
export function cpuWeight(shares: bigint): bigint {
  return 1n + ((shares - 2n) * 9999n) / 262142n;
}

/** `quota period`; a quota alone keeps the file's period, which is 100000 in a new cgroup. */
function cpuMax(quota: bigint | undefined, period: bigint | undefined): string | undefined {
  if (!given(quota) && !given(period)) return undefined;
  const limit = given(quota) && quota > 0n ? quota.toString() : "max";
  return given(period) ? `${limit} ${period}` : limit;
}

function compileIO(list: WriteList, io: BlockIO): void {
  const add = (file: string, value: string, field: string, instead?: string): void =>
    list.add({
      controller: "io",
      file,
      value,
      pointer: `${AT}/blockIO/${field}`,
      ...(instead === undefined ? {} : { instead: { file: "io.weight", value: instead } }),
    });
  const noLeaves = (weight: number | undefined, field: string): void => {
    if (weight !== undefined && weight !== 0) {
      unsupported(
        `${AT}/blockIO/${field}`,
        "cgroup v2 has no leaf weights",
        "remove it; only leaves hold processes on v2",
      );
    }
  };
  noLeaves(io.leafWeight, "leafWeight");
  // The file is there while the bfq scheduler is loaded; io.weight has another range.
  if (io.weight !== undefined && io.weight !== 0) {
    add("io.bfq.weight", String(io.weight), "weight", String(ioWeight(io.weight)));
  }
  for (const [i, { major, minor, weight, leafWeight }] of io.weightDevice.entries()) {
    const field = `weightDevice/${i}`;
    noLeaves(leafWeight, `${field}/leafWeight`);
    if (weight !== undefined && weight !== 0) {
      add("io.bfq.weight", `${major}:${minor} ${weight}`, field, `${major}:${minor} ${ioWeight(weight)}`);
    }
  }
  const throttle = (key: string, field: string, devices: readonly Throttle[]): void => {
    for (const [i, { major, minor, rate }] of devices.entries()) {
      add("io.max", `${major}:${minor} ${key}=${rate === 0n ? "max" : rate}`, `${field}/${i}`);
    }
  };
  throttle("rbps", "throttleReadBpsDevice", io.throttleReadBpsDevice);
  throttle("wbps", "throttleWriteBpsDevice", io.throttleWriteBpsDevice);
  throttle("riops", "throttleReadIOPSDevice", io.throttleReadIOPSDevice);
  throttle("wiops", "throttleWriteIOPSDevice", io.throttleWriteIOPSDevice);
}

/** 10..1000 to 1..10000, linearly, as runc does. */
export function ioWeight(weight: number): number {
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function refuseNetwork({ classID, priorities }: Resources["network"]): void {
  const hint = "use nftables or tc with a cgroup match instead";
  if (classID !== undefined && classID !== 0) {
    unsupported(`${AT}/network/classID`, "cgroup v2 has no net_cls controller", hint);
  }
  if (priorities.length > 0) {
    unsupported(`${AT}/network/priorities`, "cgroup v2 has no net_prio controller", hint);
  }
}

/** Files that are no settings: they would move foreign processes, or stop the container before it begins. */
const NO_SETTINGS = ["cgroup.procs", "cgroup.threads", "cgroup.freeze", "cgroup.kill", "cgroup.type"];

function compileUnified(list: WriteList, unified: ReadonlyMap<string, string>): void {
  for (const [file, text] of unified) {
    const pointer = `${AT}/unified/${pointerStep(file)}`;
    const dot = file.indexOf(".");
    if (dot <= 0 || file.includes("/") || file.includes("\0")) {
      throw new BundleError(
        "format",
        pointer,
        `unified resource ${JSON.stringify(file)} must be in the form CONTROLLER.PARAMETER`,
        "no slashes: it is the name of one file of the cgroup",
      );
    }
    if (NO_SETTINGS.includes(file)) unsupported(pointer, `${file} is not a setting`, "remove it");
    // Files with several keys, such as io.max, take one line a write.
    for (const value of text.split("\n")) {
      if (value !== "") list.add({ controller: file.slice(0, dot), file, value, pointer });
    }
  }
}
