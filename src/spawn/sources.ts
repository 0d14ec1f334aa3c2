/** Mount sources that the host opens for tsrun-init: what a mapped root could not reach, and id-mapped mounts. */
import { errnoText, type Pointer, SystemError } from "../error.ts";
import type { HostSource } from "../plan/ops.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, readText, readTextIfThere } from "../sys/files.ts";
import { checked, errnoName, lib } from "../sys/lib.ts";
import type { Pidfd } from "../sys/process.ts";
import { mapText } from "./idmaps.ts";

function userNamespace(source: HostSource, first: Pidfd): Handle | undefined {
  const { idmap } = source;
  switch (idmap.kind) {
    case "none":
      return undefined;
    case "container":
      return Handle.open(`/proc/${first.pid}/ns/user`, O.RDONLY);
    case "own": {
      const fd = lib().ts_userns(cstring(mapText(idmap.uid)), cstring(mapText(idmap.gid)));
      return new Handle(checked(fd, "clone", "a user namespace with the mount's mappings"));
    }
    default:
      return idmap satisfies never;
  }
}

/** The error for a source that cannot be opened. */
export function refusedSource(path: string, errno: string, pointer: Pointer): SystemError {
  return new SystemError("open_tree", errno, path, {
    doing: `open the mount source ${path}`,
    pointer,
    hint: sourceHint(errno, pointer),
  });
}

function sourceHint(errno: string, pointer: string): string | undefined {
  if (errno === "EINVAL") return "the source is an unbindable mount";
  if (errno === "EPERM") {
    return "tsrun must be root of the user namespace that owns its mounts: as with unshare --user --map-root-user --mount";
  }
  if (errno !== "ENOENT") return undefined;
  return pointer.startsWith("/linux/devices")
    ? "in a user namespace a device is the host's own at the same path, where there is none"
    : "make the file or folder on the host, or correct the path";
}

/** What the kernel says of a mapping depends on the filesystem alone, so that the error names it. */
function refusedMapping({ path, pointer, idmap }: HostSource, errno: string): SystemError {
  const type = filesystemOf(readText("/proc/self/mountinfo", 64 << 20), path) ?? "filesystem";
  const kernel = readTextIfThere("/proc/sys/kernel/osrelease")?.trim() ?? "unknown";
  const below = idmap.kind !== "none" && idmap.recursive ? ", or one mounted below it," : "";
  return new SystemError("mount_setattr", errno, path, {
    doing: `id-map the mount of ${path} (${type})`,
    pointer,
    hint:
      errno === "EINVAL"
        ? `${type} at ${path}${below} does not support id-mapped mounts on kernel ${kernel}: put it on ext4, xfs or btrfs, or take the mapping away`
        : `${errnoText(errno)}: id-mapping needs CAP_SYS_ADMIN where the filesystem was mounted, and a mapping of its own`,
  });
}

/** The type of the filesystem that holds a path, from the text of a mountinfo (proc_pid_mountinfo(5)). Links are not followed. Pure. */
export function filesystemOf(mountinfo: string, path: string): string | undefined {
  let best = "";
  let type: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [mount = "", filesystem] = line.split(" - ");
    const point = (mount.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    );
    const holds = point === "/" || path === point || path.startsWith(`${point}/`);
    // Of several mounts at one place the last is on top.
    if (!holds || point.length < best.length) continue;
    best = point;
    type = filesystem?.split(" ")[0];
  }
  return type;
}

/** A detached copy of the source's tree, id-mapped where the plan wants it. @throws SystemError */
export function openSource(source: HostSource, first: Pidfd): Handle {
  const namespace = userNamespace(source, first);
  const recursive = source.idmap.kind !== "none" && source.idmap.recursive;
  const fd = lib().ts_tree(
    cstring(source.path),
    source.recursive ? 1 : 0,
    namespace?.fd ?? -1,
    recursive ? 1 : 0,
  );
  namespace?.close();
  if (fd >= 0) return new Handle(fd);
  const errno = errnoName(-fd);
  if (namespace === undefined || errno === "ENOENT") {
    throw refusedSource(source.path, errno, source.pointer);
  }
  throw refusedMapping(source, errno);
}
