/** A bundle's mounts as criu has to know them, and the places for them in a root where a container is restored. */

import type { Bundle, Mount } from "../../bundle/types.ts";
import { ownFolder } from "../../cgroup/paths.ts";
import { SystemError } from "../../error.ts";
import { append } from "../../lists.ts";
import { bindSource, isBind } from "../../plan/binds.ts";
import { DEFAULT_DEVICES } from "../../plan/devices.ts";
import { pointerTo } from "../../plan/draft.ts";
import type { CgroupFacts } from "../../plan/facts.ts";
import { namespaceOf } from "../../plan/namespaces.ts";
import { NOTIFY_FOLDER } from "../../plan/notify.ts";
import { baseName, cleanPath, dirName, join } from "../../plan/paths.ts";
import { cstring } from "../../sys/bytes.ts";
import { kindOf } from "../../sys/files.ts";
import { resolveIn } from "../../sys/inspect.ts";
import { errnoName, lib } from "../../sys/lib.ts";
import { isBelow, type OutsideMount, type Places } from "./mounts.ts";

/** What {@link placesOf} needs to know of the container. */
export interface PlacesFacts {
  /** Where its paths are looked up: its root, before or behind its mounts. */
  readonly root: string;
  readonly cgroups: CgroupFacts;
  /** The container's folder in each hierarchy, by its mount point. */
  readonly cgroupDirs: ReadonlyMap<string, string>;
  /** The host's folder of its socket for notifications. */
  readonly notify: string;
}

/** Where a path of the container's leads: links followed as far as there is something. */
function resolved(root: string, path: string): string {
  const clean = cleanPath(path);
  let rest = "";
  for (let at = clean; at !== "/"; at = dirName(at)) {
    const found = resolveIn(root, at);
    if ("path" in found) return cleanPath(inside(root, found.path) + rest);
    rest = `/${baseName(at)}${rest}`;
  }
  return clean;
}

/** `/proc/PID/root` is another tree, whose paths the kernel gives as they are seen there. */
function inside(root: string, path: string): string {
  if (root.startsWith("/proc/")) return path;
  const real = resolveIn("/", root);
  return "path" in real && isBelow(path, real.path) ? path.slice(real.path.length) : path;
}

function isRemount({ options }: Mount): boolean {
  return options.includes("remount");
}

/** The bundle's mounts, sorted by where they come from. */
export function placesOf(bundle: Bundle, facts: PlacesFacts): Places {
  const outside: OutsideMount[] = [{ point: NOTIFY_FOLDER, source: facts.notify, recursive: false }];
  const own: string[] = [];
  const at = (path: string): string => resolved(facts.root, path);
  for (const mount of bundle.mounts) {
    if (isRemount(mount)) continue;
    const point = at(mount.destination);
    if (isBind(mount)) {
      const recursive = mount.options.includes("rbind");
      const source = bindSource(bundle, mount);
      const real = recursive ? resolveIn("/", source) : undefined;
      outside.push({ point, source: real !== undefined && "path" in real ? real.path : source, recursive });
    } else {
      own.push(point);
      if (mount.type === "cgroup") append(outside, cgroupBinds(bundle, facts, point));
    }
  }
  // With a user namespace these are the host's own.
  for (const path of [
    ...DEFAULT_DEVICES.map(([name]) => name),
    ...bundle.linux.devices.map((each) => each.path),
  ]) {
    const point = cleanPath(path);
    outside.push({ point, source: point, recursive: false });
  }
  return { outside, own, masked: bundle.linux.maskedPaths.map(at) };
}

/** Without a cgroup namespace the container's cgroups are bound (src/plan/cgroup-mount.ts). */
function cgroupBinds(bundle: Bundle, { cgroups, cgroupDirs }: PlacesFacts, point: string): OutsideMount[] {
  if (namespaceOf(bundle, "cgroup") !== undefined) return [];
  const found: OutsideMount[] = [];
  for (const hierarchy of cgroups.hierarchies) {
    const { version, mountpoint } = hierarchy;
    const source = cgroupDirs.get(mountpoint) ?? ownFolder(hierarchy);
    if (cgroups.mode === "v2") found.push({ point, source, recursive: true });
    else if (version === 1) found.push({ point: join(point, baseName(mountpoint)), source, recursive: true });
  }
  return found;
}

/** Read-only paths that cover a part of a bind. */
export function coveredPlaces(bundle: Bundle, root: string): readonly string[] {
  return bundle.linux.readonlyPaths.map((path) => resolved(root, path));
}

/**
 * Makes what is mounted upon where it is missing, as `create` does; what lies in a filesystem of the container's own comes with
 * the image. @throws SystemError with the mount's place
 */
export function makePlaces(bundle: Bundle, places: Places, root: string): void {
  bundle.mounts.forEach((mount, index) => {
    if (isRemount(mount)) return;
    const point = resolved(root, mount.destination);
    if (places.own.some((folder) => folder !== point && folder !== "/" && isBelow(point, folder))) return;
    let above: OutsideMount | undefined;
    for (const each of places.outside) {
      const deeper = each.point.length > (above?.point.length ?? 0);
      if (each.point !== point && isBelow(point, each.point) && deeper) above = each;
    }
    const folder = !isBind(mount) || kindOf(bindSource(bundle, mount)) === "dir";
    const [tree, path] =
      above === undefined ? [root, mount.destination] : [above.source, point.slice(above.point.length)];
    const answer = lib().ts_make_place(cstring(tree), cstring(path), folder ? 1 : 0);
    if (answer < 0) {
      throw new SystemError("mkdirat", errnoName(-answer), mount.destination, {
        doing: `make the place for the mount at ${mount.destination}`,
        pointer: pointerTo("mounts", index, "destination"),
      });
    }
  });
}
