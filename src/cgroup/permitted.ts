/** In which hierarchies a caller that is not the host's root may make a container's cgroup. */
import { SystemError } from "../error.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { kindOf } from "../sys/files.ts";
import { accessError } from "../sys/inspect.ts";
import { ownFolder } from "./paths.ts";
import { ancestors } from "./steps.ts";

/** How an ordinary user gets a cgroup of his own from systemd. */
export const DELEGATE = "systemd-run --user --scope -p Delegate=yes";

/**
 * Those of the folders (by mount point, from `cgroupDirs`) that this process may make or use. Without a path of its own
 * choosing a container stays in tsrun's own cgroup wherever it gets none, as with runc; a path that is asked for has to be.
 *
 * @param asked whether config.json has a cgroupsPath
 * @throws SystemError for a folder that is out of reach although it was asked for
 */
export function permittedDirs(
  facts: CgroupFacts,
  dirs: ReadonlyMap<string, string>,
  asked: boolean,
): ReadonlyMap<string, string> {
  const permitted = new Map<string, string>();
  for (const hierarchy of facts.hierarchies) {
    const dir = dirs.get(hierarchy.mountpoint);
    if (dir === undefined) continue;
    const refused = refusal(hierarchy, dir);
    if (refused === undefined) permitted.set(hierarchy.mountpoint, dir);
    else if (asked) throw forbidden(hierarchy, dir, refused);
  }
  return permitted;
}

/** What the kernel will refuse, and why: making the folder, or moving a process there. */
function refusal(
  hierarchy: Hierarchy,
  dir: string,
): { readonly path: string; readonly errno: string } | undefined {
  const { version, mountpoint } = hierarchy;
  const there = kindOf(dir) === "dir";
  const needed = [];
  if (there) needed.push(`${dir}/${version === 1 ? "tasks" : "cgroup.procs"}`);
  else needed.push(nearest(mountpoint, dir));
  // On cgroup v2 who moves a process needs the cgroup that holds both its old and its new one (cgroups(7), delegation).
  if (version === 2) needed.push(`${commonFolder(mountpoint, ownFolder(hierarchy), dir)}/cgroup.procs`);
  for (const path of needed) {
    const errno = accessError(path, "write");
    if (errno !== undefined) return { path, errno };
  }
  return undefined;
}

/** The lowest folder above `dir` that is there. */
function nearest(mountpoint: string, dir: string): string {
  return ancestors(mountpoint, dir).findLast((above) => kindOf(above) === "dir") ?? mountpoint;
}

/** The lowest folder at or below the mount point that holds both. Pure. */
export function commonFolder(mountpoint: string, a: string, b: string): string {
  let common = mountpoint;
  for (const above of [...ancestors(mountpoint, a).slice(1), a]) {
    if (b !== above && !b.startsWith(`${above}/`)) break;
    common = above;
  }
  return common;
}

function forbidden(
  { version, controllers }: Hierarchy,
  dir: string,
  { path, errno }: { readonly path: string; readonly errno: string },
): SystemError {
  const which = version === 2 ? "cgroup v2" : controllers.join(",");
  return new SystemError("access", errno, path, {
    doing: `cannot make cgroup ${dir} (${which}): ${path} cannot be written`,
    pointer: "/linux/cgroupsPath",
    hint: `leave cgroupsPath out, name one below a cgroup that is delegated to you (${DELEGATE}), or run as root`,
  });
}
