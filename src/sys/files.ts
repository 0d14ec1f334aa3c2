/**
 * Files of the host, read and changed through the native library: no `node:` module, and many small changes in one call.
 */
import { SystemError } from "../error.ts";
import { cstring, text, utf8 } from "./bytes.ts";
import { ACTION_CALLS, encodeActions, type FileAction } from "./file-actions.ts";
import { checked, errnoName, lib } from "./lib.ts";

export type { FileAction };

/** The first action that failed: which one, and what the kernel said. Later ones were not tried. */
export interface ActionFailure {
  readonly index: number;
  readonly syscall: string;
  /** The errno name, for example `EBUSY`. */
  readonly errno: string;
}

/** Performs the actions in order, in one native call, up to the first that fails. */
export function perform(actions: readonly FileAction[]): ActionFailure | undefined {
  if (actions.length === 0) return undefined;
  const { words, texts } = encodeActions(actions);
  const failed = new Int32Array(2);
  const answer = lib().ts_batch(words, actions.length, texts, texts.length, failed);
  if (answer >= 0) return undefined;
  return { index: failed[0] ?? 0, syscall: ACTION_CALLS[failed[1] ?? 0] ?? "", errno: errnoName(-answer) };
}

/** {@link perform} for actions that have to succeed. @throws SystemError */
export function performAll(actions: readonly FileAction[]): void {
  const failure = perform(actions);
  if (failure === undefined) return;
  throw new SystemError(failure.syscall, failure.errno, actions[failure.index]?.path ?? "");
}

/** Large enough for nearly every file that tsrun reads, so that one call does. */
const USUAL = 16 * 1024;
let usual: Uint8Array | undefined;

function read(path: string, max: number): Uint8Array | number {
  const name = cstring(path);
  usual ??= new Uint8Array(USUAL);
  const room = Math.min(USUAL, max);
  let got = lib().ts_read(name, usual, room);
  if (got >= 0) return usual.subarray(0, got);
  for (let size = USUAL * 16; errnoName(-got) === "EFBIG" && size / 16 < max; size *= 16) {
    const buffer = new Uint8Array(Math.min(size, max));
    got = lib().ts_read(name, buffer, buffer.length);
    if (got >= 0) return buffer.subarray(0, got);
  }
  return got;
}

/** The whole file as text; `max` bytes at most, a larger one is EFBIG. @throws SystemError */
export function readText(path: string, max = 1 << 20): string {
  const found = read(path, max);
  if (typeof found === "number") throw new SystemError("read", errnoName(-found), path);
  return text(found);
}

/** The same, but `undefined` where there is no such file (ENOENT, ENOTDIR, ENODEV). @throws SystemError */
export function readTextIfThere(path: string, max = 1 << 20): string | undefined {
  const found = read(path, max);
  if (typeof found !== "number") return text(found);
  const errno = errnoName(-found);
  if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "ENODEV" || errno === "ESRCH") return undefined;
  throw new SystemError("read", errno, path);
}

/**
 * What a descriptor of this process gives until its end, as text: a pipe or a socket too. Waits for it.
 * @throws SystemError EFBIG where it gives more than `max` bytes
 */
export function readDescriptor(fd: number, max = 1 << 20, name = `descriptor ${fd}`): string {
  const buffer = new Uint8Array(max);
  const got = checked(lib().ts_read_fd(fd, buffer, max), "read", name);
  return text(buffer.subarray(0, got));
}

/** One name in a folder. */
export interface Entry {
  readonly name: string;
  readonly kind: "dir" | "file" | "symlink" | "other";
}

const ENTRY_KINDS: Readonly<Record<string, Entry["kind"]>> = { d: "dir", f: "file", l: "symlink" };

/** A folder's entries without `.` and `..`, in no order; `decode` is for names that need not be UTF-8. @throws SystemError */
export function entries(path: string, decode: (bytes: Uint8Array) => string = text): readonly Entry[] {
  const name = cstring(path);
  for (let size = USUAL; ; size *= 4) {
    const buffer = new Uint8Array(size);
    const got = lib().ts_list(name, buffer, size);
    if (got < 0 && errnoName(-got) === "ERANGE") continue;
    checked(got, "readdir", path);
    const found: Entry[] = [];
    for (const item of decode(buffer.subarray(0, got)).split("\0")) {
      if (item !== "") found.push({ name: item.slice(1), kind: ENTRY_KINDS[item[0] ?? ""] ?? "other" });
    }
    return found;
  }
}

/** What stat(2) says, as far as tsrun asks. */
export interface Status {
  readonly kind: "dir" | "file" | "symlink" | "char" | "block" | "fifo" | "other";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly major: number;
  readonly minor: number;
  readonly inode: bigint;
  readonly device: bigint;
}

function kindOfMode(mode: number): Status["kind"] {
  switch (mode & 0o170000) {
    case 0o040000:
      return "dir";
    case 0o100000:
      return "file";
    case 0o120000:
      return "symlink";
    case 0o010000:
      return "fifo";
    case 0o020000:
      return "char";
    case 0o060000:
      return "block";
    default:
      return "other";
  }
}

/** stat(2) of a path; `undefined` where there is nothing (ENOENT, ENOTDIR). @throws SystemError */
export function status(path: string, followLinks = true): Status | undefined {
  const out = new BigInt64Array(9);
  const answer = lib().ts_stat(cstring(path), followLinks ? 1 : 0, out);
  if (answer < 0) {
    const errno = errnoName(-answer);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw new SystemError("stat", errno, path);
  }
  const number = (index: number): number => Number(out[index] ?? 0n);
  return {
    kind: kindOfMode(number(0)),
    mode: number(0) & 0o7777,
    uid: number(1),
    gid: number(2),
    major: number(3),
    minor: number(4),
    inode: out[5] ?? 0n,
    device: out[7] ?? 0n,
  };
}

/** What lies at a path, symbolic links followed: everything but a folder is a `file`. */
export function kindOf(path: string): "dir" | "file" | "missing" {
  const out = new BigInt64Array(9);
  if (lib().ts_stat(cstring(path), 1, out) < 0) return "missing";
  return kindOfMode(Number(out[0] ?? 0n)) === "dir" ? "dir" : "file";
}

/** An open file or folder of the host, closed by `close` or by `using`. */
export class Handle {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** open(2), close-on-exec. @throws SystemError */
  static open(path: string, flags: number): Handle {
    return new Handle(checked(lib().ts_open(cstring(path), flags, 0), "open", path));
  }

  /** flock(2) without waiting: whether the lock is now ours. @throws SystemError */
  tryLock(kind: "shared" | "exclusive"): boolean {
    const answer = lib().ts_lock(this.fd, kind === "exclusive" ? 1 : 0, 0);
    if (answer < 0 && errnoName(-answer) === "EAGAIN") return false;
    checked(answer, "flock", `descriptor ${this.fd}`);
    return true;
  }

  close(): void {
    if (this.#open) lib().ts_close(this.fd);
    this.#open = false;
  }
}

/** Writes everything to a descriptor. @throws SystemError */
export function writeAll(fd: number, content: string): void {
  const bytes = utf8(content);
  if (bytes.length > 0) checked(lib().ts_write(fd, bytes, bytes.length), "write", `descriptor ${fd}`);
}
