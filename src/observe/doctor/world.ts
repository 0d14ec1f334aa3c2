/** What `doctor` asks the host, and how it writes down what it found. */
import { loadDevices } from "../../cgroup/device-attach.ts";
import { readCgroupFacts } from "../../cgroup/facts.ts";
import { cgroupDirs } from "../../cgroup/paths.ts";
import { permittedDirs } from "../../cgroup/permitted.ts";
import { TsrunError } from "../../error.ts";
import type { CgroupFacts } from "../../plan/facts.ts";
import { findProgram } from "../../spawn/map-tools.ts";
import { libseccompVersion } from "../../spawn/seccomp.ts";
import { hasRoot } from "../../state/root.ts";
import { type Attempt, attempt, pidfdInfo, type Refusal } from "../../sys/attempt.ts";
import { cstring } from "../../sys/bytes.ts";
import { kindOf, readTextIfThere, status } from "../../sys/files.ts";
import { accessError } from "../../sys/inspect.ts";
import { errnoName, lib } from "../../sys/lib.ts";
import { type Privilege, privilege } from "../../sys/privilege.ts";
import { environment, ids, type Ran, run } from "../../sys/process.ts";

/** One thing that a host has, has in part, or lacks. */
export interface Finding {
  readonly area: "kernel" | "namespaces" | "users" | "cgroups" | "security" | "host";
  readonly name: string;
  readonly state: "ok" | "partial" | "missing";
  /** What was found, in words. */
  readonly found: string;
  /** What tsrun cannot do without it. */
  readonly lost?: string;
  /** How to get it. */
  readonly cure?: string;
  /** No container can run without it. */
  readonly needed?: true;
}

/** The host, as far as `doctor` looks at it. */
export interface World {
  readonly privilege: Privilege;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The state root. */
  readonly root: string;
  /** A file's text; `undefined` where it cannot be read. */
  read(path: string): string | undefined;
  kind(path: string): "dir" | "file" | "missing";
  /** Permission bits. */
  mode(path: string): number | undefined;
  access(path: string, what: "execute" | "write"): Refusal;
  /** Why nothing in the state root is believed. */
  distrust(): TsrunError | undefined;
  attempt(what: Attempt, contained: boolean, flags?: number): Refusal;
  /** Whether the filesystem at a path can be mounted with other ids. */
  idmap(path: string): Refusal;
  /** Whether the kernel takes a program for the devices of a cgroup of v2, which is put in force nowhere. */
  deviceRules(): TsrunError | undefined;
  filterFlags(flags: number): boolean;
  libseccomp(): string | undefined;
  pidfdInfo(): "exit" | "none";
  /** A program's path by PATH. */
  program(name: string): string | undefined;
  run(path: string, args: readonly string[]): Ran;
  cgroups(): CgroupFacts;
  /** The folder that a container gets in each hierarchy where this caller may make one, by mount point. */
  cgroupDirs(facts: CgroupFacts): ReadonlyMap<string, string>;
}

/** `r0 = 1; exit`, as `struct bpf_insn`: every device is allowed. */
const ALLOW_ALL = {
  instructions: new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]),
  pointer: "/linux/resources/devices",
} as const;

/** How long a program may take. */
const PROGRAM_MS = 20_000;

/** This host. */
export function thisWorld(root: string): World {
  return {
    privilege: privilege(),
    uid: ids().euid,
    env: process.env,
    root,
    read,
    kind: kindOf,
    mode: (path) => status(path)?.mode,
    access: accessError,
    distrust: () => refusalOf(() => hasRoot(root)),
    attempt,
    idmap,
    deviceRules: () => refusalOf(() => loadDevices(ALLOW_ALL).close()),
    filterFlags: (flags) => lib().ts_filter_flags(flags) === 1,
    libseccomp: libseccompVersion,
    pidfdInfo,
    program: (name) => findProgram(name, process.env["PATH"] ?? ""),
    run: (path, args) =>
      run({
        path,
        args: [path, ...args],
        env: environment(),
        cwd: "/",
        input: "",
        timeout: PROGRAM_MS,
      }),
    cgroups: () => {
      try {
        return readCgroupFacts();
      } catch (error) {
        if (error instanceof TsrunError) return { mode: "none", hierarchies: [] };
        throw error;
      }
    },
    cgroupDirs: (facts) => {
      const dirs = cgroupDirs(facts, undefined, "tsrun-doctor");
      return privilege() === "root" ? dirs : permittedDirs(facts, dirs, false);
    },
  };
}

function read(path: string): string | undefined {
  try {
    return readTextIfThere(path, 64 << 20);
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

function refusalOf(deed: () => unknown): TsrunError | undefined {
  try {
    deed();
    return undefined;
  } catch (error) {
    if (error instanceof TsrunError) return error;
    throw error;
  }
}

/** A detached copy of the mount, which goes with its descriptor. */
function idmap(path: string): Refusal {
  const maps = cstring("0 100000 65536\n");
  const userns = lib().ts_userns(maps, maps);
  if (userns < 0) return errnoName(-userns);
  const tree = lib().ts_tree(cstring(path), 0, userns, 0);
  lib().ts_close(userns);
  if (tree < 0) return errnoName(-tree);
  lib().ts_close(tree);
  return undefined;
}
