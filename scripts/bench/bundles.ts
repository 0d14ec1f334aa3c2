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
import { specConfig } from "../../src/lifecycle/spec.ts";
import { makeRootfs, PROJECT } from "../make-rootfs.ts";
import type { Argv } from "./programs.ts";

const BUSYBOX = "/bin/busybox";
/** What is measured is what `tsrun spec` writes, in words that runc 1.1 knows too. */
const SPEC = { ...specConfig(false), ociVersion: "1.0.2" };
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

  /** The configuration of `spec` with limits on memory, processes and processor time. @returns the bundle's folder */
  usual(
    name: string,
    args: readonly string[],
    memoryLimit = LIMITS.memory.limit,
    seccomp?: object | undefined,
  ): string {
    const resources = { ...LIMITS, memory: { limit: memoryLimit } };
    return this.#make(name, { ...this.#base(args), linux: { ...SPEC.linux, resources, seccomp } });
  }

  /** The least that is still a container: two namespaces and /proc. @returns the bundle's folder */
  tiny(name: string, args: readonly string[]): string {
    const linux = { resources: DENY_DEVICES, namespaces: [{ type: "pid" }, { type: "mount" }] };
    const { hostname: _, ...base } = this.#base(args);
    return this.#make(name, { ...base, mounts: SPEC.mounts.slice(0, 1), linux });
  }

  #base(args: readonly string[]) {
    return {
      ...SPEC,
      process: { ...SPEC.process, terminal: false, args },
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
