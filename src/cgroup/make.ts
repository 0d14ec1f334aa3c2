/**
 * Making a container's cgroups with their limits.
 */

import { SystemError, TsrunError } from "../error.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { perform } from "../sys/files.ts";
import { runBatch } from "./batch.ts";
import { type CgroupPaths, cgroupPaths } from "./paths.ts";
import { planSteps, setStep } from "./steps.ts";
import type { CgroupWrite } from "./write.ts";

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
