/** What to do about a call that the kernel refused during the set-up: read only after a failure. */
import { capabilityNames } from "../plan/names.ts";
import type { Op } from "../plan/ops.ts";
import { labelHint } from "./label-hints.ts";
import { usernsHint } from "./userns-hint.ts";

type Hints = { readonly [errno: string]: string };

const ANY = "*";

const FOLDER: Hints = {
  ENOTDIR: "the image has a file there, or on the way, where a folder must be",
  EROFS:
    "it is not in the image, and the root filesystem lies on one that is read-only: make it in the image",
  ELOOP: "the image's symbolic links lead in circles, or through one of /proc that leads out of it",
  EACCES: "it is not in the image, and its parent belongs to an id that is not mapped: make it in the image",
  EOVERFLOW: "it is not in the image, and root's id is not mapped there: make it in the image",
};

/**
 * By operation, then by errno name, or by call and errno where the call makes a difference; `*` is for every other errno
 * of the operation.
 */
const HINTS: { readonly [op in Op["op"]]?: Hints } = {
  join: {
    ENOENT:
      "the namespace's process has ended, or the path is wrong: it is /proc/PID/ns/TYPE of a living process, or a bind mount of one",
    ENOTTY: "the path must be that of a namespace: /proc/PID/ns/TYPE, or a bind mount of one",
    EINVAL: "the path must be a namespace of the type that config.json names",
    "openat EACCES": "that process has privileges which tsrun lacks, so that its namespaces are out of reach",
    [ANY]: "joining a namespace needs CAP_SYS_ADMIN in it",
  },
  userns: {
    "setresuid EINVAL":
      "map containerID 0 in uidMappings: the container is set up as the root of its user namespace",
    "setresgid EINVAL":
      "map containerID 0 in gidMappings: the container is set up as the root of its user namespace",
    ENOSPC: "the limit in /proc/sys/user/max_user_namespaces is reached",
    EPERM:
      "this kernel does not allow user namespaces here: something confines tsrun, such as a chroot or a filter of an outer container",
    EINVAL: "this kernel has no user namespaces (CONFIG_USER_NS)",
  },
  enter: {
    ESRCH: "the container's first process has ended",
    [ANY]: "entering a container's namespaces needs CAP_SYS_ADMIN in them",
  },
  console: {
    "openat2 ENOENT":
      'a terminal comes from the container\'s devpts: add {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]} to mounts',
    "openat2 EACCES": "the devpts needs the option ptmxmode=0666",
    "openat2 ELOOP": "the image must leave /dev/pts to a devpts, and make no link there",
    "openat2 EISDIR": "the image must leave /dev/pts to a devpts",
    "openat2 ENOTDIR": "the image must leave /dev/pts to a devpts: it has a file there",
    "openat2 EPERM": "the device cgroup must allow c 5:2",
    "openat2 ENOSPC": "no terminal is left: see /proc/sys/kernel/pty/max, and the option max= of the devpts",
  },
  unshare: {
    ENOSPC: "a limit in /proc/sys/user/max_*_namespaces is reached",
    EINVAL: "this kernel lacks one of these namespaces: see /proc/self/ns",
    EPERM: "new namespaces need CAP_SYS_ADMIN, or a new user namespace beside them",
  },
  timeOffset: {
    EPERM: "offsets can only be set in a new time namespace",
    ERANGE: "the clock would be before boot or too far ahead",
  },
  oomScoreAdj: { EACCES: "a value below the present one needs CAP_SYS_RESOURCE" },
  rootfs: {
    EACCES:
      "the container's root, an ordinary id to the host, must be able to enter each folder on the way to root.path: chmod o+x these, or setfacl",
    ENOENT: "root.path must be a folder on the host",
    EINVAL: "the root file system must not be the host's own /",
  },
  mkdir: FOLDER,
  mkfile: {
    ...FOLDER,
    ENOTDIR: "on the way to it the image has a file where a folder must be",
    EISDIR: "the image has a folder there, and the source is a file",
  },
  mount: {
    ENODEV:
      "this kernel does not know the filesystem: /proc/filesystems lists those it does; a module may be missing",
    EINVAL: "the filesystem takes no such option or value, or its source is missing",
    EPERM: "this filesystem cannot be mounted from inside this user namespace",
    EBUSY: "it is mounted already with other options",
    ENOENT: "its source, or a folder named in its options, does not exist",
    ENOTDIR: "the destination must be a folder",
    ENOTBLK: "this filesystem lies on a disk: its source must be a block device",
    ENXIO: "no driver has this block device",
    EACCES: "the source is read-only, or its files are out of reach",
  },
  bind: {
    ENOENT: "the source does not exist on the host",
    ENOTDIR: "source and destination must both be folders, or both be files",
    "move_mount ENOENT":
      "its place in the root has been removed meanwhile, by whoever else uses the same root file system",
    "move_mount EINVAL": "source and destination must both be folders, or both be a file each",
    EPERM: "in a user namespace, options that the source is mounted with cannot be taken away",
    EINVAL:
      "the source is an unbindable mount, or an option cannot be set on it; in a user namespace a folder with mounts in it needs rbind",
  },
  remount: {
    EINVAL: "the destination must be a mount point",
    EPERM: "options that the mount is locked with cannot be taken away",
  },
  mknod: {
    EPERM: "device nodes need CAP_MKNOD in the initial user namespace",
    EEXIST: "the image has something else at this place",
  },
  symlink: { [ANY]: "the image has something at this place that is in the way" },
  hook: {
    ENOENT: "a hook's path is that of a program, where the hook runs",
    EACCES: "a hook must be executable",
    EAGAIN: "the container's pids.limit leaves no process for a hook",
  },
  pivotRoot: {
    EINVAL: "the root file system is on the initial ramfs or has a shared parent: --no-pivot works there",
  },
  sysctl: {
    EISDIR: "this is a folder of parameters: name one of those in it",
    ERANGE: "the kernel does not accept this value",
    ENOENT: "this kernel has no such parameter, or the module that brings it is not loaded",
    EINVAL: "the kernel does not accept this value",
    EACCES: "this parameter cannot be changed from this namespace",
    EPERM: "this parameter cannot be changed from this namespace",
    EROFS: "this parameter cannot be changed from this namespace",
  },
  chdir: {
    ENOENT: "process.cwd must exist inside the container",
    EACCES: "process.cwd must be a folder that the container's user may enter",
    ENOTDIR: "process.cwd must be a folder",
  },
  rlimit: {
    EPERM: "raising a hard limit needs CAP_SYS_RESOURCE, and RLIMIT_NOFILE ends at /proc/sys/fs/nr_open",
    EINVAL: "the soft limit must not be above the hard one",
  },
  scheduler: {
    EPERM:
      "real-time policies need CAP_SYS_NICE and, on cgroup v1, linux.resources.cpu.realtimeRuntime; a deadline needs all cpus",
    EINVAL: "policy, priority, flags and times do not go together",
    EBUSY: "the cpus have no such bandwidth left",
  },
  ioPriority: { EPERM: "the real-time class needs CAP_SYS_NICE" },
  memoryPolicy: {
    EINVAL:
      "a node is not on this host (/sys/devices/system/node/online), or mode and flags do not go together",
  },
  affinity: { EINVAL: "none of these cpus is on this host or in the container's cpuset" },
  user: {
    "chdir EACCES": "process.cwd must be a folder that the container's user may enter",
    "chdir EPERM": "process.cwd must be a folder that the container's user may enter",
    EINVAL: "the id has no mapping in the container's user namespace",
    EPERM: "the id has no mapping in the container's user namespace",
  },
  capabilities: {
    EPERM: "a capability is asked for that tsrun itself lacks: grep Cap /proc/self/status shows its own",
  },
  hostname: { EINVAL: "at most 64 bytes" },
  domainname: { EINVAL: "at most 64 bytes" },
  exec: {
    ENOENT: "the program, or the interpreter that it names, is not in the container",
    ENOEXEC: "not a program of this architecture, or a script without #!",
    EACCES: "the program, or its interpreter, may not be executed",
    E2BIG: "args and env together are too large",
    EPERM:
      "a seccomp filter must allow execve, and so must an AppArmor profile or SELinux label (see the kernel's log)",
  },
};

/** The hint for a filter that the kernel did not take. */
export function hintForFilter(errno: string): string | undefined {
  switch (errno) {
    case "EACCES":
    case "EPERM":
      return "a filter takes process.noNewPrivileges, or CAP_SYS_ADMIN in the container's user namespace";
    case "EINVAL":
      return "this kernel does not know one of the flags, or has no filters (CONFIG_SECCOMP_FILTER)";
    case "EBUSY":
      return "tsrun runs under a filter with a listener itself, and the kernel allows only one";
    case "ENOMEM":
      return "all filters on a process together may have 32768 instructions";
    default:
      return undefined;
  }
}

/** What to do where the kernel lacks a call that every container needs. Pure. */
export function tooOld(call: string): string {
  return `this kernel has no ${call}: tsrun needs Linux 5.12 or newer`;
}

/** What to do where the kernel makes no new namespace. Pure. */
export function namespaceHint(errno: string): string | undefined {
  return HINTS.unshare?.[errno];
}

/** Where it shows first that a user namespace gives no privileges. */
const FIRST_PRIVILEGED: readonly Op["op"][] = ["userns", "unshare", "propagation", "rootfs"];

/** The hint for one refusal; `undefined` where nothing better than the errno is known. */
export function hintFor(op: Op, call: string, errno: string): string | undefined {
  if (errno === "ENOSYS") return tooOld(call);
  if (["EPERM", "EACCES", "ENOSPC"].includes(errno) && FIRST_PRIVILEGED.includes(op.op)) {
    const setting = usernsHint();
    if (setting !== undefined) return setting;
  }
  if (errno === "ENOSPC" && op.op !== "unshare" && op.op !== "userns")
    return "a limit is reached: /proc/sys/fs/mount-max for mounts, or the disk is full";
  if (errno === "ENOMEM") return "the container's memory limit may be too small";
  if (op.op === "seccomp" && call === "seccomp") return hintForFilter(errno);
  if (op.op === "capabilities" && errno === "EPERM") {
    const rest = op.effective & ~op.permitted;
    if (rest !== 0n) return `${capabilityNames(rest)} cannot be effective without being permitted`;
  }
  if (op.op === "label") return labelHint(op.attribute, errno);
  const hints = HINTS[op.op];
  return hints?.[`${call} ${errno}`] ?? hints?.[errno] ?? hints?.[ANY];
}

/** The hint for what tsrun-init itself refused to do. */
export function unsafeHint(op: Op, call: string): string | undefined {
  if (call === "the source") return 'bind a whole procfs there, or use "type": "proc"';
  if (call === "the destination") return "name the place itself, or hide it with linux.maskedPaths";
  switch (op.op) {
    case "join":
      return "name a namespace of the type that config.json says";
    case "rootfs":
      return "root.path must be a folder of its own, not /";
    case "mount":
    case "bind":
      return "make it an ordinary folder in the image, without a symbolic link on the way";
    case "console":
      return "the image must leave /dev/console alone, and /dev/pts to a devpts";
    case "chdir":
    case "user":
      return "process.cwd must lie inside the container's root";
    default:
      return undefined;
  }
}
