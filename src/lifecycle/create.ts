/** `create`: from a bundle to a container whose first process waits for `start`. */

import { tightenUnit, unitRecord } from "../cgroup/systemd/setup.ts";
import { BundleError, TsrunError, UsageError } from "../error.ts";
import { deathIn } from "../spawn/death.ts";
import { hookState, runHooks } from "../spawn/hooks.ts";
import { writeMaps } from "../spawn/idmaps.ts";
import { type HostSide, launch } from "../spawn/launch.ts";
import { sendListener } from "../spawn/listener.ts";
import { makeNotifyFolder } from "../spawn/notify.ts";
import { planBytes } from "../spawn/plan-bytes.ts";
import { openSource } from "../spawn/sources.ts";
import { step } from "../spawn/steps.ts";
import { giveStreams } from "../spawn/streams.ts";
import { checkTerminal, Terminal } from "../spawn/terminal.ts";
import { notifyFolder } from "../state/clear.ts";
import { checkId } from "../state/id.ts";
import type { Record } from "../state/record.ts";
import { makeRoot } from "../state/root.ts";
import { startTimeOf } from "../state/status.ts";
import { alreadyExists, containerDir, isTaken, type Locked, reserve, startSocket } from "../state/store.ts";
import { type Handle, status } from "../sys/files.ts";
import { clock, environment, type Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import { checkPreserved, pipeNames, writePidFile } from "./caller.ts";
import { destroy } from "./destroy.ts";
import { Outside } from "./outside.ts";
import { enterCgroups, makeOwnCgroups } from "./own-cgroups.ts";
import { type CreateRequest, listenFds, loadBundle, type Prepared, prepare } from "./prepare.ts";
import { checkCaller } from "./rootless.ts";

/** A container that has just been created, still locked by this process. */
export interface Created {
  readonly record: Record;
  readonly locked: Locked;
  /** Its first process. */
  readonly first: Pidfd;
  /** The master of its terminal, where no console socket has taken it. */
  readonly terminal: Handle | undefined;
}

/**
 * Creates a container.
 *
 * @throws StateError `id-invalid`, `exists`; BundleError; SystemError; LaunchError
 */
export function create(root: string, request: CreateRequest): Created {
  checkId(request.id);
  if (isTaken(root, request.id)) throw alreadyExists(request.id);
  checkPreserved((request.preserveFds ?? 0) + listenFds());
  const { tracer } = request;
  const loaded = step(tracer, "read config.json", () => loadBundle(request.bundle));
  for (const warning of loaded.warnings) request.warn?.(warning);
  checkCaller(loaded.bundle);
  // A filter is kept there as soon as it is compiled.
  if (loaded.bundle.linux.seccomp !== undefined) makeRoot(root);
  const dir = containerDir(root, request.id);
  const prepared = step(tracer, "ask the host and compile the plan", () => prepare(loaded, request, dir));
  try {
    return createPrepared(root, request, prepared);
  } finally {
    prepared.cgroup.unit?.manager.close();
  }
}

function createPrepared(root: string, request: CreateRequest, prepared: Prepared): Created {
  const { tracer } = request;
  for (const warning of prepared.plan.warnings) request.warn?.(warning);
  if (prepared.bundle.process === undefined) {
    throw new BundleError(
      "missing",
      "/process",
      "process property must not be empty",
      "a container is created for a process",
    );
  }
  checkTerminal({
    terminal: prepared.bundle.process.terminal,
    detach: request.foreground !== true,
    consoleSocket: request.consoleSocket,
  });
  const bytes = step(tracer, "encode the plan", () => planBytes(prepared.plan));
  makeRoot(root);
  const record = describe(prepared, request);
  const locked = step(tracer, "take the id", () => reserve(root, record, prepared.text));
  try {
    if (request.notify !== undefined) makeNotifyFolder(notifyFolder(locked.dir));
    return { record, locked, ...launchFirst(prepared, request, record, locked, bytes) };
  } catch (error) {
    step(tracer, "take back what was made", () => undo(record, locked, error));
    throw error;
  }
}

/** What is kept of a container that is about to be made. */
export function describe({ bundle, plan, cgroup, rdt }: Prepared, request: CreateRequest): Record {
  const from = plan.steps.findLastIndex(({ op }) => op.op === "awaitStart");
  const created = timestamp();
  const own = [...cgroup.dirs.values()];
  return {
    version: 1,
    ociVersion: bundle.ociVersion,
    id: request.id,
    bundle: bundle.dir,
    rootfs: bundle.root.path,
    created,
    annotations: Object.fromEntries(bundle.annotations),
    cgroups: Object.fromEntries(cgroup.paths),
    // Slices are systemd's.
    newCgroups: missingFolders(cgroup.dirs).filter((dir) => cgroup.unit === undefined || own.includes(dir)),
    ...(cgroup.unit === undefined ? {} : { unit: unitRecord(cgroup.unit, request.id, created) }),
    ...(rdt === undefined ? {} : { rdt: rdt.groups }),
    noNewKeyring: request.noNewKeyring ?? false,
    ownPidNamespace: bundle.linux.namespaces.some(({ type, path }) => type === "pid" && path === undefined),
    ...(bundle.process?.terminal ? {} : { pipes: pipeNames() }),
    afterStart: { from, steps: plan.steps.slice(from) },
    poststart: bundle.hooks.poststart,
    poststop: bundle.hooks.poststop,
  };
}

/** The folders on the way to each cgroup that are not there yet, parents first. */
function missingFolders(dirs: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [mountpoint, dir] of dirs) {
    for (let at = dir.length; at > mountpoint.length; at = dir.lastIndexOf("/", at - 1)) {
      const level = dir.slice(0, at);
      if (status(level) !== undefined) break;
      found.push(level);
    }
  }
  return found.reverse();
}

/** Now, as RFC 3339 with nanoseconds. */
function timestamp(): string {
  const now = clock("realtime");
  const seconds = new Date(Number(now / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(now % 1_000_000_000n).toString().padStart(9, "0")}Z`;
}

function launchFirst(
  prepared: Prepared,
  request: CreateRequest,
  record: Record,
  locked: Locked,
  bytes: Uint8Array,
): Pick<Created, "first" | "terminal"> {
  const terminal = new Terminal(request.consoleSocket);
  const listen = Socket.listen(startSocket(locked.dir));
  const outside = new Outside(prepared.bundle, prepared.rdt);
  try {
    const start = {
      bundle: prepared.bundle,
      plan: prepared.plan,
      bytes,
      cwd: record.bundle,
      env: environment(),
      preserveFds: (request.preserveFds ?? 0) + listenFds(),
      other: listen,
      tracer: request.tracer,
    };
    const first = launch(start, hostSide(prepared, request, record, locked, terminal, outside));
    return { first, terminal: terminal.master };
  } catch (error) {
    terminal.master?.close();
    outside.takeBack(error);
    throw error;
  } finally {
    outside.close();
    terminal.hangUp();
    listen.close();
  }
}

function hostSide(
  { bundle, plan, cgroup }: Prepared,
  request: CreateRequest,
  record: Record,
  locked: Locked,
  terminal: Terminal,
  outside: Outside,
): HostSide {
  let first: Pidfd | undefined;
  const debug = request.debug ?? (() => {});
  return {
    prepare() {
      debug(
        `tsrun-init runs a plan of ${plan.steps.length} steps; making cgroups in ${cgroup.dirs.size} hierarchies`,
      );
      outside.prepare();
      if (cgroup.unit === undefined) {
        step(request.tracer, "make the cgroups", () => makeOwnCgroups(cgroup, request));
      }
    },
    maps(pid) {
      debug(`writing the id maps of process ${pid}`);
      writeMaps(pid, bundle.linux.uidMappings, bundle.linux.gidMappings);
    },
    entrance(pid) {
      const mapped = bundle.linux.namespaces.some(({ type }) => type === "user");
      return enterCgroups(cgroup, record, pid, mapped, request);
    },
    record(process) {
      debug(`the container's first process is ${process.pid}`);
      first = process;
      locked.saveInit({ pid: process.pid, startTime: startTimeOf(process.pid) ?? "" });
      if (cgroup.unit !== undefined) tightenUnit(cgroup.unit);
      outside.adopt(process.pid);
    },
    source(index) {
      const source = plan.sources[index];
      if (source === undefined || first === undefined)
        throw new UsageError(`there is no mount source ${index}`);
      return openSource(source, first);
    },
    hooks(process) {
      debug("running the prestart and createRuntime hooks");
      const state = hookState(record, "creating", process.pid);
      runHooks("prestart", bundle.hooks.prestart, state);
      runHooks("createRuntime", bundle.hooks.createRuntime, state);
    },
    console: (master) => terminal.take(master),
    listener: (listener, { pid }) =>
      sendListener(bundle.linux.seccomp, hookState(record, "creating", pid), pid, listener),
    ready(process) {
      debug("everything is set up");
      if (bundle.process !== undefined) giveStreams(bundle, bundle.process, process.pid);
      if (request.pidFile !== undefined) writePidFile(request.pidFile, process.pid);
      locked.saveCreated();
    },
    whyDied: () => deathIn(cgroup.paths),
  };
}

/** Takes back what a failed creation made; what cannot be taken back is told after the first error. */
export function undo(record: Record, locked: Locked, error: unknown): void {
  try {
    destroy(record, { process: undefined, complete: false }, locked);
  } catch (later) {
    locked.release();
    if (error instanceof TsrunError && later instanceof Error) error.followedBy.push(later);
  }
}
