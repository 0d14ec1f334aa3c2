/**
 * Changes the limits of a living container: all of them or, where the kernel refuses one, none.
 */

import type { Resources } from "../bundle/types.ts";
import { StateError, SystemError, TsrunError } from "../error.ts";
import { append } from "../lists.ts";
import { perform, readTextIfThere } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import { loadDevices } from "./device-attach.ts";
import { changeWithUnit, type DeviceChange } from "./device-change.ts";
import { compileDeviceProgram } from "./device-program.ts";
import { deviceRules } from "./devices.ts";
import { whyDisabled } from "./disabled.ts";
import type { CgroupPaths } from "./paths.ts";
import { agrees, heldValue, slotOf } from "./readback.ts";
import { explainRefusal } from "./refusal.ts";
import { setStep } from "./steps.ts";
import type { UnitUpdate } from "./systemd/update.ts";
import { deviceChanges, deviceList, parseDeviceList } from "./update-devices.ts";
import { type Present, planUpdate } from "./update-plan.ts";
import type { CgroupWrite } from "./write.ts";

/** A value that was written. */
interface Change {
  readonly write: CgroupWrite;
  readonly path: string;
  /** What was there before; `undefined` for a file that cannot be read. */
  readonly before: string | undefined;
  /** Not asked for: the kernel changes it on the way, so that it has to be put back too. */
  readonly companion?: true;
}

/**
 * Gives a living container the limits in `resources`, in the order in which the kernel takes them, and reads each back.
 * What is not in them stays as it is. After a failure the old values are there again; what could not be put back is told
 * with the error. A process that dies in here leaves some limits new and some old, each of them valid.
 *
 * @throws BundleError, SystemError, both with the place in a bundle's `linux.resources`; StateError `busy` where the
 *   kernel does not hold what it took, because another program changes the same cgroup
 */
export function updateCgroups(
  paths: CgroupPaths,
  resources: Resources,
  zeroPidsIsLimit = false,
  unit?: UnitUpdate,
): void {
  const present = presentOf(paths);
  const writes = planUpdate(resources, present, zeroPidsIsLimit);
  // Engines send the rules along with any other change; where create leaves them out, they are left out here.
  const asked = resources.devices.length > 0 && privilege() === "root";
  const devices = asked ? planDevices(paths, present, resources) : undefined;
  const done: Change[] = [];
  try {
    applyWrites(paths, writes, done);
    verify(done);
    if (unit !== undefined && devices !== undefined)
      changeWithUnit(devices, () => unit.change(paths, writes, resources));
    else if (unit !== undefined) unit.change(paths, writes, resources);
    else devices?.change();
  } catch (error) {
    putBack(done, error);
    throw error;
  } finally {
    devices?.close();
  }
}

function planDevices(paths: CgroupPaths, { version }: Present, resources: Resources): DeviceChange {
  if (version === 2) {
    const loaded = loadDevices(compileDeviceProgram(resources));
    return { change: () => loaded.attach(paths.get("") ?? ""), close: () => loaded.close() };
  }
  // A list that allowed everything cannot be put back, since nobody can read its exceptions.
  const wanted = deviceList(deviceRules(resources));
  const become = (list: typeof wanted): void => changeDevices(paths, deviceChanges(readDevices(paths), list));
  const change = (): void => become(wanted);
  const begin = (): (() => void) => {
    const old = readDevices(paths);
    change();
    return () => {
      if (!old.allowAll) become(old);
    };
  };
  return { change, begin, close: () => {} };
}

/** What the container's cgroup is, read when it is asked for. */
function presentOf(paths: CgroupPaths): Present {
  const unified = paths.get("");
  const version = unified !== undefined && paths.size === 1 ? 2 : 1;
  const dirOf = (controller: string): string | undefined => (version === 2 ? unified : paths.get(controller));
  let enabled: readonly string[] | undefined;
  return {
    version,
    has: (controller) => {
      if (version === 1) return paths.has(controller);
      enabled ??= (readTextIfThere(`${unified}/cgroup.controllers`) ?? "").trim().split(" ");
      return enabled.includes(controller);
    },
    whyMissing: (controller) => (unified === undefined ? undefined : whyDisabled(controller, unified)),
    read: (controller, file) => {
      const dir = dirOf(controller);
      return dir === undefined ? undefined : readTextIfThere(`${dir}/${file}`);
    },
  };
}

/** Performs the writes; those that only had to wait for another one are tried again after all others. */
function applyWrites(paths: CgroupPaths, writes: readonly CgroupWrite[], done: Change[]): void {
  const todo = [...writes];
  for (let write = todo.shift(); write !== undefined; write = todo.shift()) {
    const { dir } = setStep(paths, write);
    const change = inspect(write, dir);
    if (change === undefined || change.before === change.write.value) continue;
    const companions = companionsOf(change, dir);
    const failure = writeValue(change.path, change.write.value);
    if (failure === undefined) append(done, [...companions, change]);
    else if (failure.errno === "EINVAL" && write.again === true) todo.push({ ...write, again: false });
    else throw explainRefusal(change.write, failure.errno, dir, failure.syscall);
  }
}

/** An idle cgroup loses its share of the processors, and gets the default one afterwards (kernel/sched/fair.c). */
function companionsOf({ write, before }: Change, dir: string): Change[] {
  if (write.file !== "cpu.idle" || before !== "0") return [];
  const found: Change[] = [];
  for (const file of ["cpu.shares", "cpu.weight"]) {
    const share = inspect(
      { controller: write.controller, file, value: "", pointer: write.pointer, ifThere: true },
      dir,
    );
    if (share?.before !== undefined) found.push({ ...share, companion: true });
  }
  return found;
}

/** What a write would change, under the name that the file has on this kernel; `undefined` where it can be left out. */
function inspect(write: CgroupWrite, dir: string): Change | undefined {
  const { instead, ...rest } = write;
  const path = `${dir}/${write.file}`;
  const text = readIfReadable(path);
  if (text === "absent") {
    if (instead !== undefined) return inspect({ ...rest, ...instead }, dir);
    if (write.ifThere === true) return undefined;
  }
  const before =
    text === "absent" || text === "unreadable" ? undefined : heldValue(write.file, write.value, text.text);
  return { write, path, before };
}

function readIfReadable(path: string): { readonly text: string } | "absent" | "unreadable" {
  try {
    const text = readTextIfThere(path);
    return text === undefined ? "absent" : { text };
  } catch (error) {
    // Some files of `unified` are commands, such as memory.reclaim.
    if (error instanceof SystemError) return "unreadable";
    throw error;
  }
}

/** How often a write is tried that a signal has interrupted. */
const INTERRUPTED_MAX = 10;

function writeValue(path: string, text: string) {
  for (let tries = 1; ; tries++) {
    const failure = perform([{ do: "write", path, text }]);
    if (failure?.errno !== "EINTR" || tries === INTERRUPTED_MAX) return failure;
  }
}

/** @throws StateError `busy` for the first value that the kernel does not hold */
function verify(done: readonly Change[]): void {
  const asked = done.filter(({ companion }) => companion === undefined);
  const last = new Map(asked.map((change) => [slot(change), change]));
  for (const { write, path, before } of last.values()) {
    const text = before === undefined ? "absent" : readIfReadable(path);
    if (text === "absent" || text === "unreadable") continue;
    const held = heldValue(write.file, write.value, text.text);
    if (agrees(write.file, write.value, held)) continue;
    throw new StateError(
      "busy",
      `${path} was set to ${JSON.stringify(write.value)}, but it holds ${JSON.stringify(held)}`,
      {
        pointer: write.pointer,
        hint: "another program changes this cgroup, or the kernel has changed the value",
      },
    );
  }
}

function slot({ path, write }: Change): string {
  return `${path} ${slotOf(write.file, write.value)}`;
}

/** Writes the old values in reverse order, so that the kernel sees only states that it has accepted before. */
function putBack(done: readonly Change[], error: unknown): void {
  for (const { path, before } of [...done].reverse()) {
    const failure = before === undefined ? undefined : writeValue(path, before);
    if (failure !== undefined) follow(error, failure.syscall, failure.errno, path, before ?? "");
  }
}

function follow(error: unknown, syscall: string, errno: string, path: string, value: string): void {
  if (!(error instanceof TsrunError)) return;
  const doing = `cannot put ${path} back to ${JSON.stringify(value)}`;
  error.followedBy.push(new SystemError(syscall, errno, path, { doing }));
}

function readDevices(paths: CgroupPaths) {
  return parseDeviceList(readTextIfThere(`${paths.get("devices") ?? ""}/devices.list`) ?? "");
}

/** @throws SystemError; then the list is what it was, unless it allowed everything */
function changeDevices(paths: CgroupPaths, writes: readonly CgroupWrite[]): void {
  const before = readDevices(paths);
  for (const write of writes) {
    const { dir } = setStep(paths, write);
    const failure = writeValue(`${dir}/${write.file}`, write.value);
    if (failure === undefined) continue;
    const error = explainRefusal(write, failure.errno, dir, failure.syscall);
    const undo = before.allowAll ? [] : deviceChanges(readDevices(paths), before);
    for (const { file, value } of undo) {
      const later = writeValue(`${dir}/${file}`, value);
      if (later !== undefined) follow(error, later.syscall, later.errno, `${dir}/${file}`, value);
    }
    throw error;
  }
}
