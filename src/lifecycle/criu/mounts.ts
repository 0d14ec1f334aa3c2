/**
 * The mounts of a container that come from outside, which criu neither saves nor makes: binds of the host's folders and devices, and
 * the null device over masked files. Each has a name in the image: its mount point, or /dev/null. Pure.
 */
import type { Pair } from "../../spawn/criu/messages.ts";

/** One bind of config.json: where it is in the container, resolved, and what of the host is there. */
export interface OutsideMount {
  readonly point: string;
  readonly source: string;
  /** What is mounted below the source comes with it. */
  readonly recursive: boolean;
}

/** What the mounts of a container are, by their mount points; all resolved. */
export interface Places {
  readonly outside: readonly OutsideMount[];
  /** Those that are the container's own: filesystems of config.json. */
  readonly own: readonly string[];
  /** Masked paths. */
  readonly masked: readonly string[];
}

const NULL_DEVICE = "/dev/null";

/** The mount points of a mountinfo (proc_pid_mountinfo(5)), each with the type of its filesystem. */
export function mountsIn(mountinfo: string): readonly { readonly point: string; readonly type: string }[] {
  const found: { point: string; type: string }[] = [];
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const point = before.split(" ")[4];
    if (point === undefined) continue;
    found.push({
      point: point.replace(/\\([0-7]{3})/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      ),
      type: after.split(" ")[0] ?? "",
    });
  }
  return found;
}

/** Whether a path is a folder's or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

/** The mount of config.json that a mount point belongs to: the deepest one above it, or itself. */
function ownerOf(point: string, { outside, own }: Places): OutsideMount | undefined {
  let best = 0;
  let found: OutsideMount | undefined;
  for (const mount of outside) {
    if (isBelow(point, mount.point) && mount.point.length > best) {
      best = mount.point.length;
      found = mount;
    }
  }
  for (const folder of own) if (isBelow(point, folder) && folder.length > best) return undefined;
  return found;
}

/** For a dump: the mount points of the container's mountinfo that are from outside, with the names they get. */
export function dumpedMounts(mountinfo: string, places: Places): readonly Pair[] {
  const found = new Map<string, string>();
  for (const { point, type } of mountsIn(mountinfo)) {
    // A masked folder is a tmpfs of its own.
    if (places.masked.includes(point)) {
      if (type !== "tmpfs" || isNullDevice(mountinfo, point)) found.set(point, NULL_DEVICE);
    } else if (ownerOf(point, places) !== undefined) {
      found.set(point, point);
    }
  }
  return [...found];
}

/** The host's /dev is a tmpfs in some places, of which a masked file shows the one node. */
function isNullDevice(mountinfo: string, point: string): boolean {
  return mountinfo.split("\n").some((line) => {
    const [, , , root, at] = line.split(" ");
    return at === point && root !== "/";
  });
}

/**
 * For a restore: what is mounted for each name. `further` are places below binds that config.json covers once more (read-only
 * paths), `mountinfo` is the host's, `nullDevice` what comes over masked files.
 */
export function restoredMounts(
  places: Places,
  further: readonly string[],
  mountinfo: string,
  nullDevice: string,
): readonly Pair[] {
  const found = new Map<string, string>();
  for (const mount of places.outside) {
    found.set(mount.point, mount.source);
    if (!mount.recursive) continue;
    for (const { point } of mountsIn(mountinfo)) {
      if (point !== mount.source && isBelow(point, mount.source)) {
        const name = mount.point + point.slice(mount.source === "/" ? 0 : mount.source.length);
        if (ownerOf(name, places) === mount) found.set(name, point);
      }
    }
  }
  for (const point of further) {
    const owner = ownerOf(point, places);
    if (owner !== undefined && owner.point !== point) {
      found.set(point, owner.source + point.slice(owner.point.length));
    }
  }
  if (places.masked.length > 0) found.set(NULL_DEVICE, nullDevice);
  return [...found];
}
