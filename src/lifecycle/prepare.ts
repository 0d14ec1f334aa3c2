/** From a bundle's folder to everything that `create`, `explain` and `check` need: read, decode, ask the host, compile. */
import { parseBundle } from "../bundle/parse.ts";
import type { Bundle, Warning } from "../bundle/types.ts";
import { availableControllers, readCgroupFacts } from "../cgroup/facts.ts";
import { type CgroupPaths, cgroupDirs, cgroupPaths } from "../cgroup/paths.ts";
import { compileV1 } from "../cgroup/resources-v1.ts";
import { compileV2 } from "../cgroup/resources-v2.ts";
import { type CgroupWrite, zeroPidsIsLimit } from "../cgroup/write.ts";
import { BundleError } from "../error.ts";
import { compile } from "../plan/compile.ts";
import type { CgroupFacts, CreateOptions } from "../plan/facts.ts";
import { NOTIFY_ENV } from "../plan/notify.ts";
import type { Plan } from "../plan/ops.ts";
import { callerNofile, hostFacts } from "../spawn/facts.ts";
import { notifyFolder } from "../state/clear.ts";
import { kindOf, readTextIfThere } from "../sys/files.ts";
import { checkJoinedSysctls } from "./joined-sysctls.ts";

/** How a container is to be created: runc's options of `create` and `run`. */
export interface CreateRequest {
  readonly id: string;
  /** The bundle's folder; relative to the current one. */
  readonly bundle: string;
  /** The socket to send the container's terminal to. */
  readonly consoleSocket?: string | undefined;
  /** Whether the caller stays with the container, and copies its terminal where it has one. */
  readonly foreground?: boolean;
  /** Where to write the first process's pid. */
  readonly pidFile?: string | undefined;
  readonly noPivot?: boolean;
  readonly noNewKeyring?: boolean;
  /**
   * The socket that is told how far the program is (NOTIFY_SOCKET, sd_notify(3)). The container gets one of its own; what is sent
   * there while somebody waits for it is passed on.
   */
  readonly notify?: string | undefined;
  /** How many descriptors from 3 on the container inherits; in the library, only such as are not close-on-exec. */
  readonly preserveFds?: number;
  /** Told what is odd in config.json but no error. */
  readonly warn?: (warning: Warning) => void;
  /** Told each step of the creation. */
  readonly debug?: (text: string) => void;
}

/** A bundle, read and decoded. */
export interface Loaded {
  readonly bundle: Bundle;
  /** config.json as it was read. */
  readonly text: string;
  readonly warnings: readonly Warning[];
}

/** A bundle, compiled for this host. */
export interface Prepared extends Loaded {
  readonly plan: Plan;
  readonly cgroup: CgroupSetup;
}

/** The container's cgroups to be. */
export interface CgroupSetup {
  readonly facts: CgroupFacts;
  readonly dirs: ReadonlyMap<string, string>;
  readonly paths: CgroupPaths;
  readonly writes: readonly CgroupWrite[];
}

/** Larger than any sane config.json. */
const LARGEST = 16 << 20;

/** Makes a path absolute, without `.`, `..` and empty parts. */
export function absolute(path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${process.cwd()}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Reads and decodes a bundle. @throws BundleError */
export function loadBundle(path: string): Loaded {
  const dir = absolute(path);
  const text = readTextIfThere(`${dir}/config.json`, LARGEST);
  if (text === undefined) {
    throw new BundleError(
      "missing",
      "",
      `JSON specification file config.json not found in ${dir}`,
      "tsrun spec makes one; --bundle names its folder",
    );
  }
  return { text, ...parseBundle(text, dir) };
}

/** The cgroup folders and writes for a bundle on this host. @throws BundleError */
export function cgroupSetup(bundle: Bundle, id: string): CgroupSetup {
  const facts = readCgroupFacts();
  const dirs = cgroupDirs(facts, bundle.linux.cgroupsPath, id);
  const paths = cgroupPaths(facts, dirs);
  const available = availableControllers(facts);
  const has = (controller: string): boolean => available.has(controller);
  const options = { zeroPidsIsLimit: zeroPidsIsLimit(bundle.ociVersion) };
  const { resources } = bundle.linux;
  const writes =
    facts.mode === "v2" ? compileV2(resources, has, options) : compileV1(resources, has, options);
  return { facts, dirs, paths, writes };
}

/**
 * Compiles a loaded bundle for this host; starts nothing and changes nothing.
 *
 * @param dir the folder that the container's state will have, where there is to be one
 * @throws BundleError
 */
export function prepare(loaded: Loaded, request: CreateRequest, dir?: string): Prepared {
  const { bundle } = loaded;
  checkJoinedSysctls(bundle);
  const { path } = bundle.root;
  if (kindOf(path) !== "dir") {
    const what =
      kindOf(path) === "missing" ? `stat ${path}: no such file or directory` : `${path} is not a directory`;
    throw new BundleError(
      "missing",
      "/root/path",
      `invalid rootfs: ${what}`,
      "root.path is relative to the bundle's folder",
    );
  }
  const cgroup = cgroupSetup(bundle, request.id);
  const listen = listenEnv();
  const notify = request.notify === undefined || dir === undefined ? undefined : notifyFolder(dir);
  const options: CreateOptions = {
    id: request.id,
    noPivot: request.noPivot ?? false,
    noNewKeyring: request.noNewKeyring ?? false,
    preserveFds: (request.preserveFds ?? 0) + listenFds(),
    notifyFolder: notify,
    extraEnv: notify === undefined ? listen : [...listen, NOTIFY_ENV],
    callerNofile: callerNofile(),
  };
  const facts = hostFacts(bundle, cgroup.facts, cgroup.dirs);
  return { ...loaded, cgroup, plan: compile(bundle, facts, options) };
}

/** What tells the program of these sockets. */
function listenEnv(): readonly string[] {
  const count = listenFds();
  if (count === 0) return [];
  const names = process.env["LISTEN_FDNAMES"];
  const entries = [`LISTEN_FDS=${count}`, "LISTEN_PID=1"];
  return names === undefined ? entries : [...entries, `LISTEN_FDNAMES=${names}`];
}

/** How many sockets systemd's socket activation passed to this very process (sd_listen_fds(3)). */
export function listenFds(): number {
  const { LISTEN_FDS, LISTEN_PID } = process.env;
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(process.pid) || !/^[0-9]{1,4}$/.test(LISTEN_FDS))
    return 0;
  return Number(LISTEN_FDS);
}
