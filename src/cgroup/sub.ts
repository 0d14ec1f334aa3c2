/** Which cgroups a further process of a container enters: the container's, or ones below those. */
import { SystemError, UsageError } from "../error.ts";
import { readTextIfThere } from "../sys/files.ts";
import type { CgroupPaths } from "./paths.ts";

/**
 * The cgroups for `exec`.
 *
 * @param wanted `--cgroup` as given: nothing, one `PATH` for every hierarchy, or `CONTROLLER[,CONTROLLER...]:PATH`s
 * @param first the container's first process
 * @throws UsageError for a path that does not stay below the container's cgroup
 */
export function execCgroups(paths: CgroupPaths, wanted: readonly string[], first: number): CgroupPaths {
  if (wanted.length === 0) return besideFirst(paths, first);
  const below = new Map(paths);
  const seen = new Set<string>();
  for (const argument of wanted) {
    const [head = "", tail, ...rest] = argument.split(":");
    if (rest.length > 0) throw invalid(argument, "it has more than one colon");
    if (tail === undefined) {
      if (wanted.length > 1) throw invalid(argument, "missing <controller>: prefix");
      for (const [controller, dir] of paths) below.set(controller, subPath(dir, head));
      return below;
    }
    for (const controller of head.split(",")) {
      if (seen.has(controller)) throw invalid(argument, `controller ${controller} specified multiple times`);
      seen.add(controller);
      const dir = paths.get(controller);
      if (dir === undefined) {
        throw new UsageError(`unknown controller ${controller} in SubCgroupPaths`, {
          hint: `this container has: ${[...paths.keys()].filter((name) => name !== "").join(", ")}`,
        });
      }
      below.set(controller, subPath(dir, tail));
    }
  }
  return below;
}

/** Ordinary names joined by single slashes, so that no path can lead out, and none looks like one that stays. */
function subPath(dir: string, path: string): string {
  if (path === "" || path === "/" || path === ".") return dir;
  const ordinary = path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
  if (ordinary && !/[\u0000-\u001f\u007f]/.test(path)) return `${dir}/${path}`;
  throw new UsageError(`${path} is not a sub cgroup path`, {
    hint: "--cgroup takes a path below the container's own cgroup, such as a/b",
  });
}

function invalid(argument: string, why: string): UsageError {
  return new UsageError(`invalid --cgroup argument: ${argument} (${why})`, {
    hint: "write --cgroup PATH once, or --cgroup CONTROLLER:PATH for each",
  });
}

/**
 * On cgroup v2 a cgroup that hands controllers down holds no process itself, so an init that manages cgroups of its own has
 * moved below. There the new process goes where that one is.
 */
function besideFirst(paths: CgroupPaths, first: number): CgroupPaths {
  const unified = paths.get("");
  if (paths.size !== 1 || unified === undefined) return paths;
  const handed = readTextIfThere(`${unified}/cgroup.subtree_control`)?.trim() ?? "";
  if (handed === "") return paths;
  const now = /^0::(.*)$/m.exec(cgroupOf(first))?.[1] ?? "";
  // tsrun sees the hierarchy from its own root: the container's cgroup ends somewhere in what the kernel says.
  const name = unified.slice(unified.lastIndexOf("/"));
  const at = now.lastIndexOf(`${name}/`);
  return at < 0 ? paths : new Map([["", `${unified}${now.slice(at + name.length)}`]]);
}

function cgroupOf(pid: number): string {
  try {
    return readTextIfThere(`/proc/${pid}/cgroup`) ?? "";
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== "ENAMETOOLONG") throw error;
    throw new SystemError("read", error.code, `/proc/${pid}/cgroup`, {
      doing: "cannot find out the cgroup of the container's first process, which the new one would join",
      hint: "it has moved into a cgroup whose path is longer than the kernel shows: name another one with --cgroup",
    });
  }
}
