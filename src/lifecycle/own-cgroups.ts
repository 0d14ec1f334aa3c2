/** Making a new container's cgroups and letting its first process in. */
import { giveCgroup } from "../cgroup/delegate.ts";
import { availableControllers } from "../cgroup/facts.ts";
import { type Entrance, openEntrance } from "../cgroup/join.ts";
import { makeCgroups } from "../cgroup/make.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { attachToUnit, earlyWrites, startUnit, unitEntrance } from "../cgroup/systemd/setup.ts";
import { SystemError } from "../error.ts";
import type { Record } from "../state/record.ts";
import type { CgroupSetup, CreateRequest } from "./prepare.ts";

const SHARED_CGROUP = "its limits count for all of these together: give each container a path of its own";

/** Makes the cgroups with their limits; where systemd has made them, sets what it has not. @throws as `makeCgroups` */
export function makeOwnCgroups(setup: CgroupSetup, request: Pick<CreateRequest, "warn">): void {
  const { facts, dirs, devices, paths, owner, unit } = setup;
  const writes = unit === undefined ? setup.writes : earlyWrites(unit, setup.writes);
  makeCgroups(facts, dirs, writes, {
    expected: unit !== undefined,
    available: availableControllers(facts),
    devices,
    warn: (text) => request.warn?.({ pointer: "/linux/cgroupsPath", text, hint: SHARED_CGROUP }),
  });
  const unified = paths.get("");
  if (owner !== undefined && unified !== undefined) giveCgroup(unified, owner);
}

/**
 * Opens the cgroups for stage one of this pid. A unit of systemd is made only now, since it has to have a process.
 * @throws StateError, SystemError, BundleError
 */
export function enterCgroups(
  cgroup: CgroupSetup,
  record: Record,
  pid: number,
  mapped: boolean,
  request: CreateRequest,
): Entrance {
  const debug = request.debug ?? (() => {});
  if (cgroup.unit === undefined) {
    debug(`opening the cgroups for process ${pid}`);
    return openEntrance(cgroup.paths, mapped ? pid : undefined);
  }
  debug(`having systemd make ${cgroup.unit.place.unit} with process ${pid}`);
  makeUnit(cgroup, record, pid, request);
  return unitEntrance(cgroup.unit, cgroup.paths);
}

/** Has systemd make the container's unit with this process in it, and sets what systemd does not know. @throws as {@link enterCgroups} */
export function makeUnit(cgroup: CgroupSetup, record: Record, pid: number, request: CreateRequest): void {
  if (cgroup.unit !== undefined) startUnit(cgroup.unit, record.unit?.description ?? "", pid);
  makeOwnCgroups(cgroup, request);
}

/**
 * Opens the cgroups of a container for a further process's stage one. A user may move a process into his container's cgroup
 * only from below the same manager (cgroups(7), delegation containment): from a login session's, systemd does it for him.
 * @throws SystemError
 */
export function execEntrance(record: Record, cgroups: CgroupPaths, pid: number, mapped: boolean): Entrance {
  const { unit } = record;
  try {
    return openEntrance(cgroups, mapped ? pid : undefined);
  } catch (error) {
    if (unit?.user !== true || !(error instanceof SystemError) || error.code !== "EACCES") throw error;
    const dir = cgroups.get("") ?? "";
    const below = dir.slice((record.cgroups[""] ?? "").length);
    attachToUnit(unit, below, pid);
    return { handles: [], dirs: [dir], unified: false };
  }
}
