/** `delete`: removes a container that has stopped, or with force any. */

import { parseBundle } from "../bundle/parse.ts";
import { readCgroupFacts } from "../cgroup/facts.ts";
import { cgroupDirs, cgroupPaths } from "../cgroup/paths.ts";
import { type LaunchError, StateError } from "../error.ts";
import { step, type Tracer } from "../spawn/steps.ts";
import type { Record } from "../state/record.ts";
import { statusOf } from "../state/status.ts";
import { type Locked, load, loadRecordIfWhole, lock, removeUnfinished, type Saved } from "../state/store.ts";
import { readTextIfThere } from "../sys/files.ts";
import { destroy } from "./destroy.ts";

/**
 * Deletes a container. With `force` a running one is killed first, a damaged one is removed as far as it can be
 * recognised, and one that does not exist is no error.
 *
 * @returns what went wrong in poststop hooks
 * @throws StateError `not-found`, `not-stopped`, `busy`, `damaged`; SystemError
 */
export function deleteContainer(
  root: string,
  id: string,
  force = false,
  tracer?: Tracer,
): readonly LaunchError[] {
  let locked: Locked;
  try {
    locked = step(tracer, "lock the state", () => lock(root, id));
  } catch (error) {
    if (!force || !(error instanceof StateError) || error.code !== "not-found") throw error;
    removeUnfinished(root, id);
    return [];
  }
  try {
    const saved = step(tracer, "read the state", () =>
      force ? loadOrRescue(root, id, locked) : load(root, id),
    );
    const status = step(tracer, "find out the status", () => statusOf(saved, true));
    if (!force && status !== "stopped" && status !== "created") {
      throw new StateError("not-stopped", `cannot delete container ${id} that is not stopped: ${status}`, {
        hint: `stop it first with: tsrun kill ${id} KILL; or use: tsrun delete --force ${id}`,
      });
    }
    return destroy(saved.record, saved, locked, tracer);
  } finally {
    locked.release();
    if (force) removeUnfinished(root, id);
  }
}

/** Where state.json is damaged, config.json may still say which cgroups the container had; the first process is in them. */
function loadOrRescue(root: string, id: string, locked: Locked): Saved {
  try {
    return load(root, id);
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== "damaged") throw error;
  }
  return {
    dir: locked.dir,
    record: loadRecordIfWhole(locked.dir, id) ?? rescue(id, locked),
    process: undefined,
    complete: false,
  };
}

function rescue(id: string, locked: Locked): Record {
  let cgroups: ReadonlyMap<string, string> = new Map();
  try {
    const text = readTextIfThere(`${locked.dir}/config.json`, 16 << 20);
    const path = text === undefined ? undefined : parseBundle(text, "/").bundle.linux.cgroupsPath;
    const facts = readCgroupFacts();
    cgroups = cgroupPaths(facts, cgroupDirs(facts, path, id));
  } catch {
    // Neither file tells anything: only the folder can be removed.
  }
  return {
    version: 1,
    ociVersion: "",
    id,
    bundle: "/",
    rootfs: "",
    created: "",
    annotations: {},
    cgroups: Object.fromEntries(cgroups),
    newCgroups: [...cgroups.values()],
    noNewKeyring: false,
    ownPidNamespace: false,
    afterStart: { from: 0, steps: [] },
    poststart: [],
    poststop: [],
  };
}
