/**
 * Making a container's cgroups with their limits.
 */

import { SystemError, TsrunError } from "../error.ts";
import type { CgroupFacts } from "../plan/facts.ts";
import { perform } from "../sys/files.ts";
import { runBatch } from "./batch.ts";
import { attachDevices } from "./device-attach.ts";
import type { DeviceProgram } from "./device-program.ts";
import { type CgroupPaths, cgroupPaths } from "./paths.ts";
import { planSteps } from "./steps.ts";
import type { CgroupWrite } from "./write.ts";

/** How cgroups are made. */
export interface MakeOptions {
  /** The controllers to hand down on v2, from `availableControllers`; not used on v1. */
  readonly available?: ReadonlySet<string>;
  /** The device rules of a container on v2; on v1 they are among the writes. */
  readonly devices?: DeviceProgram | undefined;
  /** The container's own cgroup is there already, made by systemd. */
  readonly expected?: boolean;
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
  const created: string[] = [];
  try {
    runBatch({
      mode: facts.mode,
      steps: planSteps(facts, dirs, writes, options.available ?? new Set()),
      created,
      warn: options.warn ?? (() => {}),
      expected: options.expected ?? false,
    });
    putDevices(dirs, created, options.devices);
  } catch (error) {
    undo(created, error);
    throw error;
  }
  return { paths: cgroupPaths(facts, dirs), created };
}

/** Before any process is in the cgroup. It needs no undoing: the rules go with the cgroup. */
function putDevices(
  dirs: ReadonlyMap<string, string>,
  created: readonly string[],
  devices: DeviceProgram | undefined,
): void {
  if (devices === undefined) return;
  for (const dir of dirs.values()) {
    // A new cgroup allows everything as it is; one that was there may have rules.
    if (devices.instructions.length > 0 || !created.includes(dir)) attachDevices(dir, devices);
  }
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
