/** From a bundle's folder to everything that `create`, `explain` and `check` need: read, decode, ask the host, compile. */
import { MAX_JSON_DEPTH } from "../bundle/json.ts";
import { parseBundle } from "../bundle/parse.ts";
import type { Bundle, Warning } from "../bundle/types.ts";
import { cgroupOwner } from "../cgroup/delegate.ts";
import { compileDeviceProgram, type DeviceProgram } from "../cgroup/device-program.ts";
import { availableControllers, readCgroupFacts } from "../cgroup/facts.ts";
import { type CgroupPaths, cgroupDirs, cgroupPaths } from "../cgroup/paths.ts";
import { permittedDirs } from "../cgroup/permitted.ts";
import type { RdtSetup } from "../cgroup/rdt.ts";
import { compileV1 } from "../cgroup/resources-v1.ts";
import { compileV2 } from "../cgroup/resources-v2.ts";
import { setStep } from "../cgroup/steps.ts";
import type { UnitSetup } from "../cgroup/systemd/setup.ts";
import { type CgroupWrite, zeroPidsIsLimit } from "../cgroup/write.ts";
import { BundleError } from "../error.ts";
import { compile } from "../plan/compile.ts";
import type { CgroupFacts, CreateOptions } from "../plan/facts.ts";
import { mapsUsers } from "../plan/namespaces.ts";
import { NOTIFY_ENV } from "../plan/notify.ts";
import { type Plan, traced } from "../plan/ops.ts";
import { callerNofile, hostFacts, sourceKind } from "../spawn/facts.ts";
import type { Tracer } from "../spawn/steps.ts";
import { filterFolder, notifyFolder } from "../state/clear.ts";
import { isPlainJson } from "../sys/bytes.ts";
import { readTextIfThere } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import { currentFolder } from "../sys/process.ts";
import { checkJoinedSysctls } from "./joined-sysctls.ts";
import { checkNetDevices, rdtSetup } from "./outside.ts";
import { systemdSetup } from "./systemd.ts";

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
  /** Whether the container's cgroup is a unit of systemd (`--systemd-cgroup`); cgroupsPath is `slice:prefix:name` then. */
  readonly systemdCgroup?: boolean;
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
  /** Notes each step and its time. */
  readonly tracer?: Tracer | undefined;
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
  readonly rdt: RdtSetup | undefined;
}

/** The container's cgroups to be. */
export interface CgroupSetup {
  readonly facts: CgroupFacts;
  readonly dirs: ReadonlyMap<string, string>;
  readonly paths: CgroupPaths;
  readonly writes: readonly CgroupWrite[];
  /** The device rules on v2, where they are no writes. */
  readonly devices: DeviceProgram | undefined;
  /** Whose the cgroup of v2 becomes; `undefined` where it stays tsrun's. */
  readonly owner: number | undefined;
  /** The unit that systemd is to make it by. */
  readonly unit: UnitSetup | undefined;
}

/** Larger than any sane config.json. */
const LARGEST = 16 << 20;

/** Makes a path absolute, without `.`, `..` and empty parts. @throws SystemError where the current folder is gone */
export function absolute(path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${currentFolder()}/${path}`).split("/")) {
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
  return { text, ...parseBundle(text, dir, isPlainJson(text, MAX_JSON_DEPTH)) };
}

/** The cgroup folders and writes for a bundle on this host. @throws BundleError, SystemError */
export function cgroupSetup(bundle: Bundle, id: string, systemd = false): CgroupSetup {
  if (systemd) return systemdSetup(bundle, id);
  const facts = readCgroupFacts();
  const ours = privilege();
  const { cgroupsPath } = bundle.linux;
  const wanted = cgroupDirs(facts, cgroupsPath, id);
  // A user's container needs a user namespace: without one the bundle is for root.
  const restricted = ours === "contained" || (ours === "user" && mapsUsers(bundle));
  const dirs = restricted
    ? permittedDirs(facts, wanted, cgroupsPath !== undefined && cgroupsPath !== "")
    : wanted;
  const paths = cgroupPaths(facts, dirs);
  const available = availableControllers(facts);
  const has = (controller: string): boolean => available.has(controller);
  // The kernel takes device rules from the host's root only.
  const options = { zeroPidsIsLimit: zeroPidsIsLimit(bundle.ociVersion), devices: !restricted };
  const { resources } = bundle.linux;
  const writes =
    facts.mode === "v2" ? compileV2(resources, has, options) : compileV1(resources, has, options);
  const devices = facts.mode === "v2" && !restricted ? compileDeviceProgram(resources) : undefined;
  if (restricted) for (const write of writes) setStep(paths, write);
  // A user's own cgroup is his already, and he may give it to nobody else.
  const owner = ours === "user" ? undefined : cgroupOwner(bundle, facts.mode);
  return { facts, dirs, paths, writes, devices, owner, unit: undefined };
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
  checkRootPath(bundle.root.path);
  checkNetDevices(bundle);
  const rdt = rdtSetup(bundle, request.id);
  const cgroup = cgroupSetup(bundle, request.id, request.systemdCgroup);
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
  const facts = hostFacts(bundle, cgroup.facts, cgroup.dirs, dir === undefined ? "" : filterFolder(dir));
  const plan = traced(compile(bundle, facts, options), request.tracer !== undefined);
  return { ...loaded, cgroup, rdt, plan };
}

/** @throws BundleError where there is no such folder, or none that this caller can see */
function checkRootPath(path: string): void {
  const kind = sourceKind(path);
  if (kind === "dir") return;
  const missing = kind === "missing" ? "no such file or directory" : "permission denied";
  const what = kind === "file" ? `${path} is not a directory` : `stat ${path}: ${missing}`;
  const hint =
    kind === "forbidden"
      ? "whoever runs tsrun must be able to enter each folder on the way: chmod o+x these"
      : "root.path is relative to the bundle's folder";
  throw new BundleError("missing", "/root/path", `invalid rootfs: ${what}`, hint);
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
