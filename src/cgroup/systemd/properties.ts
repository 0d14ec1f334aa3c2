/**
 * The properties of a container's unit (systemd.resource-control(5), org.freedesktop.systemd1(5)): what systemd has to know of
 * the limits, since it writes them again whenever it reloads. Pure.
 */
import type { Value, Variant } from "../../sys/dbus-wire.ts";
import { ranges } from "../lists.ts";
import type { CgroupWrite } from "../write.ts";

/** Properties by name; of two that have the same name the later one counts. */
export type Properties = ReadonlyMap<string, Variant>;

/** "infinity" */
const UNLIMITED = 2n ** 64n - 1n;

/** Files that hold one number, which is the property's as it stands; `from` is the least that systemd takes. */
const NUMBERS: { readonly [file: string]: readonly [name: string, from: bigint] } = {
  "memory.max": ["MemoryMax", 1n],
  "memory.high": ["MemoryHigh", 1n],
  "memory.low": ["MemoryLow", 0n],
  "memory.min": ["MemoryMin", 0n],
  "memory.swap.max": ["MemorySwapMax", 0n],
  "memory.zswap.max": ["MemoryZSwapMax", 0n],
  "memory.limit_in_bytes": ["MemoryLimit", 1n],
  "pids.max": ["TasksMax", 1n],
  "cpu.shares": ["CPUShares", 2n],
  "cpu.weight": ["CPUWeight", 1n],
  "blkio.weight": ["BlockIOWeight", 10n],
  "io.weight": ["IOWeight", 1n],
};

/** From which systemd on a property can be set. */
const SINCE: { readonly [name: string]: number } = {
  CollectMode: 236,
  CPUQuotaPeriodUSec: 242,
  AllowedCPUs: 244,
  AllowedMemoryNodes: 244,
  MemoryMin: 240,
  MemoryZSwapMax: 253,
};

/** The first systemd for which a CPUWeight of 0 is "idle". */
const IDLE_SINCE = 252;

/** What the kernel has where nothing was written. */
const USUAL_PERIOD = 100_000n;

/** The properties that say what the writes do; those of which systemd knows nothing are left out. */
export function limitProperties(
  writes: readonly CgroupWrite[],
  version: number,
  period = USUAL_PERIOD,
): Map<string, Variant> {
  const found = new Map<string, Variant>();
  const set = (name: string, type: string, value: Value): void => {
    if (version >= (SINCE[name] ?? 0)) found.set(name, { type, value });
  };
  let quota: string | undefined;
  let span: bigint | undefined;
  for (const write of writes) {
    // Where io.bfq.weight is not there, or systemd's scale is wanted, this is the value.
    const { file, value } = write.file === "io.bfq.weight" ? (write.instead ?? write) : write;
    const number = amount(value);
    const [name, from] = NUMBERS[file] ?? [];
    if (name !== undefined && from !== undefined) {
      if (number !== undefined && number >= from) set(name, "t", number);
    } else if (file === "cpuset.cpus" || file === "cpuset.mems") {
      const mask = bits(value);
      if (mask !== undefined) set(file === "cpuset.cpus" ? "AllowedCPUs" : "AllowedMemoryNodes", "ay", mask);
    } else if (file === "cpu.idle" && version >= IDLE_SINCE && value === "1") {
      set("CPUWeight", "t", 0n);
    } else if (file === "cpu.max") {
      const [limit, each] = value.split(" ");
      quota = limit;
      span = amount(each ?? "") ?? span;
    } else if (file === "cpu.cfs_quota_us") {
      quota = value === "-1" ? "max" : value;
    } else if (file === "cpu.cfs_period_us") {
      span = amount(value);
    }
  }
  if (span !== undefined) set("CPUQuotaPeriodUSec", "t", span);
  const perSecond = quota === undefined ? undefined : share(quota, span ?? period);
  if (perSecond !== undefined) set("CPUQuotaPerSecUSec", "t", perSecond);
  return found;
}

/** A number of bytes or of anything else; `undefined` for what systemd could not be told so. */
function amount(value: string): bigint | undefined {
  if (value === "max" || value === "-1") return UNLIMITED;
  return /^[0-9]{1,20}$/.test(value) ? BigInt(value) : undefined;
}

/** Microseconds of each second, rounded up to the 10 ms that systemd counts in, as runc does. */
function share(quota: string, period: bigint): bigint | undefined {
  const limit = amount(quota);
  if (limit === undefined || limit === UNLIMITED) return limit;
  if (limit === 0n || period === 0n) return undefined;
  const perSecond = (limit * 1_000_000n) / period;
  return ((perSecond + 9_999n) / 10_000n) * 10_000n;
}

/** More than any kernel can be built for. */
const CPUS_MAX = 8192;

/** A list of cpus or nodes as bytes, the lowest bit of the first one being number 0; `undefined` for what is no list. */
export function bits(list: string): number[] | undefined {
  const bytes: number[] = [];
  for (const [from, to] of ranges(list)) {
    if (!(from >= 0 && to < CPUS_MAX)) return undefined;
    for (let bit = from; bit <= to; bit++) {
      while (bytes.length <= bit >> 3) bytes.push(0);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return bytes.length === 0 ? undefined : bytes;
}

/** systemd's number, from what its manager calls its version: `252.39-1~deb12u2`, `v245.4`. 0 where there is none. */
export function versionNumber(text: string): number {
  return Number(/^v?([0-9]{1,6})/.exec(text)?.[1] ?? 0);
}
