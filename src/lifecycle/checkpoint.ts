/** `checkpoint`: a running container's processes written to files, by criu. */
import { parseBundle } from "../bundle/parse.ts";
import type { Bundle } from "../bundle/types.ts";
import { readCgroupFacts } from "../cgroup/facts.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { type LaunchError, StateError, SystemError, UsageError } from "../error.ts";
import type { CriuOptions } from "../spawn/criu/messages.ts";
import type { Notification } from "../spawn/criu/program.ts";
import { notifyFolder } from "../state/clear.ts";
import { damaged, type ProcessRecord } from "../state/record.ts";
import { statusOf } from "../state/status.ts";
import { type Locked, load, lock, type Saved } from "../state/store.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, readText, readTextIfThere, status as statusOfPath } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { Criu } from "./criu/call.ts";
import { saveDescriptors } from "./criu/descriptors.ts";
import { ImageChain } from "./criu/image.ts";
import { dumpedMounts } from "./criu/mounts.ts";
import { dumpedNamespaces } from "./criu/namespaces.ts";
import {
  type CriuRequestOptions,
  closeFolders,
  commonOptions,
  type Folders,
  openFolders,
  pageServer,
} from "./criu/options.ts";
import { placesOf } from "./criu/places.ts";
import { afterwards, pathOf, Staging } from "./criu/staging.ts";
import { destroy } from "./destroy.ts";

/** runc's options of `checkpoint`. */
export interface CheckpointRequest extends CriuRequestOptions {
  readonly id: string;
  /** The image of an earlier `preDump`, relative to the image's folder: only memory that has changed since is written. */
  readonly parentPath?: string | undefined;
  /** The container goes on. */
  readonly leaveRunning?: boolean;
  /** Write memory only, and let the container go on. */
  readonly preDump?: boolean;
  /** With lazy pages: a descriptor that is given a NUL when criu waits for somebody to fetch the memory. */
  readonly statusFd?: number | undefined;
  /** `ADDRESS:PORT` of the page server that the memory is sent to. */
  readonly pageServer?: string | undefined;
}

const LOG = "dump.log";

/**
 * Writes a container to files. Unless it is to go on it is gone afterwards, as with runc: its poststop hooks have run.
 *
 * @returns what went wrong in poststop hooks
 * @throws StateError `not-found`, `not-running`, `busy`; LaunchError `criu` with the telling lines of criu's log: then the container
 *   runs on; UsageError; SystemError
 */
export function checkpoint(root: string, request: CheckpointRequest): readonly LaunchError[] {
  const locked = lock(root, request.id);
  try {
    const saved = load(root, request.id);
    const process = checkRunning(saved);
    const bundle = savedBundle(saved);
    const criu = new Criu(request.debug ?? (() => {}));
    if (request.preDump) criu.check("memTrack");
    if (request.lazyPages) criu.check("lazyPages");
    checkStatusFd(request);
    const folders = openFolders(request, true);
    try {
      checkParent(request, folders.image.path);
      dump(criu, request, saved, process, bundle, folders);
    } finally {
      closeFolders(folders);
    }
    return request.leaveRunning || request.preDump ? [] : remove(saved, locked);
  } finally {
    locked.release();
  }
}

function checkRunning(saved: Saved): ProcessRecord {
  const status = statusOf(saved, true);
  if ((status === "running" || status === "paused") && saved.process !== undefined) return saved.process;
  throw new StateError("not-running", `Container cannot be checkpointed in ${status} state`, {
    hint: status === "created" ? `start it first with: tsrun start ${saved.record.id}` : undefined,
  });
}

function savedBundle({ dir, record }: Saved): Bundle {
  const text = readTextIfThere(`${dir}/config.json`, 16 << 20);
  if (text === undefined) throw damaged(record.id, "config.json is missing");
  return parseBundle(text, record.bundle).bundle;
}

/** criu takes a path that is relative to the image's folder. @throws UsageError */
function checkParent({ parentPath }: CheckpointRequest, image: string): void {
  if (parentPath === undefined) return;
  if (parentPath.startsWith("/")) {
    throw new UsageError("--parent-path must be relative", { hint: "it is taken from the image's folder" });
  }
  const path = `${image}/${parentPath}`;
  const kind = statusOfPath(path)?.kind;
  if (kind === "dir") {
    // criu reads it, and with --auto-dedup changes it.
    ImageChain.open({ path, handle: Handle.open(path, O.RDONLY | O.DIRECTORY) }).close();
    return;
  }
  const why = kind === undefined ? "no such file or directory" : "not a directory";
  throw new UsageError(`invalid --parent-path: ${path}: ${why}`, {
    hint: "it names the image of a checkpoint --pre-dump, as seen from the image's folder",
  });
}

/** @throws UsageError */
function checkStatusFd({ statusFd, lazyPages }: CheckpointRequest): void {
  if (statusFd === undefined || !lazyPages) return;
  const flags = /^flags:\s*([0-7]+)$/m.exec(readTextIfThere(`/proc/self/fdinfo/${statusFd}`) ?? "")?.[1];
  const why =
    flags === undefined
      ? "bad file descriptor"
      : (Number.parseInt(flags, 8) & 3) === 0
        ? "not writable"
        : undefined;
  if (why !== undefined) throw new UsageError(`invalid --status-fd argument ${statusFd}: ${why}`);
}

function dump(
  criu: Criu,
  request: CheckpointRequest,
  saved: Saved,
  process: ProcessRecord,
  bundle: Bundle,
  given: Folders,
): void {
  const { preDump, parentPath, statusFd } = request;
  const image = Staging.in(given.image);
  const work = given.work === given.image ? image : Staging.in(given.work);
  const end = (): void => {
    work.publish((name) => !isImage(name));
    if (work !== image) work.remove();
    image.remove();
  };
  try {
    const options = dumpOptions(request, saved, process, bundle, { image, work });
    if (!preDump) saveDescriptors(pathOf(image.handle), saved.record.pipes ?? []);
    const notify = ({ script, passed }: Notification): void => {
      passed?.close();
      request.debug?.(`criu: ${script}`);
      if (script !== "status-ready") return;
      // Whoever fetches the memory reads what there is of the image.
      image.publish(isImage, parentPath);
      if (statusFd !== undefined) tellReady(statusFd);
    };
    const type = preDump ? "preDump" : "dump";
    request.debug?.(`criu writes process ${process.pid} to ${given.image.path}`);
    criu.perform(
      preDump ? "PRE_DUMP" : "DUMP",
      { request: () => ({ type, options }), notify },
      work.log(LOG),
    );
    image.publish(isImage, parentPath);
  } catch (error) {
    afterwards(error, end);
    throw error;
  }
  end();
}

/** What is neither criu's log nor its statistics, which lie where it works. */
function isImage(name: string): boolean {
  return !name.endsWith(".log") && !name.startsWith("stats-");
}

function dumpOptions(
  request: CheckpointRequest,
  { dir, record }: Saved,
  { pid }: ProcessRecord,
  bundle: Bundle,
  folders: Folders,
): CriuOptions {
  const { parentPath, preDump } = request;
  const cgroups: CgroupPaths = new Map(Object.entries(record.cgroups));
  return {
    ...commonOptions(request, folders, LOG, bundle),
    pid,
    leaveRunning: request.leaveRunning ?? false,
    root: record.rootfs,
    pageServer: request.pageServer === undefined ? undefined : pageServer(request.pageServer),
    parentImg: parentPath === undefined ? undefined : Staging.seen(parentPath),
    trackMem: parentPath !== undefined || preDump === true,
    extMnt: preDump ? [] : outsideMounts(bundle, pid, dir),
    external: dumpedNamespaces(bundle, pid),
    freezeCgroup: cgroups.get("freezer") ?? cgroups.get(""),
  };
}

function outsideMounts(bundle: Bundle, pid: number, dir: string): CriuOptions["extMnt"] {
  const places = placesOf(bundle, {
    root: `/proc/${pid}/root`,
    cgroups: readCgroupFacts(),
    cgroupDirs: new Map(),
    notify: notifyFolder(dir),
  });
  return dumpedMounts(readText(`/proc/${pid}/mountinfo`, 64 << 20), places);
}

function tellReady(fd: number): void {
  const nul = new Uint8Array(1);
  const written = lib().ts_write(fd, nul, 1);
  lib().ts_close(fd);
  if (written < 0) throw new SystemError("write", "EPIPE", `descriptor ${fd}`, { doing: "tell --status-fd" });
}

/** criu has ended the processes. */
function remove({ record, process }: Saved, locked: Locked): readonly LaunchError[] {
  return destroy(record, { process, complete: true }, locked);
}
