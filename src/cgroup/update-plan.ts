/**
 * The writes that change a living container's limits: those of a new container, where what is not asked for is filled in
 * from the kernel.
 */
import type { MemoryResources, Resources } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { compileV1 } from "./resources-v1.ts";
import { compileV2 } from "./resources-v2.ts";
import { AT, type CgroupWrite, type CompileOptions, given, type HasController } from "./write.ts";

/** The container's cgroup, as far as a plan for it has to know. */
export interface Present {
  readonly version: 1 | 2;
  readonly has: HasController;
  /** The text of a file of a controller; `undefined` where there is none. */
  readonly read: (controller: string, file: string) => string | undefined;
  /** Why the container has not got a controller of v2. */
  readonly whyMissing?: (controller: string) => string | undefined;
}

/**
 * The writes for everything in `resources`, in order, without the devices.
 * @throws BundleError as `compileV1` and `compileV2` do; `conflict` for a limit below the usage where
 *   `memory.checkBeforeUpdate` asks for it, and for a limit of swap on cgroup v2 while memory has none
 */
export function planUpdate(resources: Resources, present: Present, zeroPidsIsLimit = false): CgroupWrite[] {
  checkUsage(resources.memory, present);
  const { pids, memory } = resources;
  const options: CompileOptions = { devices: false, zeroPidsIsLimit };
  const asked: Resources = {
    ...resources,
    // Zero is how engines write "unchanged".
    pids: pids.limit === 0n && !zeroPidsIsLimit ? { limit: undefined } : pids,
    // runc ignores it here, and the kernel is about to.
    memory: { ...memory, kernelTCP: undefined },
  };
  return present.version === 1 ? planV1(asked, present, options) : planV2(asked, present, options);
}

function planV1(asked: Resources, present: Present, options: CompileOptions): CgroupWrite[] {
  const writes = compileV1(asked, present.has, options);
  if (asked.memory.disableOOMKiller === false && present.has("memory")) {
    const pointer = `${AT}/memory/disableOOMKiller`;
    writes.push({ controller: "memory", file: "memory.oom_control", value: "0", pointer });
  }
  return writes;
}

function planV2(asked: Resources, present: Present, options: CompileOptions): CgroupWrite[] {
  const { memory, cpu } = asked;
  // v1 counts memory and swap together: to tell the part of swap, the limit of memory must be known.
  const lends = given(memory.swap) && memory.swap > 0n && !given(memory.limit);
  const limit = lends ? memoryMax(present) : memory.limit;
  const { has, whyMissing } = present;
  const named = { ...options, ...(whyMissing === undefined ? {} : { whyMissing }) };
  const writes = compileV2({ ...asked, memory: { ...memory, limit } }, has, named);
  const oldQuota = (): string => present.read("cpu", "cpu.max")?.split(" ")[0]?.trim() ?? "max";
  return writes
    .filter(({ file, pointer }) => !(lends && file === "memory.max" && pointer === `${AT}/memory/limit`))
    .map((write) =>
      // A quota alone keeps the kernel's period, but no write sets a period alone.
      write.file === "cpu.max" && write.pointer === `${AT}/cpu/period` && !given(cpu.quota)
        ? { ...write, value: `${oldQuota()} ${cpu.period}` }
        : write,
    );
}

/** memory.max of the container. @throws BundleError `conflict` where it has no limit */
function memoryMax({ read }: Present): bigint {
  const text = read("memory", "memory.max")?.trim() ?? "max";
  if (/^[0-9]+$/.test(text)) return BigInt(text);
  throw new BundleError(
    "conflict",
    `${AT}/memory/swap`,
    "unable to set swap limit without memory limit",
    "give a memory limit too: swap is memory and swap together",
  );
}

/**
 * runtime-spec config-linux.md, Memory, checkBeforeUpdate: a limit below the usage is refused. On v1 the kernel would first
 * try to make room; on v2 it kills. The sentences are runc's.
 */
function checkUsage(memory: MemoryResources, { version, read }: Present): void {
  if (!memory.checkBeforeUpdate) return;
  const alone = usage(read("memory", version === 1 ? "memory.usage_in_bytes" : "memory.current"));
  const together = version === 1 ? usage(read("memory", "memory.memsw.usage_in_bytes")) : alone;
  const refuse = (field: string, sentence: string): never => {
    const hint = "stop processes first, or update without memory.checkBeforeUpdate";
    throw new BundleError("conflict", `${AT}/memory/${field}`, sentence, hint);
  };
  const { limit, swap } = memory;
  if (swap !== undefined && swap > 0n && swap <= together) {
    refuse("swap", `rejecting memory+swap limit ${swap} <= usage ${together}`);
  }
  if (limit !== undefined && limit > 0n && limit <= alone) {
    refuse("limit", `rejecting memory limit ${limit} <= usage ${alone}`);
  }
}

/** 0 where the kernel does not count it. */
function usage(text: string | undefined): bigint {
  return /^[0-9]+$/.test(text?.trim() ?? "") ? BigInt(text?.trim() ?? "0") : 0n;
}
