/** Configurations that the tests of this room start from, and the table of wrong ones they run through. */
import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import { BundleError } from "../../../src/error.ts";

/** The folder that the tests' bundles are said to lie in. */
export const DIR = "/srv/bundle";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

/** What `runc spec` writes. */
export function runcSpec(): Json {
  return {
    ociVersion: "1.0.2-dev",
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: { bounding: CAPS, effective: CAPS, permitted: CAPS, ambient: CAPS },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755"] },
      {
        destination: "/dev/pts",
        type: "devpts",
        source: "devpts",
        options: ["nosuid", "noexec", "newinstance"],
      },
      { destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "mode=1777"] },
      {
        destination: "/dev/mqueue",
        type: "mqueue",
        source: "mqueue",
        options: ["nosuid", "noexec", "nodev"],
      },
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
      {
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["nosuid", "relatime", "ro"],
      },
    ],
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: [{ type: "pid" }, { type: "network" }, { type: "ipc" }, { type: "uts" }, { type: "mount" }],
      maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/scsi"],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

/** The smallest bundle that tsrun takes, with the namespaces that a test needs. */
export function small(...namespaces: string[]): Json {
  return {
    ociVersion: "1.3.0",
    root: { path: "rootfs" },
    process: { user: { uid: 0, gid: 0 }, cwd: "/", args: ["sh"] },
    linux: { namespaces: ["mount", ...namespaces].map((type) => ({ type })) },
  };
}

/** A copy with the value at a pointer replaced, missing objects made; `undefined` removes, `-` appends. */
export function withValue(config: Json, pointer: string, value: Json | undefined): Json {
  const copy: Json = structuredClone(config);
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = steps.pop();
  if (last === undefined) return value ?? null;
  let at: Json = copy;
  for (const step of steps) {
    if (typeof at !== "object" || at === null) throw new Error(`no object on the way to ${pointer}`);
    const next: Json | undefined = Array.isArray(at) ? at[Number(step)] : at[step];
    if (next !== undefined) at = next;
    else if (Array.isArray(at)) throw new Error(`no element on the way to ${pointer}`);
    else {
      const made: Json = {};
      at[step] = made;
      at = made;
    }
  }
  if (typeof at !== "object" || at === null) throw new Error(`no object at ${pointer}`);
  if (Array.isArray(at))
    at.splice(last === "-" ? at.length : Number(last), 1, ...(value === undefined ? [] : [value]));
  else if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

/** Parses a configuration as its text. */
export function parse(config: Json): ReturnType<typeof parseBundle> {
  return parseBundle(JSON.stringify(config), DIR);
}

/** The error that a call throws; fails the test where it throws none, or another. */
export function bundleError(call: () => unknown, name: string): BundleError {
  try {
    call();
  } catch (error) {
    if (error instanceof BundleError) return error;
    t.fail(`${name}: ${String(error)} is no BundleError`);
    throw error;
  }
  t.fail(`${name}: nothing was thrown`);
  throw new Error(`${name}: nothing was thrown`);
}

/** A wrong value: where it is put, and the error that it must give. */
export interface Wrong {
  readonly name: string;
  readonly config: Json;
  readonly code: string;
  readonly pointer: string;
  readonly words: RegExp;
}

/** Each configuration gives exactly its error. */
export function refuses(rows: readonly Wrong[]): void {
  for (const { name, config, code, pointer, words } of rows) {
    const error = bundleError(() => parse(config), name);
    t.equal(error.code, code, `${name}: code`);
    t.equal(error.pointer, pointer, `${name}: pointer`);
    t.match(`${error.message}; ${error.hint ?? ""}`, words, `${name}: words`);
  }
}
