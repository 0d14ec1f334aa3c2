/** The config.json that tests start from, loosely typed so that a test can also make it wrong. */

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

export interface MountEntry {
  destination: string;
  type?: string;
  source?: string;
  options?: string[];
}

export interface HookEntry {
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

export interface NamespaceEntry {
  type: string;
  path?: string;
}

type Stage = "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart" | "poststop";

type CapabilitySet = "bounding" | "effective" | "inheritable" | "permitted" | "ambient";

/** What the tests change. A field they never touch is not here. */
export interface Config {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  root: { path: string; readonly?: boolean };
  process: {
    terminal?: boolean;
    consoleSize?: { height: number; width: number };
    user: { uid: number; gid: number; umask?: number; additionalGids?: number[] };
    args: string[];
    env: string[];
    cwd: string;
    capabilities?: Partial<Record<CapabilitySet, string[]>>;
    rlimits?: { type: string; soft: number; hard: number }[];
    noNewPrivileges?: boolean;
    apparmorProfile?: string;
    selinuxLabel?: string;
    oomScoreAdj?: number;
    scheduler?: Json;
    ioPriority?: Json;
    execCPUAffinity?: Json;
  };
  mounts: MountEntry[];
  hooks?: Partial<Record<Stage, HookEntry[]>>;
  annotations?: Record<string, string>;
  linux: {
    namespaces: NamespaceEntry[];
    uidMappings?: { containerID: number; hostID: number; size: number }[];
    gidMappings?: { containerID: number; hostID: number; size: number }[];
    devices?: Json[];
    cgroupsPath?: string;
    resources: Record<string, Json>;
    rootfsPropagation?: string;
    maskedPaths?: string[];
    readonlyPaths?: string[];
    sysctl?: Record<string, string>;
    personality?: { domain: string };
    memoryPolicy?: Json;
    timeOffsets?: Json;
    mountLabel?: string;
    netDevices?: Record<string, { name?: string }>;
    intelRdt?: Json;
    seccomp?: Json;
  };
}

/** Changes a fresh base config in place. */
export type Patch = (config: Config) => void;

/** The rules that `spec` writes: nothing but what a container always gets. */
const DENY_DEVICES: Json = [{ allow: false, access: "rwm" }];

/** A small ordinary container: its own namespaces, the usual mounts, three capabilities, `probe true`. */
export function baseConfig(tag: string): Config {
  const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
  return {
    ociVersion: "1.0.2",
    process: {
      user: { uid: 0, gid: 0 },
      args: ["/bin/probe", "true"],
      env: ["PATH=/sbin:/usr/bin:/bin", `TSRUN_TEST=${tag}`],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: true,
    },
    root: { path: "rootfs" },
    hostname: "tsrun-test",
    mounts: [
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
        options: ["nosuid", "noexec", "nodev", "mode=1777"],
      },
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
    ],
    linux: {
      resources: { devices: DENY_DEVICES },
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
    },
  };
}

/** Removes the namespaces of the given types, so that the container shares the host's. */
export function share(config: Config, ...types: string[]): void {
  config.linux.namespaces = config.linux.namespaces.filter((namespace) => !types.includes(namespace.type));
}

/** Makes the program the probe with these arguments. */
export function probe(config: Config, ...args: string[]): void {
  config.process.args = ["/bin/probe", ...args];
}

/** Makes the program a shell script, run by the container's busybox. */
export function script(config: Config, text: string): void {
  config.process.args = ["/bin/sh", "-c", text];
}
