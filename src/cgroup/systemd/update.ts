/** Telling systemd of limits that were changed, so that it does not bring the old ones back. */
import type { Resources } from "../../bundle/types.ts";
import { SystemError } from "../../error.ts";
import type { Variant } from "../../sys/dbus-wire.ts";
import { perform, readTextIfThere, status } from "../../sys/files.ts";
import type { CgroupPaths } from "../paths.ts";
import type { CgroupWrite } from "../write.ts";
import { Manager } from "./manager.ts";
import { limitProperties, versionNumber } from "./properties.ts";
import { devicesOf, type UnitRecord } from "./setup.ts";

/** A unit whose limits are about to change. */
export interface UnitUpdate {
  /**
   * Sets the properties for writes that have been made. The files stay as they are.
   * @throws SystemError; then the unit is as before
   */
  change(paths: CgroupPaths, writes: readonly CgroupWrite[], resources: Resources): void;
  close(): void;
}

/** Connects to a unit's manager before anything is changed. @throws SystemError */
export function openUnitUpdate({ name, user }: UnitRecord): UnitUpdate {
  const manager = Manager.open(user);
  return {
    change(paths, writes, resources) {
      const version = versionNumber(manager.text("Version"));
      const properties = new Map<string, Variant>(limitProperties(withQuota(paths, writes), version));
      const v2 = paths.size === 1 && paths.has("");
      if (!user && resources.devices.length > 0) {
        for (const [key, variant] of devicesOf(resources, v2 ? "v2" : "v1")) properties.set(key, variant);
      }
      if (properties.size === 0) return;
      const before = heldTexts(paths);
      try {
        manager.set(name, properties);
      } catch (error) {
        // A limit that is already in force may have ended the container, and with it the unit.
        if (error instanceof SystemError && error.errno === "ENOENT" && isGone(paths)) return;
        throw error;
      }
      restore(before);
    },
    close: () => manager.close(),
  };
}

function isGone(paths: CgroupPaths): boolean {
  return [...paths.values()].every((dir) => status(dir) === undefined);
}

/** systemd counts in time for each second, for which both the quota and the period must be known. */
function withQuota(paths: CgroupPaths, writes: readonly CgroupWrite[]): CgroupWrite[] {
  const all = [...writes];
  for (const file of QUOTA_FILES) {
    if (!writes.some((write) => QUOTA_FILES.includes(write.file))) break;
    const dir = paths.get("cpu") ?? paths.get("") ?? "";
    const value = readTextIfThere(`${dir}/${file}`)?.trim();
    if (value !== undefined) all.push({ controller: "cpu", file, value, pointer: "" });
  }
  return all;
}

const QUOTA_FILES = ["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"];

/** Files that systemd writes again, all of a controller, when one property changes: with its own rounding, or a default. */
const ITS_FILES: { readonly [controller: string]: readonly string[] } = {
  // A weight can be set only where the group is not idle.
  cpu: ["cpu.max", "cpu.idle", "cpu.weight", "cpu.shares", "cpu.cfs_period_us", "cpu.cfs_quota_us"],
  memory: [
    "memory.high",
    "memory.low",
    "memory.min",
    "memory.max",
    "memory.swap.max",
    "memory.oom.group",
    "memory.limit_in_bytes",
  ],
  pids: ["pids.max"],
  io: ["io.weight", "io.bfq.weight"],
  blkio: ["blkio.weight", "blkio.bfq.weight"],
  cpuset: ["cpuset.cpus", "cpuset.mems"],
};

interface Held {
  readonly path: string;
  readonly text: string;
}

function heldTexts(paths: CgroupPaths): Held[] {
  const found: Held[] = [];
  const v2 = paths.size === 1 ? paths.get("") : undefined;
  for (const controller in ITS_FILES) {
    const dir = v2 ?? paths.get(controller);
    if (dir === undefined) continue;
    for (const file of ITS_FILES[controller] ?? []) {
      const text = readTextIfThere(`${dir}/${file}`);
      if (text !== undefined) found.push({ path: `${dir}/${file}`, text });
    }
  }
  return found;
}

/** @throws SystemError */
function restore(before: readonly Held[]): void {
  for (const { path, text } of before) {
    if (readTextIfThere(path) === text) continue;
    const failure = perform([{ do: "write", path, text: text.trim() === "" ? "\n" : text.trim() }]);
    if (failure === undefined) continue;
    throw new SystemError(failure.syscall, failure.errno, path, {
      doing: `cannot set ${path} to ${JSON.stringify(text.trim())} again, which systemd has changed`,
    });
  }
}
