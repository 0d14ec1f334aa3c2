/** The folders below the state root (`--root`, default /run/tsrun): reserve, lock, save, load, remove. */
import { StateError, SystemError, TsrunError } from "../error.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { entries, Handle, perform, performAll, readTextIfThere, status } from "../sys/files.ts";
import { checked, errnoName, lib } from "../sys/lib.ts";
import { clock, ids, sleep } from "../sys/process.ts";
import { clear } from "./clear.ts";
import { checkId } from "./id.ts";
import { damaged, type ProcessRecord, parseProcess, parseRecord, type Record } from "./record.ts";
import { hasRoot } from "./root.ts";

/** A container's folder while this process holds its lock. */
export class Locked {
  readonly dir: string;
  readonly #folder: Handle;

  constructor(dir: string, folder: Handle) {
    this.dir = dir;
    this.#folder = folder;
  }

  /** Names the first process, before it may do anything that would have to be undone. @throws SystemError */
  saveInit(process: ProcessRecord): void {
    const part = `${this.dir}/init.json~`;
    performAll([
      { do: "create", path: part, text: JSON.stringify(process), mode: 0o600 },
      { do: "rename", path: part, to: `${this.dir}/init.json` },
    ]);
  }

  /** The container is created. @throws SystemError */
  saveCreated(): void {
    performAll([{ do: "rename", path: `${this.dir}/init.json`, to: `${this.dir}/process.json` }]);
  }

  /** The container has been started. @throws SystemError */
  saveStarted(): void {
    performAll([{ do: "unlink", path: startSocket(this.dir), ifThere: true }]);
  }

  /** Removes the folder; the id is free again. @throws SystemError */
  remove(): void {
    // Away with the name first, so that nobody sees a container of which half the files are gone.
    const slash = this.dir.lastIndexOf("/");
    const hidden = hiddenDir(this.dir.slice(0, slash), this.dir.slice(slash + 1));
    const failure = perform([{ do: "rename", path: this.dir, to: hidden }]);
    if (failure !== undefined && failure.errno !== "ENOENT")
      throw new SystemError(failure.syscall, failure.errno, this.dir);
    clear(hidden);
    this.release();
  }

  release(): void {
    this.#folder.close();
  }
}

/** A folder beside the containers' that belongs to no container: `~` is in no id. */
export function hiddenDir(root: string, id: string): string {
  return `${root}/~${id}~${ids().pid}~${clock("monotonic")}`;
}

/** A folder's handle; `undefined` where somebody has just removed it. @throws SystemError */
function openFolder(dir: string): Handle | undefined {
  const fd = lib().ts_open(cstring(dir), O.RDONLY | O.DIRECTORY, 0);
  if (fd < 0 && errnoName(-fd) === "ENOENT") return undefined;
  return new Handle(checked(fd, "open", dir));
}

/** Where the first process waits for `start`. */
export function startSocket(dir: string): string {
  return `${dir}/start.sock`;
}

/** The folder of a container. */
export function containerDir(root: string, id: string): string {
  return `${root}/${checkId(id)}`;
}

/** Whether there is a container of this id. @throws UsageError where others could have filled the root */
export function isTaken(root: string, id: string): boolean {
  return hasRoot(root) && status(containerDir(root, id)) !== undefined;
}

/**
 * Takes an id: its folder appears at once, complete and locked, or not at all, whatever else races for it.
 *
 * @throws StateError `exists`
 */
export function reserve(root: string, record: Record, config: string): Locked {
  const dir = containerDir(root, record.id);
  const unfinished = hiddenDir(root, record.id);
  let folder: Handle | undefined;
  try {
    performAll([
      { do: "mkdir", path: unfinished, mode: 0o700 },
      { do: "create", path: `${unfinished}/state.json`, text: JSON.stringify(record), mode: 0o600 },
      { do: "create", path: `${unfinished}/config.json`, text: config, mode: 0o600 },
    ]);
    folder = Handle.open(unfinished, O.RDONLY | O.DIRECTORY);
    folder.tryLock("exclusive");
    const answer = lib().ts_rename_new(cstring(unfinished), cstring(dir));
    if (answer >= 0) return new Locked(dir, folder);
    if (errnoName(-answer) === "EEXIST") throw alreadyExists(record.id);
    throw new SystemError("renameat2", errnoName(-answer), dir, { doing: `take the id ${record.id}` });
  } catch (error) {
    folder?.close();
    try {
      clear(unfinished);
    } catch (later) {
      if (error instanceof TsrunError && later instanceof Error) error.followedBy.push(later);
    }
    throw error;
  }
}

/** runc's words, which engines look for. */
export function alreadyExists(id: string): StateError {
  return new StateError("exists", `container with given ID already exists: ${id}`, {
    hint: `choose another id, or remove it with: tsrun delete ${id}`,
  });
}

/** runc's words, which engines look for. */
export function notFound(id: string): StateError {
  return new StateError("not-found", `container does not exist: ${id}`, {
    hint: "tsrun list shows the containers there are",
  });
}

/**
 * Locks a container's folder, waiting for whoever holds it at most `wait` milliseconds.
 *
 * @throws StateError `not-found`, `busy`
 */
export function lock(root: string, id: string, wait = 10_000): Locked {
  const dir = containerDir(root, id);
  if (!hasRoot(root)) throw notFound(id);
  const deadline = clock("monotonic") + BigInt(wait) * 1_000_000n;
  for (let pause = 1; ; pause = Math.min(pause * 2, 20)) {
    const folder = openFolder(dir);
    if (folder === undefined) throw notFound(id);
    if (folder.tryLock("exclusive")) {
      // It may have been removed, and even made anew, between the two calls.
      const now = status(dir);
      if (now !== undefined && now.inode === status(`/proc/self/fd/${folder.fd}`)?.inode)
        return new Locked(dir, folder);
      folder.close();
      continue;
    }
    folder.close();
    if (clock("monotonic") > deadline) {
      throw new StateError("busy", `container ${id} is in use by another tsrun`, {
        hint: "try again when that has ended",
      });
    }
    sleep(pause);
  }
}

/** What is on record for a container. */
export interface Saved {
  readonly dir: string;
  readonly record: Record;
  /** Absent until the first process exists. */
  readonly process: ProcessRecord | undefined;
  /** False while it is being created, or when its creation died. */
  readonly complete: boolean;
}

/** @throws StateError `not-found`, `damaged` */
export function load(root: string, id: string): Saved {
  const dir = containerDir(root, id);
  if (!hasRoot(root)) throw notFound(id);
  const text = readTextIfThere(`${dir}/state.json`, 1 << 24);
  if (text === undefined)
    throw status(dir) === undefined ? notFound(id) : damaged(id, "state.json is missing");
  const record = parseRecord(text, id);
  return { dir, record, ...loadProcess(dir, id) };
}

/** What a container is, also where the record of its process is damaged; `undefined` where state.json is. */
export function loadRecordIfWhole(dir: string, id: string): Record | undefined {
  try {
    return parseRecord(readTextIfThere(`${dir}/state.json`, 1 << 24) ?? "", id);
  } catch (error) {
    if (error instanceof StateError) return undefined;
    throw error;
  }
}

function loadProcess(dir: string, id: string): Pick<Saved, "process" | "complete"> {
  const created = readTextIfThere(`${dir}/process.json`);
  const init = created ?? readTextIfThere(`${dir}/init.json`) ?? readTextIfThere(`${dir}/process.json`);
  return {
    process: init === undefined ? undefined : parseProcess(init, id),
    complete: created !== undefined,
  };
}

/** Whether a living tsrun holds the container's lock. */
export function isLocked(dir: string): boolean {
  const folder = openFolder(dir);
  if (folder === undefined) return false;
  const free = folder.tryLock("shared");
  folder.close();
  return !free;
}

/** The ids below a root, sorted; a root that does not exist has none. @throws SystemError */
export function listIds(root: string): readonly string[] {
  if (!hasRoot(root)) return [];
  const found: string[] = [];
  for (const { name, kind } of entries(root)) {
    if (kind === "dir" && !name.includes("~")) found.push(name);
  }
  return found.sort();
}

/** Removes what a create or a delete that died left of an id: of one before it had it, of the other after. @throws SystemError */
export function removeUnfinished(root: string, id: string): void {
  if (!hasRoot(root)) return;
  for (const { name } of entries(root)) {
    if (!name.startsWith(`~${id}~`)) continue;
    const dir = `${root}/${name}`;
    const folder = openFolder(dir);
    if (folder?.tryLock("exclusive")) clear(dir);
    folder?.close();
  }
}
