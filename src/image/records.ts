/** What is to be written below a folder, gathered into blocks of records for `ts_unpack` of native/lib/unpack.c. */
import { Buffer } from "node:buffer";
import { SystemError } from "../error.ts";
import { cstring } from "../sys/bytes.ts";
import { checked, errnoName, lib } from "../sys/lib.ts";
import { ImageError, shownName } from "./error.ts";

// The numbers of native/lib/unpack.c.
const KIND = {
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
const UNFINISHED = 1;
const MAY_FAIL = 2;
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
] as const;
const HEADER = 72;
/** Of a block of records; content comes in pieces of half of it at most. */
const ROOM = 1 << 20;
/** The largest piece of content in one record. */
export const PIECE = ROOM / 2;

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
  readonly data?: Buffer | undefined;
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

/** A folder that is being written to. {@link Records.close} has to be called. */
export class Records {
  readonly #slot: number;
  readonly #report = new Int32Array(4);
  #block = Buffer.alloc(ROOM);
  #used = 0;
  /** What the records in the block are about, for an error. */
  #paths: string[] = [];
  /** Extended attributes, and nodes, that the filesystem or the kernel did not take. */
  lostXattrs = 0;
  lostNodes = 0;

  /** @param owner of folders that are needed, but that no record makes. @throws SystemError */
  constructor(dir: string, owner: { readonly uid: number; readonly gid: number }) {
    const slot = lib().ts_unpack_open(cstring(dir), owner.uid | 0, owner.gid | 0);
    this.#slot = checked(slot, "open", dir);
  }

  /** A folder, or new facts of one that is there. */
  dir(facts: Facts): void {
    this.#add(KIND.dir, 0, facts);
  }

  /** A whole file. */
  file(facts: Facts): void {
    this.#add(KIND.file, 0, facts);
  }

  /** A file whose content follows in pieces. */
  begin(path: string): void {
    this.#add(KIND.file, UNFINISHED, { path });
  }

  data(path: string, data: Buffer, offset: number): void {
    this.#add(KIND.data, 0, { path, data, offset });
  }

  /** The end of a file in pieces, with its facts. */
  end(facts: Facts): void {
    this.#add(KIND.end, 0, facts);
  }

  symlink(facts: Facts): void {
    this.#add(KIND.symlink, 0, facts);
  }

  /** A hard link to the path that `text` names. */
  link(facts: Facts): void {
    this.#add(KIND.link, 0, facts);
  }

  /** A device or fifo, by the type in its mode; one that the kernel does not let us make is counted as lost. */
  node(facts: Facts): void {
    this.#add(KIND.node, MAY_FAIL, facts);
  }

  /** Removes a name with everything in it; one that is not there is no error. */
  remove(path: string): void {
    this.#add(KIND.remove, 0, { path });
  }

  /** The mode and time of a folder, once nothing more is written into it. */
  folderTimes(facts: Facts): void {
    this.#add(KIND.folderTimes, 0, facts);
  }

  /** Extended attributes of a folder; of `""` its owner too. */
  xattrs(facts: Facts): void {
    this.#add(KIND.xattrs, 0, facts);
  }

  #add(kind: number, flags: number, facts: Facts): void {
    const { path, text = "", xattrs, data } = facts;
    const [extra, content] = [xattrs?.length ?? 0, data?.length ?? 0];
    const length = (HEADER + path.length + text.length + 2 + extra + content + 7) & ~7;
    if (this.#used + length > this.#block.length) this.flush();
    // An entry with attributes of a megabyte.
    if (length > this.#block.length) this.#block = Buffer.alloc(length);
    const block = this.#block;
    const at = this.#used;
    this.#header(block, at, kind, length, flags, facts);
    let to = at + HEADER;
    to += block.write(path, to, "latin1");
    block[to++] = 0;
    to += block.write(text, to, "latin1");
    block[to++] = 0;
    if (xattrs !== undefined) to += xattrs.copy(block, to);
    if (data !== undefined) data.copy(block, to);
    this.#used += length;
    this.#paths.push(path);
  }

  #header(block: Buffer, at: number, kind: number, length: number, flags: number, facts: Facts): void {
    const words = new Uint32Array(block.buffer, block.byteOffset + at, HEADER / 4);
    const seconds = facts.seconds ?? 0;
    const offset = facts.offset ?? 0;
    words[0] = kind;
    words[1] = length;
    words[2] = flags;
    words[3] = facts.mode ?? 0;
    words[4] = facts.uid ?? 0;
    words[5] = facts.gid ?? 0;
    words[6] = seconds;
    words[7] = Math.floor(seconds / 0x1_0000_0000);
    words[8] = facts.nanoseconds ?? 0;
    words[9] = facts.path.length;
    words[10] = facts.text?.length ?? 0;
    words[11] = facts.xattrs?.length ?? 0;
    words[12] = facts.data?.length ?? 0;
    words[13] = facts.major ?? 0;
    words[14] = facts.minor ?? 0;
    words[15] = 0;
    words[16] = offset;
    words[17] = Math.floor(offset / 0x1_0000_0000);
  }

  /** Writes what has been gathered. @throws ImageError, SystemError with the entry's name */
  flush(): void {
    if (this.#used === 0) return;
    const [used, paths] = [this.#used, this.#paths];
    this.#used = 0;
    this.#paths = [];
    const answer = lib().ts_unpack(this.#slot, this.#block, used, this.#report);
    const [index = 0, call = 0, xattrs = 0, nodes = 0] = this.#report;
    this.lostXattrs += xattrs;
    this.lostNodes += nodes;
    if (answer < 0) throw failure(paths[index] ?? "", CALLS[call] ?? "", errnoName(-answer));
  }

  close(): void {
    lib().ts_unpack_close(this.#slot);
  }
}

function failure(path: string, syscall: string, errno: string): ImageError | SystemError {
  const name = shownName(path);
  if (syscall === "linkat" && errno === "ENOENT") {
    return new ImageError(
      "missing",
      `the hard link ${name} is to a file that is not there (in its layer)`,
      undefined,
      {
        syscall,
        errno,
      },
    );
  }
  if (errno === "ELOOP" || errno === "ENOTDIR" || (errno === "ENOENT" && syscall === "openat2")) {
    return new ImageError(
      "unsafe",
      `the entry ${name} lies behind something that is no folder in the image`,
      undefined,
      {
        syscall,
        errno,
      },
    );
  }
  return new SystemError(syscall, errno, name, {
    doing: `unpack the entry ${name}`,
    hint: errno === "ENOSPC" || errno === "EDQUOT" ? "the filesystem is full" : undefined,
  });
}
