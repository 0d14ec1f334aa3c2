/** The kernel, and the namespaces that it makes for this caller. */
import { NAMESPACES, type NamespaceType } from "../../bundle/vocabulary.ts";
import { errnoText } from "../../error.ts";
import { namespaceHint, tooOld } from "../../spawn/hints.ts";
import { usernsHint } from "../../spawn/userns-hint.ts";
import { CLONE } from "../../sys/constants.gen.ts";
import type { Finding, World } from "./world.ts";

/** The kernel. */
export function kernel(world: World): readonly Finding[] {
  return [
    version(world),
    mountCalls(world),
    overlay(world),
    idmapped(world),
    cloneIntoCgroup(world),
    pidfd(world),
  ];
}

/** `EPERM: operation not permitted` */
export function refused(errno: string): string {
  return `${errno}: ${errnoText(errno)}`;
}

/** Whether a container of this caller needs a user namespace. */
export function contained({ privilege }: World): boolean {
  return privilege === "user";
}

function version({ read }: World): Finding {
  const release = read("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const [, major = "0", minor = "0"] = /^([0-9]+)\.([0-9]+)/.exec(release) ?? [];
  const old = Number(major) < 5 || (Number(major) === 5 && Number(minor) < 12);
  const about = {
    area: "kernel",
    name: "version",
    found: release === "" ? "unknown" : `Linux ${release}`,
  } as const;
  if (!old) return { ...about, state: "ok" };
  return {
    ...about,
    state: "partial",
    lost: "tsrun needs Linux 5.12 (mount_setattr); distributions may have it in an older one",
    cure: "a newer kernel",
  };
}

function mountCalls(world: World): Finding {
  const about = { area: "kernel", name: "mount calls", needed: true } as const;
  const errno = world.attempt("mountCalls", contained(world));
  if (errno === undefined) return { ...about, state: "ok", found: "fsopen to mount_setattr work" };
  const setting = contained(world) ? usernsHint(world.read) : undefined;
  const cure =
    errno === "ENOSYS"
      ? tooOld("fsopen or mount_setattr")
      : (setting ??
        "something confines tsrun, such as a chroot, a filter or a security module of an outer container");
  return {
    ...about,
    state: "missing",
    found: refused(errno),
    lost: "every container: its file systems cannot be mounted",
    cure,
  };
}

function overlay(world: World): Finding {
  const about = { area: "kernel", name: "overlay" } as const;
  const errno = world.attempt("overlay", contained(world));
  const where = contained(world) ? "also in a user namespace" : "can be mounted";
  if (errno === undefined) return { ...about, state: "ok", found: where };
  const lost = "engines must copy images instead of stacking their layers";
  if (errno === "ENODEV")
    return {
      ...about,
      state: "missing",
      found: "the kernel does not know it",
      lost,
      cure: "modprobe overlay",
    };
  const cure = contained(world)
    ? "Linux 5.11 mounts it in user namespaces; engines take fuse-overlayfs instead"
    : undefined;
  return { ...about, state: "missing", found: refused(errno), lost, ...(cure === undefined ? {} : { cure }) };
}

function idmapped(world: World): Finding {
  const about = { area: "kernel", name: "id-mapped mounts" } as const;
  if (contained(world))
    return {
      ...about,
      state: "missing",
      found: "root only",
      lost: "mounts with uidMappings and gidMappings",
    };
  const errno = world.idmap("/");
  if (errno === undefined) return { ...about, state: "ok", found: "of the file system at /" };
  const lost = "mounts with uidMappings and gidMappings";
  if (errno === "EINVAL") {
    return {
      ...about,
      state: "partial",
      found: "not of the file system at /",
      lost,
      cure: "sources on ext4, xfs, btrfs or tmpfs; the newer the kernel, the more filesystems can",
    };
  }
  return { ...about, state: "missing", found: refused(errno), lost };
}

function cloneIntoCgroup({ attempt }: World): Finding {
  const about = { area: "kernel", name: "CLONE_INTO_CGROUP" } as const;
  const errno = attempt("cloneIntoCgroup", false);
  if (errno === undefined) return { ...about, state: "ok", found: "known" };
  return {
    ...about,
    state: "missing",
    found: refused(errno),
    lost: "containers with a cgroup on cgroup v2",
    cure: "Linux 5.7; a filter of an outer container may refuse clone3",
  };
}

function pidfd({ pidfdInfo }: World): Finding {
  const about = { area: "kernel", name: "PIDFD_GET_INFO" } as const;
  if (pidfdInfo() === "exit") return { ...about, state: "ok", found: "tells exit codes" };
  return {
    ...about,
    state: "missing",
    found: "tells no exit codes",
    lost: "tsrun wait cannot tell the exit code of a container that was started by another process",
    cure: "Linux 6.15; tsrun run --keep writes the code down",
  };
}

const FLAGS: { readonly [type in NamespaceType]: number } = {
  mount: CLONE.NEWNS,
  pid: CLONE.NEWPID,
  network: CLONE.NEWNET,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  cgroup: CLONE.NEWCGROUP,
  user: CLONE.NEWUSER,
  time: CLONE.NEWTIME,
};

/** Each kind of namespace. */
export function namespaces(world: World): readonly Finding[] {
  const types = Object.keys(FLAGS) as NamespaceType[];
  return types.map((type) => namespace(world, type));
}

function namespace(world: World, type: NamespaceType): Finding {
  const inside = contained(world) && type !== "user";
  const needed = type === "mount" || type === "pid" || (type === "user" && contained(world));
  const about = { area: "namespaces", name: type, ...(needed ? { needed: true as const } : {}) } as const;
  const errno = world.attempt("unshare", inside, FLAGS[type]);
  if (errno === undefined)
    return { ...about, state: "ok", found: inside ? "in a user namespace" : "can be made" };
  const known = world.kind(`/proc/self/ns/${NAMESPACES[type]}`) !== "missing";
  const setting = contained(world) || type === "user" ? usernsHint(world.read) : undefined;
  const cure = setting ?? (known ? namespaceHint(errno) : "a kernel that is compiled with it");
  return {
    ...about,
    state: "missing",
    found: known ? refused(errno) : "not in this kernel",
    lost: needed ? "every container" : `namespaces of type ${type} in linux.namespaces`,
    ...(cure === undefined ? {} : { cure }),
  };
}
