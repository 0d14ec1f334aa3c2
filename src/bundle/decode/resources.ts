/**
 * linux.resources (config-linux.md, control groups). Zero means "not set" for most limits, as in runc: engines write it
 * for every limit that the user left alone. pids.limit and cpu.burst are the exceptions (runtime-spec 1.3).
 */
import { Fields } from "../fields.ts";
import { parseNumberList } from "../lists.ts";
import type { CpuResources, MemoryResources, Resources } from "../types.ts";
import { quote } from "../words.ts";
import { decodeBlockIO } from "./blockio.ts";
import { decodeDeviceRule } from "./devices.ts";

/** @throws BundleError */
export function decodeResources(fields: Fields): Resources {
  return {
    unified: fields.stringMap("unified"),
    devices: fields.objects("devices", decodeDeviceRule),
    memory: fields.section("memory", decodeMemory),
    cpu: fields.section("cpu", decodeCpu),
    pids: fields.section("pids", (pids) => ({ limit: pids.i64("limit", -1n) })),
    blockIO: fields.section("blockIO", decodeBlockIO),
    hugepageLimits: fields.objects("hugepageLimits", (limit) => ({
      pageSize: limit.must("pageSize", limit.string("pageSize")),
      limit: limit.must("limit", limit.u64("limit")),
    })),
    network: fields.section("network", decodeNetwork),
    rdma: decodeRdma(fields),
  };
}

function decodeMemory(fields: Fields): MemoryResources {
  return {
    limit: nonZero(fields.i64("limit", -1n)),
    reservation: nonZero(fields.i64("reservation", -1n)),
    swap: nonZero(fields.i64("swap", -1n)),
    kernel: deprecated(fields, "kernel"),
    kernelTCP: deprecated(fields, "kernelTCP"),
    swappiness: fields.u64("swappiness", 100n),
    disableOOMKiller: fields.bool("disableOOMKiller"),
    useHierarchy: fields.bool("useHierarchy"),
    checkBeforeUpdate: fields.bool("checkBeforeUpdate") ?? false,
  };
}

/** config-linux.md: NOT RECOMMENDED; the kernel has dropped `kernel` (ignored since 5.16) and keeps `kernelTCP` on v1. */
function deprecated(fields: Fields, name: string): bigint | undefined {
  const value = nonZero(fields.i64(name, -1n));
  if (value !== undefined)
    fields.decoding.warn(fields.at(name), `memory.${name} is deprecated`, "use memory.limit");
  return value;
}

function decodeCpu(fields: Fields): CpuResources {
  const quota = nonZero(fields.i64("quota"));
  if (quota !== undefined && quota > 0n && quota < 1000n) {
    fields.fail(
      "range",
      "quota",
      `the cpu quota ${quota} is below 1000 microseconds, which the kernel refuses`,
      "raise it",
    );
  }
  const period = nonZero(fields.u64("period"));
  if (period !== undefined && (period < 1000n || period > 1_000_000n)) {
    fields.fail("range", "period", `the cpu period must be from 1000 to 1000000 microseconds, not ${period}`);
  }
  return {
    shares: nonZero(fields.u64("shares")),
    quota: quota !== undefined && quota < 0n ? -1n : quota,
    burst: fields.u64("burst"),
    period,
    realtimeRuntime: nonZero(fields.i64("realtimeRuntime")),
    realtimePeriod: nonZero(fields.u64("realtimePeriod")),
    cpus: listText(fields, "cpus"),
    mems: listText(fields, "mems"),
    idle: fields.int("idle", 0, 1),
  };
}

/** A cpu or node list as written. @throws BundleError `format` */
function listText(fields: Fields, name: string): string | undefined {
  const text = fields.string(name);
  if (text !== undefined && parseNumberList(text) === undefined) {
    fields.fail("format", name, `${name} ${quote(text)} is no list of numbers`, 'write it as "0-3,7"');
  }
  return text;
}

function decodeNetwork(fields: Fields): Resources["network"] {
  return {
    classID: fields.u32("classID"),
    priorities: fields.objects("priorities", (at) => {
      const name = at.must("name", at.string("name"));
      // net_prio.ifpriomap takes lines of "name priority"; interface names have neither slash nor space (netdevice.h).
      if (/[\s/:]/.test(name) || name.length > 15)
        at.fail("format", "name", `${quote(name)} is no interface name`);
      return { name, priority: at.must("priority", at.u32("priority")) };
    }),
  };
}

function decodeRdma(fields: Fields): Resources["rdma"] {
  const devices = new Map<
    string,
    { readonly hcaHandles: number | undefined; readonly hcaObjects: number | undefined }
  >();
  const members = fields.members("rdma");
  if (members.length === 0) return devices;
  const holder = new Fields(fields.decoding, {}, "rdma", fields);
  for (const [device, value] of members) {
    const at = new Fields(fields.decoding, value, device, holder);
    const limits = { hcaHandles: at.u32("hcaHandles"), hcaObjects: at.u32("hcaObjects") };
    if (limits.hcaHandles === undefined && limits.hcaObjects === undefined) {
      at.fail(
        "missing",
        "hcaHandles",
        `the rdma device ${quote(device)} needs hcaHandles, hcaObjects, or both`,
      );
    }
    at.end();
    devices.set(device, limits);
  }
  return devices;
}

function nonZero(value: bigint | undefined): bigint | undefined {
  return value === 0n ? undefined : value;
}
