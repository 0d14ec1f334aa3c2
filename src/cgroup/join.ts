/**
 * Putting a container's first process into its cgroups. On v1 it has one thread, and writes `0` into each hierarchy's
 * `tasks` itself: the kernel moves a thread that asks for it without its lock of all thread
 * groups (kernel/cgroup/cgroup.c, cgroup_procs_write_start), which costs an RCU grace period: 5 to 15 ms were measured
 * for writing a pid to cgroup.procs, 0.1 ms for this. On the unified hierarchy the first process is cloned into its
 * cgroup (CLONE_INTO_CGROUP, kernel 5.7), which needs no lock either.
 */
import { SystemError } from "../error.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, perform } from "../sys/files.ts";
import { distinct } from "./members.ts";
import type { CgroupPaths } from "./paths.ts";

/** Descriptors that let one process into a container's cgroups. */
export interface Entrance {
  /** The `tasks` files of the v1 hierarchies, then the unified hierarchy's folder where there is one. */
  readonly handles: readonly Handle[];
  /** The cgroup folder that each of them belongs to. */
  readonly dirs: readonly string[];
  /** Whether the last one is the unified folder, to be cloned into. */
  readonly unified: boolean;
}

/**
 * Opens the entrance of a container's cgroups.
 *
 * @param pid stage one, moved into the unified cgroup by this call where it is in another user namespace: the kernel
 *   lets a process clone only into a cgroup that it may write to itself; `undefined` otherwise
 * @throws SystemError
 */
export function openEntrance(paths: CgroupPaths, pid: number | undefined): Entrance {
  const last = paths.get("");
  const dirs = distinct(paths);
  const handles: Handle[] = [];
  try {
    for (const dir of dirs) {
      if (dir !== last) handles.push(Handle.open(`${dir}/tasks`, O.WRONLY));
      else if (pid === undefined) handles.push(Handle.open(dir, O.RDONLY | O.DIRECTORY));
      else move(dir, pid);
    }
  } catch (error) {
    for (const handle of handles) handle.close();
    throw error;
  }
  return { handles, dirs, unified: last !== undefined && pid === undefined };
}

/** Moves a process into each of a container's cgroups. @throws SystemError */
export function moveInto(paths: CgroupPaths, pid: number): void {
  for (const dir of distinct(paths)) move(dir, pid);
}

function move(dir: string, pid: number): void {
  const failure = perform([{ do: "write", path: `${dir}/cgroup.procs`, text: String(pid) }]);
  if (failure !== undefined) throw entranceError(dir, failure.syscall, failure.errno);
}

const HINTS: { readonly [errno: string]: string } = {
  ENODEV: "the cgroup was removed meanwhile",
  ENOENT: "the cgroup was removed meanwhile",
  ENOSPC: "cpuset.cpus or cpuset.mems of this cgroup is empty",
  EBUSY:
    "on cgroup v2 a cgroup that hands controllers down (cgroup.subtree_control) can hold no process itself",
  EOPNOTSUPP: "on cgroup v2 this cgroup is threaded or in an invalid domain (see cgroup.type)",
  EAGAIN: "a limit of processes (pids.max) of the cgroup, or of one above it, is reached",
  ENOMEM: "the memory limit is too small for one process",
  EACCES:
    "tsrun may not move processes into this cgroup; on cgroup v1 a user may move only processes with his own id, which the container's root has where containerID 0 is mapped to it",
  EINVAL: "a realtime process needs cpu.realtimeRuntime in the container's resources",
};

const POINTERS: { readonly [errno: string]: string } = {
  EAGAIN: "/linux/resources/pids/limit",
  ENOMEM: "/linux/resources/memory/limit",
  ENOSPC: "/linux/resources/cpu",
};

/** The error for a process that could not get into a cgroup. */
export function entranceError(dir: string, syscall: string, errno: string): SystemError {
  return new SystemError(syscall, errno, dir, {
    doing: `move the container's first process into cgroup ${dir}`,
    pointer: POINTERS[errno] ?? "/linux/cgroupsPath",
    hint: HINTS[errno],
  });
}
