/** Rules about linux.resources (config-linux.md, control groups). */
import { BundleError, type Pointer } from "../../error.ts";
import type { CpuResources, MemoryResources, Resources } from "../types.ts";
import { child, quote } from "../words.ts";

/** The smallest page that Linux has. */
const PAGE = 4096n;

/** What holds for new resources and for an update; `pointer` is the object's place. @throws BundleError */
export function checkResources(resources: Resources, pointer: Pointer): void {
  checkCpu(resources.cpu, `${pointer}/cpu`);
  for (const field of ["limit", "swap"] as const) {
    const value = resources.memory[field];
    if (value !== undefined && value >= 0n && value < PAGE) {
      const sentence = `memory.${field} of ${value} bytes is less than one page`;
      throw new BundleError(
        "range",
        `${pointer}/memory/${field}`,
        sentence,
        "give bytes, or -1 for unlimited",
      );
    }
  }
  for (const [i, { pageSize }] of resources.hugepageLimits.entries()) {
    if (!/^[1-9][0-9]*[KMG]B$/.test(pageSize)) {
      const sentence = `pageSize ${quote(pageSize)} is no size of huge pages`;
      throw new BundleError(
        "format",
        `${pointer}/hugepageLimits/${i}/pageSize`,
        sentence,
        'write it as "2MB"',
      );
    }
  }
  for (const name of resources.unified.keys()) {
    if (name === "" || name === "." || name === ".." || /[/\s\u0000-\u001f]/.test(name)) {
      const sentence = `unified resource ${quote(name)} must be a file name (no slashes)`;
      throw new BundleError(
        "format",
        child(`${pointer}/unified`, name),
        sentence,
        'write it as "memory.high"',
      );
    }
  }
}

function checkCpu(cpu: CpuResources, pointer: Pointer): void {
  const { quota, burst, realtimeRuntime, realtimePeriod } = cpu;
  if (burst !== undefined && quota !== undefined && quota > 0n && burst > quota) {
    throw new BundleError(
      "conflict",
      `${pointer}/burst`,
      `the cpu burst ${burst} is above the quota ${quota}`,
      "lower burst",
    );
  }
  if (realtimeRuntime !== undefined && realtimePeriod !== undefined && realtimeRuntime > realtimePeriod) {
    const sentence = `the realtime runtime ${realtimeRuntime} is above its period ${realtimePeriod}`;
    throw new BundleError("conflict", `${pointer}/realtimeRuntime`, sentence, "lower realtimeRuntime");
  }
}

/** What holds where nothing was set before: swap counts memory and swap together, so it contains the limit. */
export function checkMemoryTogether({ limit, swap }: MemoryResources, pointer: Pointer): void {
  if (swap === undefined || swap < 0n) return;
  if (limit === undefined) {
    const hint = "add memory.limit: swap is memory and swap together";
    throw new BundleError(
      "conflict",
      `${pointer}/swap`,
      "unable to set swap limit without memory limit",
      hint,
    );
  }
  if (limit < 0n || swap < limit) {
    const shown = limit < 0n ? "unlimited" : limit;
    const sentence = `memory.swap (${swap}, memory and swap together) is below memory.limit (${shown})`;
    throw new BundleError("conflict", `${pointer}/swap`, sentence, "raise swap, or set it to -1");
  }
}
