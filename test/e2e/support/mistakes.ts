/**
 * Mistakes in a config.json that its own rules cannot show: only this host or the kernel can. One table for two tests:
 * what `create` says, and that `check` says the same without trying.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.ts";

/** Something of the host. */
export interface Need {
  readonly what: string;
  readonly have: () => boolean;
}

/** One mistake. */
export interface Mistake {
  readonly what: string;
  /** Makes it; `rootfs` is the bundle's own. */
  readonly make: (config: Config, rootfs: string) => void;
  /** The place that must be named. */
  readonly pointer: string;
  /** The place that older kernels can tell. */
  readonly olderPointer?: string;
  /** What the line must say of the cause, and of the cure. */
  readonly cause: RegExp;
  readonly cure: RegExp;
  /** Where the refusal comes; in `create` unless said otherwise. */
  readonly at?: "start";
  /** Why `check` cannot know. Absent: it must see it, at the same place. */
  readonly unforeseen?: string;
  /** What the host must have for this to be a mistake in this way; else the row is skipped with this sentence. */
  readonly needs?: Need;
}

const CGROUP_V1: Need = {
  what: "cgroup v1",
  have: () => !existsSync("/sys/fs/cgroup/cgroup.controllers"),
};

const REALTIME: Need = {
  what: "a cpu controller that shares out realtime (CONFIG_RT_GROUP_SCHED)",
  have: () => existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"),
};

const NO_APPARMOR: Need = {
  what: "a host without AppArmor",
  have: () => {
    const file = "/sys/module/apparmor/parameters/enabled";
    return !existsSync(file) || !readFileSync(file, "utf8").startsWith("Y");
  },
};

const CAP_SYS_RESOURCE = 1n << 24n;

const UNPRIVILEGED: Need = {
  what: "a root without CAP_SYS_RESOURCE",
  have: () => {
    const set = /^CapEff:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
    return (BigInt(`0x${set}`) & CAP_SYS_RESOURCE) === 0n;
  },
};

const without = (controller: string): Need => ({
  what: `a host without the ${controller} controller`,
  have: () => CGROUP_V1.have() && !existsSync(`/sys/fs/cgroup/${controller}`),
});

const cap = (config: Config, name: string): void => {
  for (const set of ["bounding", "effective", "permitted"] as const)
    config.process.capabilities?.[set]?.push(name);
};

const mapped = (config: Config, size = 65536): void => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100000, size }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size }];
};

const program = (rootfs: string, name: string, text: string | Uint8Array, mode = 0o755): string => {
  writeFileSync(join(rootfs, "bin", name), text);
  chmodSync(join(rootfs, "bin", name), mode);
  return `/bin/${name}`;
};

export const MISTAKES: readonly Mistake[] = [
  // ---- cgroups
  {
    what: "a cpu that is not there",
    make: (c) => {
      c.linux.resources["cpu"] = { cpus: "0,4096" };
    },
    pointer: "/linux/resources/cpu/cpus",
    cause: /EINVAL|ERANGE/,
    cure: /present: /,
  },
  {
    what: "a memory node that is not there",
    make: (c) => {
      c.linux.resources["cpu"] = { mems: "0-900" };
    },
    pointer: "/linux/resources/cpu/mems",
    cause: /EINVAL|ERANGE/,
    cure: /present: /,
  },
  {
    what: "a cpu quota below a millisecond",
    make: (c) => {
      c.linux.resources["cpu"] = { quota: 500, period: 100000 };
    },
    pointer: "/linux/resources/cpu/quota",
    cause: /1000 microseconds/,
    cure: /raise/,
  },
  {
    what: "a realtime runtime that the parent has not",
    make: (c) => {
      c.linux.resources["cpu"] = { realtimeRuntime: 990000, realtimePeriod: 1000000 };
    },
    pointer: "/linux/resources/cpu/realtimeRuntime",
    cause: /EINVAL/,
    cure: /parent/,
    needs: REALTIME,
  },
  {
    what: "a memory limit of one page",
    make: (c) => {
      c.linux.resources["memory"] = { limit: 4096 };
    },
    pointer: "/linux/resources/memory/limit",
    cause: /killed by the memory limit of 4096 bytes/,
    cure: /raise/,
  },
  {
    what: "a process limit above what a cgroup can count",
    make: (c) => {
      c.linux.resources["pids"] = { limit: 9007199254740991 };
    },
    pointer: "/linux/resources/pids/limit",
    cause: /EINVAL/,
    cure: /-1|4194304/,
  },
  {
    what: "huge pages of a size that is not there",
    make: (c) => {
      c.linux.resources["hugepageLimits"] = [{ pageSize: "3MB", limit: 0 }];
    },
    pointer: "/linux/resources/hugepageLimits/0",
    cause: /hugetlb/,
    cure: /./,
    needs: without("hugetlb"),
  },
  {
    what: "a disk that is not there",
    make: (c) => {
      c.linux.resources["blockIO"] = {
        throttleReadBpsDevice: [{ major: 240, minor: 77, rate: 1000 }],
      };
    },
    pointer: "/linux/resources/blockIO/throttleReadBpsDevice/0",
    cause: /ENODEV/,
    cure: /240:77/,
  },
  {
    what: "a network class without its controller",
    make: (c) => {
      c.linux.resources["network"] = { classID: 1048577 };
    },
    pointer: "/linux/resources/network/classID",
    cause: /net_cls/,
    cure: /mount|remove/,
    needs: without("net_cls"),
  },
  {
    what: "an interface without its controller",
    make: (c) => {
      c.linux.resources["network"] = { priorities: [{ name: "nosuch0", priority: 3 }] };
    },
    pointer: "/linux/resources/network/priorities/0",
    cause: /net_prio/,
    cure: /mount|remove|interface/,
    needs: without("net_prio"),
  },
  {
    what: "an RDMA device",
    make: (c) => {
      c.linux.resources["rdma"] = { mlx9_9: { hcaHandles: 2 } };
    },
    pointer: "/linux/resources/rdma/mlx9_9",
    cause: /rdma/,
    cure: /mount|remove|device/,
    needs: without("rdma"),
  },
  {
    what: "unified on v1",
    make: (c) => {
      c.linux.resources["unified"] = { "memory.high": "1000000" };
    },
    pointer: "/linux/resources/unified",
    cause: /unified/,
    cure: /./,
    needs: CGROUP_V1,
  },
  // ---- kernel parameters and names
  {
    what: "a kernel parameter that is not there",
    make: (c) => {
      c.linux.sysctl = { "net.ipv4.nosuch": "1" };
    },
    pointer: "/linux/sysctl/net.ipv4.nosuch",
    cause: /ENOENT/,
    cure: /no such parameter|module/,
  },
  {
    what: "a kernel parameter with a bad value",
    make: (c) => {
      c.linux.sysctl = { "net.ipv4.ip_forward": "lots" };
    },
    pointer: "/linux/sysctl/net.ipv4.ip_forward",
    cause: /EINVAL/,
    cure: /value/,
    unforeseen: "the kernel alone knows which values a parameter takes",
  },
  {
    what: "a kernel parameter that is a folder",
    make: (c) => {
      c.linux.sysctl = { "net.ipv4": "1" };
    },
    pointer: "/linux/sysctl/net.ipv4",
    cause: /EISDIR/,
    cure: /folder|one of/,
  },
  {
    what: "a kernel parameter that is read-only",
    make: (c) => {
      c.linux.sysctl = { "net.ipv4.tcp_available_congestion_control": "x" };
    },
    pointer: "/linux/sysctl/net.ipv4.tcp_available_congestion_control",
    cause: /EACCES|EPERM/,
    cure: /cannot be changed/,
  },
  {
    what: "a host name that is too long",
    make: (c) => {
      c.hostname = "h".repeat(65);
    },
    pointer: "/hostname",
    cause: /64/,
    cure: /shorten/,
  },
  {
    what: "a clock before boot",
    make: (c) => {
      c.linux.namespaces.push({ type: "time" });
      c.linux.timeOffsets = { monotonic: { secs: -900000000, nanosecs: 0 } };
    },
    pointer: "/linux/timeOffsets/monotonic",
    cause: /ERANGE/,
    cure: /boot/,
  },
  {
    what: "a clock far ahead",
    make: (c) => {
      c.linux.namespaces.push({ type: "time" });
      c.linux.timeOffsets = { boottime: { secs: 9007199254740991, nanosecs: 0 } };
    },
    pointer: "/linux/timeOffsets/boottime",
    cause: /ERANGE/,
    cure: /ahead/,
  },
  // ---- limits, priorities, capabilities
  {
    what: "an open-files limit above nr_open",
    make: (c) => {
      c.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 2 ** 40 }];
    },
    pointer: "/process/rlimits/0",
    cause: /EPERM/,
    cure: /nr_open/,
  },
  {
    what: "a hard limit above tsrun's own",
    make: (c) => {
      c.process.rlimits = [
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_NPROC", soft: 2 ** 40, hard: 2 ** 41 },
      ];
    },
    pointer: "/process/rlimits/1",
    cause: /EPERM/,
    cure: /CAP_SYS_RESOURCE/,
    needs: UNPRIVILEGED,
  },
  {
    what: "a deadline that is later than the period",
    make: (c) => {
      c.process.scheduler = {
        policy: "SCHED_DEADLINE",
        runtime: 10000000,
        deadline: 90000000,
        period: 20000000,
      };
    },
    pointer: "/process/scheduler/runtime",
    cause: /deadline/,
    cure: /nanoseconds/,
  },
  {
    what: "a realtime policy without realtime in the cgroup",
    make: (c) => {
      c.process.scheduler = { policy: "SCHED_FIFO", priority: 10 };
    },
    pointer: "/process/scheduler",
    cause: /EPERM/,
    cure: /realtimeRuntime/,
    needs: REALTIME,
  },
  {
    what: "a memory policy for a node that is not there",
    make: (c) => {
      c.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "700" };
    },
    pointer: "/linux/memoryPolicy",
    cause: /EINVAL/,
    cure: /node/,
  },
  {
    what: "an effective capability that is not permitted",
    make: (c) => {
      c.process.capabilities = { effective: ["CAP_KILL"] };
    },
    pointer: "/process/capabilities/effective",
    cause: /EPERM/,
    cure: /permitted/,
  },
  {
    what: "a capability that tsrun lacks",
    make: (c) => cap(c, "CAP_SYS_RESOURCE"),
    pointer: "/process/capabilities/permitted",
    cause: /EPERM/,
    cure: /tsrun itself lacks/,
    needs: UNPRIVILEGED,
  },
  {
    what: "an oom score below tsrun's own",
    make: (c) => {
      c.process.oomScoreAdj = -999;
    },
    pointer: "/process/oomScoreAdj",
    cause: /EACCES/,
    cure: /CAP_SYS_RESOURCE/,
    needs: UNPRIVILEGED,
  },
  // ---- mounts
  {
    what: "a filesystem that the kernel does not know",
    make: (c) => void c.mounts.push({ destination: "/mnt", type: "nosuchfs", source: "x" }),
    pointer: "/mounts/6/type",
    cause: /ENODEV/,
    cure: /\/proc\/filesystems/,
  },
  {
    what: "a bad value of a mount option",
    make: (c) =>
      void c.mounts.push({
        destination: "/mnt",
        type: "tmpfs",
        source: "x",
        options: ["nosuid", "size=lots"],
      }),
    pointer: "/mounts/6/options/1",
    cause: /EINVAL.*size|size.*EINVAL/,
    cure: /./,
    unforeseen: "the filesystem alone knows its options",
  },
  {
    what: "a mount option that the filesystem does not know",
    make: (c) =>
      void c.mounts.push({ destination: "/mnt", type: "tmpfs", source: "x", options: ["mode=755,sise=1m"] }),
    pointer: "/mounts/6/options/0",
    cause: /EINVAL/,
    cure: /./,
    unforeseen: "the filesystem alone knows its options",
  },
  {
    what: "a filesystem onto a file",
    make: (c, rootfs) => {
      writeFileSync(join(rootfs, "etc/file"), "");
      c.mounts.push({ destination: "/etc/file", type: "tmpfs", source: "x" });
    },
    pointer: "/mounts/6/destination",
    cause: /ENOTDIR/,
    cure: /folder/,
  },
  {
    what: "a folder bound onto a file",
    make: (c, rootfs) => {
      writeFileSync(join(rootfs, "etc/file"), "");
      c.mounts.push({ destination: "/etc/file", type: "bind", source: "/tmp", options: ["bind"] });
    },
    pointer: "/mounts/6/destination",
    cause: /ENOTDIR/,
    cure: /folder/,
  },
  {
    what: "a file bound onto a folder",
    make: (c) =>
      void c.mounts.push({ destination: "/etc", type: "bind", source: "/etc/passwd", options: ["bind"] }),
    pointer: "/mounts/6/destination",
    cause: /move_mount.*EINVAL/,
    cure: /file/,
  },
  {
    what: "a bind source that is not there",
    make: (c) =>
      void c.mounts.push({ destination: "/mnt", type: "bind", source: "/no/such", options: ["bind"] }),
    pointer: "/mounts/6/source",
    cause: /ENOENT/,
    cure: /make/,
  },
  {
    what: "a lower layer that is not there",
    make: (c) =>
      void c.mounts.push({
        destination: "/mnt",
        type: "overlay",
        source: "overlay",
        options: ["ro", "lowerdir=/no/such:/tmp"],
      }),
    pointer: "/mounts/6/options/1",
    // Before Linux 6.5 overlayfs looks at its options when all are there.
    olderPointer: "/mounts/6",
    cause: /ENOENT|no such/i,
    cure: /folder|exist/,
  },
  {
    what: "a disk that is not there, mounted",
    make: (c) => void c.mounts.push({ destination: "/mnt", type: "ext4", source: "/dev/nosuchdisk" }),
    pointer: "/mounts/6/source",
    cause: /ENOENT/,
    cure: /source/,
  },
  {
    what: "a disk filesystem on a folder",
    make: (c) => void c.mounts.push({ destination: "/mnt", type: "ext4", source: "/tmp" }),
    pointer: "/mounts/6/source",
    cause: /ENOTBLK/,
    cure: /block device/,
  },
  {
    what: "/proc as a symbolic link in the image",
    make: (c, rootfs) => {
      symlinkSync("tmp", join(rootfs, "proc2"));
      c.mounts[0] = { destination: "/proc2", type: "proc", source: "proc" };
    },
    pointer: "/mounts/0/destination",
    cause: /ordinary directory/,
    cure: /folder/,
  },
  {
    what: "a remount of what is no mount",
    make: (c) =>
      void c.mounts.push({ destination: "/etc", type: "bind", options: ["remount", "bind", "ro"] }),
    pointer: "/mounts/6/destination",
    cause: /EINVAL/,
    cure: /mount point/,
  },
  // ---- namespaces
  {
    what: "a namespace whose process is gone",
    make: (c) => {
      c.linux.namespaces[1] = { type: "network", path: "/proc/4194303/ns/net" };
    },
    pointer: "/linux/namespaces/1/path",
    cause: /ENOENT/,
    cure: /ended/,
  },
  {
    what: "a namespace of another type",
    make: (c) => {
      c.linux.namespaces[1] = { type: "network", path: "/proc/self/ns/uts" };
    },
    pointer: "/linux/namespaces/1/path",
    cause: /type/,
    cure: /type/,
  },
  {
    what: "a file that is no namespace",
    make: (c) => {
      c.linux.namespaces[1] = { type: "network", path: "/etc/passwd" };
    },
    pointer: "/linux/namespaces/1/path",
    cause: /ENOTTY/,
    cure: /namespace/,
  },
  {
    what: "a user that is not mapped",
    make: (c) => {
      mapped(c);
      c.process.user = { uid: 70000, gid: 0 };
    },
    pointer: "/process/user/uid",
    cause: /EINVAL/,
    cure: /mapping/,
  },
  {
    what: "a group that is not mapped",
    make: (c) => {
      mapped(c);
      c.process.user = { uid: 0, gid: 70000 };
    },
    pointer: "/process/user/gid",
    cause: /EINVAL/,
    cure: /mapping/,
  },
  {
    what: "an additional group that is not mapped",
    make: (c) => {
      mapped(c);
      c.process.user = { uid: 0, gid: 0, additionalGids: [5, 70000] };
    },
    pointer: "/process/user/additionalGids/1",
    cause: /EINVAL/,
    cure: /mapping/,
  },
  {
    what: "a root that is not mapped",
    make: (c) => {
      c.linux.namespaces.push({ type: "user" });
      c.process.user = { uid: 1, gid: 0 };
      c.linux.uidMappings = [{ containerID: 1, hostID: 100000, size: 10 }];
      c.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 10 }];
    },
    pointer: "/linux/uidMappings",
    cause: /EINVAL/,
    cure: /containerID 0|root/,
  },
  {
    what: "a device made in a user namespace",
    make: (c) => {
      mapped(c);
      c.linux.devices = [{ type: "c", path: "/dev/kmsg2", major: 1, minor: 11 }];
    },
    pointer: "/linux/devices/0",
    cause: /ENOENT|EPERM/,
    cure: /host/,
  },
  // ---- the program
  {
    what: "a program that is a folder",
    make: (c) => {
      c.process.args = ["/etc"];
    },
    pointer: "/process/args/0",
    cause: /"\/etc": (permission denied|is a directory)/,
    cure: /regular file/,
  },
  {
    what: "a program without the execute bit",
    make: (c, rootfs) => {
      c.process.args = [program(rootfs, "plain", "#!/bin/sh\n", 0o644)];
    },
    pointer: "/process/args/0",
    cause: /permission denied/,
    cure: /execute/,
  },
  {
    what: "a program that is not there",
    make: (c) => {
      c.process.args = ["/bin/nosuch"];
    },
    pointer: "/process/args/0",
    cause: /no such file or directory/,
    cure: /root/,
  },
  {
    what: "a program that is not in PATH",
    make: (c) => {
      c.process.args = ["nosuch"];
    },
    pointer: "/process/args/0",
    cause: /not found in \$PATH/,
    cure: /PATH/,
  },
  {
    what: "a program through a loop of links",
    make: (c, rootfs) => {
      symlinkSync("loop", join(rootfs, "bin/loop"));
      c.process.args = ["/bin/loop"];
    },
    pointer: "/process/args/0",
    cause: /ELOOP|too many/,
    cure: /root/,
  },
  {
    what: "a script whose interpreter is missing",
    make: (c, rootfs) => {
      c.process.args = [program(rootfs, "script", "#!/no/such/interpreter\n")];
    },
    pointer: "/process/args/0",
    cause: /ENOENT/,
    cure: /interpreter/,
    at: "start",
  },
  {
    what: "a program of another machine",
    make: (c, rootfs) => {
      const elf = new Uint8Array(64);
      elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
      elf.set([0, 2, 0, 22], 16);
      c.process.args = [program(rootfs, "s390x", elf)];
    },
    pointer: "/process/args/0",
    cause: /ENOEXEC/,
    cure: /architecture/,
    at: "start",
  },
  {
    what: "a program that is empty",
    make: (c, rootfs) => {
      closeSync(openSync(join(rootfs, "bin/empty"), "w", 0o755));
      c.process.args = ["/bin/empty"];
    },
    pointer: "/process/args/0",
    cause: /ENOEXEC/,
    cure: /#!/,
    at: "start",
  },
  {
    what: "a working folder that is a file",
    make: (c, rootfs) => {
      writeFileSync(join(rootfs, "etc/file"), "");
      c.process.cwd = "/etc/file";
    },
    pointer: "/process/cwd",
    cause: /ENOTDIR/,
    cure: /folder/,
  },
  {
    what: "a working folder that the user may not enter",
    make: (c, rootfs) => {
      mapped(c);
      mkdirSync(join(rootfs, "closed"));
      chmodSync(join(rootfs, "closed"), 0o700);
      c.process.cwd = "/closed";
    },
    pointer: "/process/cwd",
    cause: /EACCES/,
    cure: /enter/,
  },
  // ---- of the host's
  {
    what: "an AppArmor profile without AppArmor",
    make: (c) => {
      c.process.apparmorProfile = "tsrun-test";
    },
    pointer: "/process/apparmorProfile",
    cause: /apparmor is not enabled on the host/,
    cure: /apparmor=1/,
    needs: NO_APPARMOR,
  },
  {
    what: "an AppArmor profile that is not loaded",
    make: (c) => {
      c.process.apparmorProfile = "tsrun-test-nosuch";
    },
    pointer: "/process/apparmorProfile",
    cause: /ENOENT/,
    cure: /apparmor_parser -r/,
    needs: { what: "AppArmor", have: () => !NO_APPARMOR.have() },
  },
  {
    what: "an SELinux label without SELinux",
    make: (c) => {
      c.process.selinuxLabel = "system_u:system_r:container_t:s0";
    },
    pointer: "/process/selinuxLabel",
    cause: /selinux is disabled or not supported/,
    cure: /security=selinux/,
    needs: { what: "a host without SELinux", have: () => !existsSync("/sys/fs/selinux/enforce") },
  },
  {
    what: "a network device that is not there",
    make: (c) => {
      c.linux.netDevices = { "tsrun-none": {} };
    },
    pointer: "/linux/netDevices/tsrun-none",
    cause: /cannot find it on the host: RTM_GETLINK: ENODEV/,
    cure: /ip link/,
  },
  {
    what: "Intel RDT without resctrl",
    make: (c) => {
      c.linux.intelRdt = { l3CacheSchema: "L3:0=f" };
    },
    pointer: "/linux/intelRdt",
    cause: /intelRdt is specified in config, but Intel RDT is not enabled/,
    cure: /mount -t resctrl/,
    needs: {
      what: "a host without resctrl",
      have: () => !readFileSync("/proc/self/mountinfo", "utf8").includes(" - resctrl "),
    },
  },
  // ---- hooks
  {
    what: "a hook that is not executable",
    make: (c) => {
      c.hooks = { createRuntime: [{ path: "/etc/passwd" }] };
    },
    pointer: "/hooks/createRuntime/0/path",
    cause: /EACCES/,
    cure: /executable/,
  },
  {
    what: "a hook that is not there",
    make: (c) => {
      c.hooks = { prestart: [{ path: "/no/such/hook" }] };
    },
    pointer: "/hooks/prestart/0/path",
    cause: /ENOENT/,
    cure: /host/,
  },
];
