/** `spec`: a config.json to start from, runc's with what has been learnt since. */
import { SPEC_VERSION } from "../version.ts";

const CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

const MOUNTS = [
  { destination: "/proc", type: "proc", source: "proc" },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  },
];

const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  // Power and temperature readings tell what neighbours compute (CVE-2020-8694 and later ones).
  "/sys/devices/virtual/powercap",
];

/** Who is to be root in the container of an ordinary user. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The configuration that `tsrun spec --rootless` writes: the owner is root in a user namespace, in the host's network. A new
 * sysfs is for the owner of the network namespace only, so /sys is the host's; the owner of terminals would be a group that is
 * not mapped; and limits need cgroups that are delegated.
 */
export function rootlessConfig(cgroupNamespace: boolean, { uid, gid }: Owner) {
  const config = specConfig(cgroupNamespace);
  const { resources: _, namespaces, ...linux } = config.linux;
  const kept = namespaces.filter(({ type }) => type !== "network");
  return {
    ...config,
    mounts: MOUNTS.map((mount) => {
      if (mount.type === "sysfs") {
        return { ...mount, type: "none", source: "/sys", options: ["rbind", ...(mount.options ?? [])] };
      }
      const options = mount.options?.filter((option) => !/^[ug]id=/.test(option));
      return options === undefined ? mount : { ...mount, options };
    }),
    linux: {
      uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
      gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
      namespaces: [...kept, { type: "user" }],
      ...linux,
    },
  };
}

/**
 * What shows how hot each processor is, which tells of the work of others (GHSA-6fw5-f8r9-fgfm), from the names in
 * /sys/devices/system/cpu. One that is not there is no error.
 */
export function thermalPaths(names: readonly string[]): string[] {
  return names
    .filter((name) => /^cpu[0-9]+$/.test(name))
    .sort()
    .map((name) => `/sys/devices/system/cpu/${name}/thermal_throttle`);
}

/**
 * The configuration that `tsrun spec` writes.
 *
 * @param cgroupNamespace whether it has a cgroup namespace; on cgroup v2 it should, as runc's has
 */
export function specConfig(cgroupNamespace: boolean) {
  const types = ["pid", "network", "ipc", "uts", "mount", ...(cgroupNamespace ? ["cgroup"] : [])];
  return {
    ociVersion: SPEC_VERSION,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPS, effective: CAPS, permitted: CAPS },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "tsrun",
    mounts: MOUNTS,
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: types.map((type) => ({ type })),
      maskedPaths: [...MASKED],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}
