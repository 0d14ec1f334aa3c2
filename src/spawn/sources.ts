/** Mount sources that the host opens for tsrun-init: what a mapped root could not reach, and id-mapped mounts. */
import { errnoText, type Pointer, SystemError } from "../error.ts";
import type { HostSource } from "../plan/ops.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle } from "../sys/files.ts";
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
  if (errno !== "ENOENT") return undefined;
  return pointer.startsWith("/linux/devices")
    ? "in a user namespace a device is the host's own at the same path, where there is none"
    : "make the file or folder on the host, or correct the path";
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
  throw new SystemError("mount_setattr", errno, source.path, {
    doing: `id-map the mount of ${source.path}`,
    pointer: source.pointer,
    hint:
      errno === "EINVAL"
        ? `the filesystem at ${source.path} does not support id-mapped mounts on this kernel`
        : `${errnoText(errno)}: id-mapping needs CAP_SYS_ADMIN where the filesystem was mounted`,
  });
}
