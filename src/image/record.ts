/** Records as `ts_unpack` of native/lib/unpack.c reads them, and what its failures mean. */
import { Buffer } from "node:buffer";
import { SystemError } from "../error.ts";
import { errnoName } from "../sys/lib.ts";
import { ImageError, shownName } from "./error.ts";

/** What a record does: enum kind of native/lib/unpack.h, as are the flags and the calls below. */
export const KIND = {
  dir: 1,
  file: 2,
  data: 3,
  end: 4,
  symlink: 5,
  link: 6,
  node: 7,
  remove: 8,
  folderTimes: 9,
  xattrs: 10,
} as const;
/** Content follows in `data`. */
export const UNFINISHED = 1;
/** A node that cannot be made is left out. */
export const MAY_FAIL = 2;
/** The content is in the piece of the archive. */
const BESIDE = 4;

/** The calls by the numbers that `ts_unpack` names them with. */
const CALLS = [
  "",
  "openat2",
  "openat",
  "mkdirat",
  "mknodat",
  "symlinkat",
  "linkat",
  "write",
  "ftruncate",
  "fchown",
  "fchmod",
  "setxattr",
  "utimensat",
  "unlinkat",
  "close",
  "fstat",
] as const;
/** Of a record before its names, in bytes. */
export const HEADER = 72;

/** What a record says; paths and texts have a character a byte. */
export interface Facts {
  readonly path: string;
  readonly text?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly seconds?: number;
  readonly nanoseconds?: number;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: Buffer | undefined;
  /** Of a piece of content; of the end of a file its size. */
  readonly offset?: number;
}

/** Extended attributes as a record carries them. */
export function encodeXattrs(xattrs: Iterable<readonly [string, Buffer]>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of xattrs) {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(value.length);
    parts.push(Buffer.from(`${name}\0`, "latin1"), size, value);
  }
  return Buffer.concat(parts);
}

/** Where content is. */
export interface Place {
  readonly at: number;
  readonly length: number;
}

/** Writes a record's header from word `at` on; `content` is in the piece of the archive. */
export function fillHeader(
  words: Uint32Array,
  at: number,
  kind: number,
  length: number,
  flags: number,
  facts: Facts,
  content: Place | undefined,
): void {
  const seconds = facts.seconds ?? 0;
  const offset = facts.offset ?? 0;
  words[at] = kind;
  words[at + 1] = length;
  words[at + 2] = content === undefined ? flags : flags | BESIDE;
  words[at + 3] = facts.mode ?? 0;
  words[at + 4] = facts.uid ?? 0;
  words[at + 5] = facts.gid ?? 0;
  words[at + 6] = seconds;
  words[at + 7] = Math.floor(seconds / 0x1_0000_0000);
  words[at + 8] = facts.nanoseconds ?? 0;
  words[at + 9] = facts.path.length;
  words[at + 10] = facts.text?.length ?? 0;
  words[at + 11] = facts.xattrs?.length ?? 0;
  words[at + 12] = content?.length ?? 0;
  words[at + 13] = facts.major ?? 0;
  words[at + 14] = facts.minor ?? 0;
  words[at + 15] = content?.at ?? 0;
  words[at + 16] = offset;
  words[at + 17] = Math.floor(offset / 0x1_0000_0000);
}

/** The path of the record that begins at a byte of a block. */
export function pathAt(bytes: Buffer, words: Uint32Array, at: number): string {
  return bytes.toString("latin1", at + HEADER, at + HEADER + (words[at / 4 + 9] ?? 0));
}

/** The error for a record that could not be performed. @param call its number, as `ts_unpack_wait` tells it */
export function failure(path: string, call: number, error: number): ImageError | SystemError {
  const name = shownName(path);
  const [syscall, errno] = [CALLS[call] ?? "", errnoName(error)];
  if (syscall === "linkat" && errno === "ENOENT") {
    return new ImageError(
      "missing",
      `the hard link ${name} is to a file that is not there (in its layer)`,
      undefined,
      { syscall, errno },
    );
  }
  if (errno === "ELOOP" || errno === "ENOTDIR" || (errno === "ENOENT" && syscall === "openat2")) {
    return new ImageError(
      "unsafe",
      `the entry ${name} lies behind something that is no folder in the image`,
      undefined,
      { syscall, errno },
    );
  }
  return new SystemError(syscall, errno, name, {
    doing: `unpack the entry ${name}`,
    hint: errno === "ENOSPC" || errno === "EDQUOT" ? "the filesystem is full" : undefined,
  });
}
