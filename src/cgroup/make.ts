/**
 * Making a container's cgroups with their limits, and changing the limits later.
 */

import type { MemoryResources } from "../bundle/types.ts";
import { BundleError, SystemError, TsrunError } from "../error.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { perform, readTextIfThere } from "../sys/files.ts";
import { runBatch } from "./batch.ts";
import { type CgroupPaths, cgroupPaths } from "./paths.ts";
import { planSteps, setStep } from "./steps.ts";
import { AT, type CgroupWrite } from "./write.ts";

/** How cgroups are made. */
export interface MakeOptions {
  /** The controllers to hand down on v2, from `availableControllers`; not used on v1. */
  readonly available?: ReadonlySet<string>;
  /**
   * Where tsrun may not make a cgroup, the container stays in tsrun's own, unless it has limits there. For a caller that
   * is not root of the host and a config.json without cgroupsPath.
   */
  readonly tolerateForbidden?: boolean;
  /** Told what is worth a warning: a cgroup that has processes already. */
  readonly warn?: (text: string) => void;
}

/** What was made. */
export interface MadeCgroups {
  readonly paths: CgroupPaths;
  /** Every folder that was not there before, parents first: what removal may take away again. */
  readonly created: readonly string[];
}

/**
 * Makes the container's cgroup in every hierarchy of `dirs` (from `cgroupDirs`), parents included, and performs the
 * writes there. After a failure nothing is left of it.
 * @throws SystemError with the place in config.json; BundleError `unsupported` for a limit in a hierarchy where no
 *   cgroup may be made; StateError `busy` for a cgroup that is frozen or, on v2, has processes
 */
export function makeCgroups(
  facts: CgroupFacts,
  dirs: ReadonlyMap<string, string>,
  writes: readonly CgroupWrite[],
  options: MakeOptions = {},
): MadeCgroups {
  const usable = new Map(dirs);
  const created: string[] = [];
  let limits = writes;
  const onForbidden = ({ mountpoint, controllers }: Hierarchy): void => {
    usable.delete(mountpoint);
    // Every container has device rules: as in runc they alone are given up with the cgroup.
    if (controllers.length === 0 || controllers.includes("devices")) {
      limits = limits.filter(({ controller }) => controller !== "devices");
    }
    const paths = cgroupPaths(facts, usable);
    for (const write of limits) setStep(paths, write);
  };
  try {
    runBatch({
      mode: facts.mode,
      steps: planSteps(facts, dirs, writes, options.available ?? new Set()),
      created,
      onForbidden: options.tolerateForbidden === true ? onForbidden : undefined,
      warn: options.warn ?? (() => {}),
    });
  } catch (error) {
    undo(created, error);
    throw error;
  }
  return { paths: cgroupPaths(facts, usable), created };
}

/** Removes what was made before `error`; what cannot be removed is told with it. */
function undo(created: readonly string[], error: unknown): void {
  for (const path of [...created].reverse()) {
    const failure = perform([{ do: "rmdir", path, ifThere: true }]);
    if (failure !== undefined && error instanceof TsrunError) {
      error.followedBy.push(
        new SystemError(failure.syscall, failure.errno, path, { doing: `cannot remove cgroup ${path}` }),
      );
    }
  }
}

/**
 * Performs writes in cgroups that exist, for `update`. Writes before a refused one stay.
 * @throws SystemError with the place in the resources; BundleError `unsupported` when the container has no such cgroup
 */
export function applyWrites(paths: CgroupPaths, writes: readonly CgroupWrite[]): void {
  const steps = writes.map((write) => setStep(paths, write));
  runBatch({ mode: "none", steps, created: [], onForbidden: undefined, warn: () => {} });
}

/**
 * `memory.checkBeforeUpdate`: cgroup v2 takes a limit below the current usage and kills; this refuses it before, as v1
 * does by itself. A usage that cannot be read is no failure.
 * @throws BundleError `range`
 */
export function checkMemoryUsage(paths: CgroupPaths, memory: MemoryResources): void {
  const dir = paths.get("");
  if (!memory.checkBeforeUpdate || dir === undefined || paths.has("memory")) return;
  const text = readTextIfThere(`${dir}/memory.current`)?.trim();
  if (text === undefined || text === "") return;
  const usage = BigInt(text);
  for (const [field, name] of [
    ["swap", "memory+swap limit"],
    ["limit", "memory limit"],
  ] as const) {
    const value = memory[field];
    if (value !== undefined && value > 0n && value <= usage) {
      throw new BundleError("range", `${AT}/memory/${field}`, `rejecting ${name} ${value} <= usage ${usage}`);
    }
  }
}
