/** Giving a container's cgroup to the user of its process (runtime-spec config-linux.md, Cgroup ownership). */
import type { Bundle } from "../bundle/types.ts";
import { SystemError } from "../error.ts";
import type { CgroupFacts } from "../plan/facts.ts";
import { isNew } from "../plan/namespaces.ts";
import { cleanPath } from "../plan/paths.ts";
import { type FileAction, perform, readTextIfThere } from "../sys/files.ts";

/** Which files may be another's without giving him a way out (Documentation/admin-guide/cgroup-v2.rst, Model of Delegation). */
const DELEGATE = "/sys/kernel/cgroup/delegate";

/** What older kernels have instead of that list. */
const USUAL = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/**
 * Who is to own the container's cgroup, as the host numbers him: on cgroup v2 the user of the process, where the container sees
 * its cgroup alone and may write to it. `undefined` where it stays tsrun's. Pure.
 */
export function cgroupOwner(bundle: Bundle, mode: CgroupFacts["mode"]): number | undefined {
  const { process, mounts, linux } = bundle;
  if (mode !== "v2" || process === undefined || !isNew(bundle, "cgroup")) return undefined;
  const mount = mounts.find(({ destination }) => cleanPath(destination) === "/sys/fs/cgroup");
  if (mount === undefined || !["cgroup", "cgroup2"].includes(mount.type ?? "")) return undefined;
  if (mount.options.findLast((option) => option === "ro" || option === "rw") === "ro") return undefined;
  const { uid } = process.user;
  if (!linux.namespaces.some(({ type }) => type === "user")) return uid === 0 ? undefined : uid;
  const mapping = linux.uidMappings.find(
    ({ containerID, size }) => uid >= containerID && uid - containerID < size,
  );
  return mapping === undefined ? undefined : mapping.hostID + uid - mapping.containerID;
}

/** Makes a cgroup of v2 another's, with the files that the kernel names for it. @throws SystemError */
export function giveCgroup(dir: string, uid: number): void {
  const list = readTextIfThere(DELEGATE)?.split("\n") ?? USUAL;
  const actions: FileAction[] = [{ do: "chown", path: dir, uid }];
  for (const file of list) {
    if (file !== "") actions.push({ do: "chown", path: `${dir}/${file}`, uid, ifThere: true });
  }
  const failure = perform(actions);
  if (failure === undefined) return;
  const path = actions[failure.index]?.path ?? dir;
  throw new SystemError(failure.syscall, failure.errno, path, {
    doing: `cannot give ${path} to user ${uid}`,
    pointer: "/linux/cgroupsPath",
  });
}
