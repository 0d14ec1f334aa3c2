/** The bundles that are measured, made below a folder of the benchmark's own. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeRootfs, PROJECT } from "../make-rootfs.ts";
import type { Argv } from "./programs.ts";

const BUSYBOX = "/bin/busybox";
const CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** The mounts, paths and namespaces of `runc spec`. */
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
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/sys/firmware",
  "/proc/scsi",
];
const READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
const DENY_DEVICES = { devices: [{ allow: false, access: "rwm" }] };
const LIMITS = {
  ...DENY_DEVICES,
  memory: { limit: 256 * 2 ** 20 },
  pids: { limit: 100 },
  cpu: { shares: 512, quota: 50_000, period: 100_000 },
};

/** Makes bundles that share one rootfs. */
export class Bundles {
  readonly #folder: string;
  readonly #rootfs: string;

  /** The busybox in the rootfs, or the probe where there is none: a static program that has `true`. */
  get least(): Argv {
    return [join(this.#rootfs, "bin/true")];
  }

  constructor(folder: string) {
    this.#folder = folder;
    this.#rootfs = join(folder, "rootfs");
    if (isStatic(BUSYBOX)) makeBusyboxRootfs(this.#rootfs);
    else makeRootfs(this.#rootfs);
  }

  /** `runc spec`'s configuration with limits on memory, processes and processor time. @returns the bundle's folder */
  usual(name: string, args: readonly string[], memoryLimit = LIMITS.memory.limit): string {
    const resources = { ...LIMITS, memory: { limit: memoryLimit } };
    const namespaces = ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type }));
    const linux = { resources, namespaces, maskedPaths: MASKED, readonlyPaths: READONLY };
    return this.#make(name, { ...this.#base(args), hostname: "bench", mounts: MOUNTS, linux });
  }

  /** The least that is still a container: two namespaces and /proc. @returns the bundle's folder */
  tiny(name: string, args: readonly string[]): string {
    const linux = { resources: DENY_DEVICES, namespaces: [{ type: "pid" }, { type: "mount" }] };
    return this.#make(name, { ...this.#base(args), mounts: MOUNTS.slice(0, 1), linux });
  }

  #base(args: readonly string[]): object {
    return {
      ociVersion: "1.0.2",
      process: {
        user: { uid: 0, gid: 0 },
        args,
        env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        cwd: "/",
        capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
        rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
        noNewPrivileges: true,
      },
      root: { path: this.#rootfs, readonly: true },
    };
  }

  #make(name: string, config: object): string {
    const dir = join(this.#folder, name);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "config.json"), JSON.stringify(config, undefined, 2));
    return dir;
  }
}

/** A static program has no PT_INTERP segment, hence no path of a dynamic loader in its first page. */
function isStatic(path: string): boolean {
  return existsSync(path) && !readFileSync(path).subarray(0, 4096).includes("/ld-");
}

function makeBusyboxRootfs(rootfs: string): void {
  for (const folder of ["bin", "dev", "proc", "sys", "tmp", "etc"])
    mkdirSync(join(rootfs, folder), { recursive: true });
  copyFileSync(BUSYBOX, join(rootfs, "bin/busybox"));
  chmodSync(join(rootfs, "bin/busybox"), 0o755);
  for (const name of ["true", "sleep", "sh"]) symlinkSync("busybox", join(rootfs, "bin", name));
}

/** What is needed before anything can be measured. @throws Error that says how to make it */
export function requireBuilt(): string {
  const tsrun = join(PROJECT, "dist/tsrun");
  if (!existsSync(tsrun)) throw new Error(`${tsrun} is missing: run npm run build first`);
  return tsrun;
}
