/** `restore`: a container whose processes criu makes anew from files that `checkpoint` wrote. */
import { BundleError } from "../error.ts";
import { supervise } from "../spawn/supervise.ts";
import { checkTerminal } from "../spawn/terminal.ts";
import { checkId } from "../state/id.ts";
import type { Record } from "../state/record.ts";
import { makeRoot } from "../state/root.ts";
import { alreadyExists, containerDir, isTaken, type Locked, reserve } from "../state/store.ts";
import { becomeSubreaper } from "../sys/become.ts";
import type { Handle } from "../sys/files.ts";
import { holdSignals, type Pidfd } from "../sys/process.ts";
import { describe, undo } from "./create.ts";
import { Criu } from "./criu/call.ts";
import { inheritedStreams } from "./criu/descriptors.ts";
import { ImageChain } from "./criu/image.ts";
import { type CriuRequestOptions, closeFolders, openFolders } from "./criu/options.ts";
import { end, Restoration } from "./criu/restoration.ts";
import { type CreateRequest, loadBundle, type Prepared, prepare } from "./prepare.ts";
import { checkCaller } from "./rootless.ts";
import type { Running } from "./run.ts";

/** runc's options of `restore`. */
export interface RestoreRequest
  extends CriuRequestOptions,
    Pick<CreateRequest, "id" | "bundle" | "consoleSocket" | "pidFile" | "systemdCgroup" | "warn"> {
  /** Return as soon as the container runs. */
  readonly detach?: boolean;
  /** Leave the container's processes that lose their parent to whoever else cares for them. */
  readonly noSubreaper?: boolean;
  /** `TYPE:NAME` of the AppArmor profile or SELinux label that takes the place of the checkpointed one. */
  readonly lsmProfile?: string | undefined;
  /** The SELinux label that takes the place of the checkpointed mounts'. */
  readonly lsmMountContext?: string | undefined;
  /** The global options for messages, as for `run`. */
  readonly messages?: readonly string[];
}

/** A container that has just been restored, still locked by this process. */
interface Restored {
  readonly record: Record;
  readonly locked: Locked;
  readonly first: Pidfd;
  readonly terminal: Handle | undefined;
}

/**
 * Restores a container as the command does: with `detach` it returns when the container runs, else this process becomes its
 * supervisor, as for `run`.
 *
 * @throws StateError `id-invalid`, `exists`; BundleError as `create`; LaunchError `criu` with the telling lines of criu's log,
 *   `hook`; SystemError; then nothing of the container is left
 */
export function restore(root: string, request: RestoreRequest): void {
  if (request.detach) {
    restoreDetached(root, request).first.close();
    return;
  }
  holdSignals();
  const subreaper = request.noSubreaper !== true;
  if (subreaper) becomeSubreaper();
  const restored = restoreLocked(root, request);
  const { first, terminal, record } = restored;
  try {
    supervise({
      name: `tsrun: restore ${record.id}`,
      first,
      terminal,
      subreaper,
      afterwards: { root, record, keep: false, messages: request.messages ?? [] },
    });
  } catch (error) {
    takeBack(restored, error);
    throw error;
  }
}

/** Restores a container and leaves it to itself. @throws as {@link restore} */
export function restoreDetached(root: string, request: RestoreRequest): Running {
  const { first, record, terminal, locked } = restoreLocked(root, { ...request, detach: true });
  locked.release();
  return { first, created: record.created, terminal, socket: undefined };
}

function takeBack({ first, record, locked, terminal }: Restored, error: unknown): void {
  end(first);
  terminal?.close();
  undo(record, locked, error);
}

/** The bundle is held to everything that `create` holds it to; what the image says of it counts for nothing. */
function restoreLocked(root: string, request: RestoreRequest): Restored {
  checkId(request.id);
  if (isTaken(root, request.id)) throw alreadyExists(request.id);
  const dir = containerDir(root, request.id);
  const loaded = loadBundle(request.bundle);
  for (const warning of loaded.warnings) request.warn?.(warning);
  checkCaller(loaded.bundle);
  if (loaded.bundle.linux.seccomp !== undefined) makeRoot(root);
  const { process } = loaded.bundle;
  if (process === undefined) {
    throw new BundleError("missing", "/process", "process property must not be empty");
  }
  const { detach = false, consoleSocket } = request;
  checkTerminal({ terminal: process.terminal, detach, consoleSocket });
  const prepared = prepare(loaded, request, dir);
  for (const warning of prepared.plan.warnings) request.warn?.(warning);
  const criu = new Criu(request.debug ?? (() => {}));
  const folders = openFolders(request, false);
  let chain: ImageChain | undefined;
  try {
    chain = ImageChain.open(folders.image);
    const streams = inheritedStreams(folders.image.path);
    makeRoot(root);
    const record = restoredRecord(prepared, request);
    const locked = reserve(root, record, prepared.text);
    try {
      const restoration = new Restoration(criu, prepared, request, record, locked);
      return { record, locked, ...restoration.perform(folders, chain, streams) };
    } catch (error) {
      undo(record, locked, error);
      throw error;
    }
  } finally {
    chain?.close();
    closeFolders(folders);
    prepared.cgroup.unit?.manager.close();
  }
}

/** It has started long ago: poststart hooks don't run again, as with runc. */
function restoredRecord(prepared: Prepared, request: RestoreRequest): Record {
  const made = describe(prepared, request);
  return { ...made, afterStart: { from: 0, steps: [] }, poststart: [], restored: true };
}
