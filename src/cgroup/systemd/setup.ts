/** A container's unit: what it is to be, making it, changing it, and taking it away. */
import type { Bundle, Resources } from "../../bundle/types.ts";
import type { CgroupFacts } from "../../plan/facts.ts";
import type { Value, Variant } from "../../sys/dbus-wire.ts";
import { readTextIfThere } from "../../sys/files.ts";
import { deviceRules, rulesInOrder } from "../devices.ts";
import { type Entrance, openEntrance } from "../join.ts";
import type { CgroupPaths } from "../paths.ts";
import type { CgroupWrite } from "../write.ts";
import { isAbsent } from "./address.ts";
import { annotatedProperties } from "./annotations.ts";
import { deviceProperties, parseDrivers } from "./device-allow.ts";
import { Manager } from "./manager.ts";
import { limitProperties, type Properties } from "./properties.ts";
import type { UnitPlace } from "./unit.ts";

/** What is kept of a container's unit. */
export interface UnitRecord {
  readonly name: string;
  /** Whether it belongs to the user's own manager. */
  readonly user: boolean;
  /** How its Description tells it from another of the same name. */
  readonly description: string;
}

/** The unit to be, as far as it is known before its first process. */
export interface UnitSetup {
  readonly place: UnitPlace;
  readonly user: boolean;
  /** systemd's number. */
  readonly version: number;
  readonly properties: Properties;
  /** The manager that is to make it; whoever has the set-up closes it. */
  readonly manager: Manager;
}

/** The cgroup of each hierarchy for a unit, by mount point; `base` is the manager's own. */
export function unitDirs(facts: CgroupFacts, base: string, { folder }: UnitPlace): Map<string, string> {
  const dirs = new Map<string, string>();
  for (const { version, controllers, mountpoint } of facts.hierarchies) {
    const foreign = controllers.every((name) => name.startsWith("name=") && name !== "name=systemd");
    if (version === 2 || !foreign) dirs.set(mountpoint, `${mountpoint}${base}${folder}`);
  }
  return dirs;
}

/** The properties that say what `bundle` asks for. @throws BundleError */
export function unitProperties(
  bundle: Bundle,
  writes: readonly CgroupWrite[],
  unit: Pick<UnitSetup, "place" | "user" | "version">,
  mode: CgroupFacts["mode"],
): Properties {
  const { place, user, version } = unit;
  const found = new Map<string, Variant>();
  const set = (name: string, type: string, value: Variant["value"]): void => {
    found.set(name, { type, value });
  };
  if (place.kind === "scope") {
    set("Slice", "s", place.slice);
    // systemd leaves what is below alone, and hands every controller down.
    set("Delegate", "b", true);
  } else if (place.slice !== "-.slice") {
    set("Wants", "as", [place.slice]);
  }
  for (const name of ["Memory", "CPU", "Tasks", mode === "v2" ? "IO" : "BlockIO"]) {
    set(`${name}Accounting`, "b", true);
  }
  set("DefaultDependencies", "b", false);
  // One that has failed, for want of memory say, would stay and keep its name.
  if (version >= 236) set("CollectMode", "s", "inactive-or-failed");
  for (const [name, variant] of annotatedProperties(bundle.annotations)) found.set(name, variant);
  // Programs for devices can be loaded by the host's manager only.
  if (!user) for (const [name, variant] of devicesOf(bundle.linux.resources, mode)) found.set(name, variant);
  for (const [name, variant] of limitProperties(writes, version)) found.set(name, variant);
  return found;
}

/** The device rules as properties. @throws BundleError for rules that v1 has no way to keep */
export function devicesOf(resources: Resources, mode: CgroupFacts["mode"]): Properties {
  const drivers = parseDrivers(readTextIfThere("/proc/devices") ?? "");
  const rules = mode === "v2" ? rulesInOrder(resources) : deviceRules(resources);
  return deviceProperties(rules, drivers, mode === "v2");
}

/**
 * What is written down of a unit before it is made. Its description tells it from another of the same name, which is not to be
 * stopped: a create may die before it can write down whether the unit was its own.
 */
export function unitRecord({ place, user }: UnitSetup, id: string, created: string): UnitRecord {
  return { name: place.unit, user, description: `tsrun container ${id}, created ${created}` };
}

/** The least limit of tasks with which a container's first process can be made: stage one of tsrun-init is beside it. */
const TASKS_MIN = 2n;

/** Makes the unit with its first process in it, and waits until it is there. @throws StateError `busy`; SystemError */
export function startUnit(setup: UnitSetup, description: string, pid: number): void {
  const properties = new Map<string, Variant>([["Description", { type: "s", value: description }]]);
  for (const [name, variant] of setup.properties) properties.set(name, variant);
  if (setup.place.kind === "scope") {
    properties.set("PIDs", { type: "au", value: [pid] });
    const tasks = tightTasks(setup);
    if (tasks !== undefined) properties.set("TasksMax", { type: "t", value: TASKS_MIN });
  }
  setup.manager.start(setup.place.unit, properties);
}

/** Sets the limit of tasks that {@link startUnit} could not, now that the first process is alone. @throws SystemError */
export function tightenUnit(setup: UnitSetup): void {
  const tasks = tightTasks(setup);
  if (tasks !== undefined) setup.manager.set(setup.place.unit, new Map([["TasksMax", tasks]]));
}

/**
 * How the first process gets in. Of a scope it is in systemd's hierarchies already, since stage one of tsrun-init is, and on v1
 * enters the others by itself; a slice is entered as any cgroup.
 * @throws SystemError
 */
export function unitEntrance({ place }: UnitSetup, paths: CgroupPaths): Entrance {
  if (place.kind === "slice") return openEntrance(paths, undefined);
  return openEntrance(new Map([...paths].filter(([name]) => name !== "")), undefined);
}

/** TasksMax, where it is so small that it can be set only once the first process is alone. */
function tightTasks({ place, properties }: UnitSetup): Variant | undefined {
  const tasks = properties.get("TasksMax");
  const tight = place.kind === "scope" && typeof tasks?.value === "bigint" && tasks.value < TASKS_MIN;
  return tight ? tasks : undefined;
}

/** A value as busctl(1) takes it: a list is its length, then its members; the members of a struct stand as they are. */
export function callWords(value: Value, inside = false): string[] {
  if (typeof value !== "object" || "type" in value) return [String(value)];
  const words = value.flatMap((one) => callWords(one, Array.isArray(one)));
  return inside ? words : [String(value.length), ...words];
}

/** The writes that can be made while stage one is still in the cgroup. */
export function earlyWrites(setup: UnitSetup, writes: readonly CgroupWrite[]): readonly CgroupWrite[] {
  return tightTasks(setup) === undefined ? writes : writes.filter(({ file }) => file !== "pids.max");
}

/**
 * Takes a container's unit away: has `kill` end what is in it, then stops it and waits until it is gone. Another's unit of
 * the same name is left alone.
 * @returns whose unit there was
 * @throws SystemError
 */
export function stopUnit(
  { name, user, description }: UnitRecord,
  kill: () => void,
): "ours" | "others" | "none" {
  let manager: Manager;
  try {
    manager = Manager.open(user);
  } catch (error) {
    if (isAbsent(error)) return "none";
    throw error;
  }
  try {
    const found = manager.description(name);
    if (found === undefined) return "none";
    if (found !== description) return "others";
    kill();
    manager.stop(name);
    return "ours";
  } finally {
    manager.close();
  }
}

/** Has the manager move a process into the unit's cgroup, or the one at `below` in it. @throws SystemError */
export function attachToUnit({ name, user }: UnitRecord, below: string, pid: number): void {
  const manager = Manager.open(user);
  try {
    manager.attach(name, below, [pid]);
  } finally {
    manager.close();
  }
}
