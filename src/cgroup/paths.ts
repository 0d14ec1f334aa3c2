/**
 * Where a container's cgroup lies in each hierarchy (runtime-spec config-linux.md, "Cgroups Path"). Lexical only.
 */
import { BundleError } from "../error.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";

/**
 * A container's cgroup folders by controller name, `name=systemd` for systemd's own hierarchy and `""` for the unified
 * one: the same keys as `cgroup_paths` of runc's state.json. Controllers mounted together share a folder.
 */
export type CgroupPaths = ReadonlyMap<string, string>;

/**
 * The container's cgroup folder in each hierarchy, keyed by the hierarchy's mount point. An absolute `cgroupsPath` is
 * taken from the mount point; a relative one from tsrun's own cgroup, on pure v2 from the folder above it, since a
 * cgroup with processes cannot hand controllers down; without one the container's id is the relative path. runc does
 * the same. Hierarchies named by others than systemd get none.
 * @throws BundleError `range` when the path names no cgroup of its own: limits would hit a cgroup with other processes
 */
export function cgroupDirs(
  facts: CgroupFacts,
  cgroupsPath: string | undefined,
  id: string,
): Map<string, string> {
  const wanted = cgroupsPath === undefined || cgroupsPath === "" ? id : cgroupsPath;
  const inner = clean(wanted);
  if (inner === "") {
    throw new BundleError(
      "range",
      "/linux/cgroupsPath",
      `cgroupsPath ${JSON.stringify(wanted)} is not a cgroup of the container's own`,
      "name a folder, or leave cgroupsPath out",
    );
  }
  const dirs = new Map<string, string>();
  for (const hierarchy of facts.hierarchies) {
    if (isForeign(hierarchy)) continue;
    const base = wanted.startsWith("/") ? "" : ownCgroup(hierarchy, facts.mode);
    dirs.set(hierarchy.mountpoint, join(hierarchy.mountpoint, base, inner));
  }
  return dirs;
}

/** Whether the container's controllers are those of cgroup v2. */
export function isV2(paths: CgroupPaths): boolean {
  return paths.size === 1 && paths.has("");
}

/** The folders of {@link cgroupDirs} by controller. Hierarchies that are not in `dirs` are left out. */
export function cgroupPaths(facts: CgroupFacts, dirs: ReadonlyMap<string, string>): Map<string, string> {
  const paths = new Map<string, string>();
  for (const { controllers, mountpoint } of facts.hierarchies) {
    const dir = dirs.get(mountpoint);
    if (dir === undefined) continue;
    if (controllers.length === 0) paths.set("", dir);
    for (const controller of controllers) paths.set(controller, dir);
  }
  return paths;
}

function isForeign({ version, controllers }: Hierarchy): boolean {
  return version === 1 && controllers.every((name) => name.startsWith("name=") && name !== "name=systemd");
}

/** tsrun's own cgroup's folder; the mount point where it cannot be seen. */
export function ownFolder(hierarchy: Hierarchy): string {
  return join(hierarchy.mountpoint, "", ownCgroup(hierarchy, "hybrid"));
}

/** tsrun's own cgroup as a path below the mount point, `""` for the mount point itself. */
function ownCgroup({ version, root, own }: Hierarchy, mode: CgroupFacts["mode"]): string {
  const visible = clean(root);
  let inside = clean(own);
  // In a container without a cgroup namespace the mount shows only a part of the hierarchy (docker in docker). An own
  // cgroup outside that part cannot be reached: take the top of what is visible.
  if (visible !== "") {
    if (inside === visible) inside = "";
    else if (inside.startsWith(`${visible}/`)) inside = inside.slice(visible.length + 1);
    else inside = "";
  }
  return version === 2 && mode === "v2" ? inside.slice(0, Math.max(inside.lastIndexOf("/"), 0)) : inside;
}

/** The path without empty parts, `.` and `..`, relative, never above where it starts. */
function clean(path: string): string {
  if (path === "/") return "";
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function join(mountpoint: string, base: string, inner: string): string {
  const root = mountpoint === "/" ? "" : mountpoint;
  return `${root}${base === "" ? "" : `/${base}`}${inner === "" ? "" : `/${inner}`}`;
}
