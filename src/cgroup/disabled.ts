/**
 * Why a controller of cgroup v2 is not in a cgroup (kernel Documentation/admin-guide/cgroup-v2.rst, "Top-down Constraint" and
 * "No Internal Process Constraint"). Reads and tries, only after a failure.
 */
import { perform, readTextIfThere } from "../sys/files.ts";
import { namedPids, pidsIn } from "./members.ts";

/**
 * One clause about the cgroup that does not hand `controller` down to `dir`: what keeps it from doing so, and what to do.
 * `undefined` on v1, and where the controller is in `dir`.
 */
export function whyDisabled(controller: string, dir: string): string | undefined {
  const own = controllersOf(dir);
  if (own === undefined || own.includes(controller)) return undefined;
  let top = dir;
  for (let above = parentOf(dir); above !== ""; above = parentOf(above)) {
    const there = controllersOf(above);
    if (there === undefined) break;
    if (there.includes(controller)) return obstacle(controller, above);
    top = above;
  }
  return `${top}/cgroup.controllers has no ${controller}: this kernel does not offer it on cgroup v2, a v1 hierarchy uses it, or the cgroup above does not hand it down`;
}

function controllersOf(dir: string): readonly string[] | undefined {
  return readTextIfThere(`${dir}/cgroup.controllers`)?.trim().split(" ");
}

function parentOf(dir: string): string {
  return dir.slice(0, dir.lastIndexOf("/"));
}

/** Asks the kernel once more, since only its answer tells what the obstacle is. */
function obstacle(controller: string, dir: string): string {
  const path = `${dir}/cgroup.subtree_control`;
  const errno = perform([{ do: "write", path, text: `+${controller}` }])?.errno;
  switch (errno) {
    case undefined:
      return `${path} has been changed meanwhile: try again`;
    case "EBUSY": {
      const names = namedPids(pidsIn(dir));
      return (
        `${dir} cannot hand ${controller} down while it has processes of its own${names === "" ? "" : `: ${names}`}; ` +
        `move them into a cgroup below it (mkdir ${dir}/inner, then each pid into ${dir}/inner/cgroup.procs), or name another cgroupsPath`
      );
    }
    case "EOPNOTSUPP":
      return `${dir} is ${readTextIfThere(`${dir}/cgroup.type`)?.trim() ?? "threaded"}, and such a cgroup cannot hand ${controller} down: name a cgroupsPath outside of it`;
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `${path} may not be written (${errno}): have ${controller} delegated to this user (with systemd: Delegate=${controller}), or run as root`;
    default:
      return `the kernel refuses +${controller} in ${path} (${errno})`;
  }
}
