/** Bundles on which two runtimes are compared. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerFilter } from "../../../scripts/docker-filter.ts";
import { type Config, type Json, type Patch, share } from "./config.ts";
import { CGROUP_V2 } from "./outside.ts";

/** What `runc spec` writes. */
const SPEC = specOfRunc();

function specOfRunc(): Config {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-test-spec-"));
  try {
    execFileSync("runc", ["spec", "--bundle", folder]);
    return JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as Config;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Name, patch of the base config, further options of `run`. */
export const CASES: readonly [string, Patch, string[]?][] = [
  ["the base config", () => undefined],
  [
    "what runc spec writes",
    (config) => {
      Object.assign(config, structuredClone(SPEC));
      config.process.terminal = false;
    },
  ],
  [
    "a cgroup namespace and its mount",
    (config) => {
      config.linux.namespaces.push({ type: "cgroup" });
      config.mounts.push(cgroupMount());
    },
  ],
  [
    "the cgroup mount without a cgroup namespace",
    (config) => {
      config.mounts.push(cgroupMount());
    },
  ],
  [
    "a cgroup mount that is not read-only",
    (config) => {
      config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" });
    },
  ],
  ["namespaces shared with the host", sharing],
  ["a user namespace", mapped],
  [
    "a user namespace and a read-only root",
    (config) => {
      mapped(config);
      config.root.readonly = true;
    },
  ],
  [
    "a user of its own",
    (config) => {
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [5, 29], umask: 0o77 };
    },
  ],
  ["all capabilities of the host", allCapabilities],
  ["an engine's seccomp filter", filtered],
  [
    "an engine's seccomp filter, a user, and new privileges allowed",
    (config) => {
      filtered(config);
      config.process.noNewPrivileges = false;
      config.process.user = { uid: 1000, gid: 1000 };
    },
  ],
  [
    "no capabilities object",
    (config) => {
      delete config.process.capabilities;
    },
  ],
  [
    "no new privileges left out",
    (config) => {
      delete config.process.noNewPrivileges;
    },
  ],
  [
    "rlimits",
    (config) => {
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ];
    },
  ],
  ["masked and read-only paths", masked],
  [
    "a read-only root",
    (config) => {
      config.root.readonly = true;
    },
  ],
  [
    "no mounts at all but proc",
    (config) => {
      config.mounts = config.mounts.filter(({ destination }) => destination === "/proc");
    },
  ],
  ["a bind of the host's /dev", bindDev],
  ["devices", devices],
  ["resources", resources],
  ["binds with many options", binds],
  ["tmpfs with many options", tmpfs],
  [
    "sysctl",
    (config) => {
      config.linux.sysctl = { "net.ipv4.ip_forward": "1", "kernel.msgmax": "65000" };
    },
  ],
  [
    "oomScoreAdj",
    (config) => {
      config.process.oomScoreAdj = 321;
    },
  ],
  ["--no-pivot", () => undefined, ["--no-pivot"]],
  ["--no-new-keyring", () => undefined, ["--no-new-keyring"]],
  [
    "rootfsPropagation rslave",
    (config) => {
      config.linux.rootfsPropagation = "rslave";
    },
  ],
  [
    "a cgroupsPath",
    (config) => {
      config.linux.cgroupsPath = "/tsrun-test-same-as-runc";
    },
  ],
  [
    "a folder to start in that is missing",
    (config) => {
      config.process.cwd = "/made/for/this";
    },
  ],
  [
    "no environment at all",
    (config) => {
      config.process.env = [];
    },
  ],
  [
    "an environment with duplicates",
    (config) => {
      config.process.env.push("A=1", "B=2", "A=3");
    },
  ],
];

function cgroupMount(): Config["mounts"][number] {
  return {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
  };
}

function sharing(config: Config): void {
  share(config, "network", "ipc", "uts", "pid");
  delete config.hostname;
}

function mapped(config: Config): void {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
}

function allCapabilities(config: Config): void {
  const all = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
    "SYS_ADMIN",
    "NET_ADMIN",
  ];
  const names = all.map((name) => `CAP_${name}`);
  config.process.capabilities = {
    bounding: names,
    effective: names,
    permitted: names,
    inheritable: names,
    ambient: names,
  };
  config.process.noNewPrivileges = false;
}

function masked(config: Config): void {
  config.linux.maskedPaths = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/sys/firmware",
    "/proc/scsi",
    "/etc/passwd",
    "/home",
  ];
  config.linux.readonlyPaths = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/etc",
    "/not/there",
  ];
}

function bindDev(config: Config): void {
  config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
  config.mounts.push({ destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rprivate"] });
}

function devices(config: Config): void {
  config.linux.devices = [
    { path: "/dev/fuse", type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
    { path: "/dev/block", type: "b", major: 7, minor: 0, fileMode: 0o640, uid: 1, gid: 6 },
    { path: "/dev/pipe", type: "p", fileMode: 0o600 },
    { path: "/dev/default-mode", type: "c", major: 10, minor: 229 },
  ];
  config.linux.resources["devices"] = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    { allow: true, type: "b", access: "r" },
  ];
  config.mounts.push(cgroupMount());
}

function resources(config: Config): void {
  Object.assign(config.linux.resources, {
    memory: { limit: 1 << 28, swap: 1 << 29, reservation: 1 << 27, ...(CGROUP_V2 ? {} : { swappiness: 10 }) },
    cpu: { shares: 200, quota: 90_000, period: 100_000, cpus: "0", mems: "0" },
    pids: { limit: 77 },
  });
  config.mounts.push(cgroupMount());
}

function binds(config: Config): void {
  const options = [
    ["ro"],
    ["nosuid", "nodev"],
    ["noexec", "noatime"],
    ["nodiratime"],
    ["strictatime"],
    ["relatime"],
    ["private"],
    ["shared"],
    ["rslave"],
    ["rro"],
    ["sync"],
  ];
  for (const [index, words] of options.entries()) {
    config.mounts.push({
      destination: `/bind/${index}`,
      type: "bind",
      source: "/etc",
      options: ["rbind", ...words],
    });
  }
  config.mounts.push({
    destination: "/file",
    type: "bind",
    source: "/etc/hostname",
    options: ["bind", "ro"],
  });
}

function tmpfs(config: Config): void {
  const options = [
    [],
    ["ro"],
    ["nosuid", "nodev", "noexec"],
    ["mode=700", "uid=5", "gid=6"],
    ["size=1m"],
    ["size=10%"],
    ["nr_inodes=10"],
    ["noatime"],
    ["sync"],
    ["lazytime"],
    ["private"],
    ["tmpcopyup"],
  ];
  for (const [index, words] of options.entries()) {
    config.mounts.push({ destination: `/tmpfs/${index}`, type: "tmpfs", source: "tmpfs", options: words });
  }
}

function filtered(config: Config): void {
  config.linux.seccomp = dockerFilter() as unknown as Json;
}
