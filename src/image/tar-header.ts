/** The headers of tar archives: ustar, GNU's and pax's (tar(5), POSIX.1-2017 pax). Pure. */
import { Buffer } from "node:buffer";
import { ImageError } from "./error.ts";

/** What an entry is. */
export type EntryKind = "file" | "link" | "symlink" | "char" | "block" | "dir" | "fifo";

/** A run of a sparse file's bytes: where it lies in the file, and its length. */
export type SparseRun = readonly [offset: number, length: number];

/** An entry, its content aside. Names have a character a byte. */
export interface TarEntry {
  readonly name: string;
  readonly kind: EntryKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the file, when it is unpacked. */
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Where a link leads, else `""`. */
  readonly link: string;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by name. */
  readonly xattrs: ReadonlyMap<string, Buffer> | undefined;
  /** What of a sparse file is in the archive. */
  readonly sparse: readonly SparseRun[] | undefined;
}

/** Who gets the entries: each entry, its content in pieces, its end. */
export interface TarSink {
  entry(entry: TarEntry): void;
  /** A piece of the file's content and where it belongs. It is valid during the call only. */
  data(bytes: Buffer, offset: number): void;
  end(): void;
}

/** A header block as it stands. */
export interface RawHeader {
  name: string;
  readonly type: string;
  readonly mode: number;
  uid: number;
  gid: number;
  /** Of the content in the archive. */
  size: number;
  seconds: number;
  nanoseconds: number;
  link: string;
  readonly major: number;
  readonly minor: number;
}

/** The size of a block. */
export const BLOCK = 512;

function bad(what: string): ImageError {
  return new ImageError(
    "format",
    `the archive is damaged: ${what}`,
    "it is no tar archive, or was changed or cut on its way: get it again",
  );
}

function text(block: Buffer, from: number, to: number): string {
  const end = block.indexOf(0, from);
  return block.toString("latin1", from, end < 0 || end > to ? to : end);
}

/** A number: octal digits between blanks, or with the first bit set the bytes as they are (GNU). @throws ImageError */
export function tarNumber(block: Buffer, from: number, length: number): number {
  const first = block[from] ?? 0;
  if ((first & 0x80) === 0) {
    let value = 0;
    let at = from;
    const end = from + length;
    while (at < end && block[at] === 32) at++;
    for (; at < end; at++) {
      const byte = block[at] ?? 0;
      if (byte === 0 || byte === 32) break;
      if (byte < 48 || byte > 55)
        throw bad(`${JSON.stringify(block.toString("latin1", from, end))} is no number`);
      value = value * 8 + byte - 48;
    }
    return value;
  }
  // Two's complement.
  let value = BigInt.asIntN(7, BigInt(first & 0x7f));
  for (let at = from + 1; at < from + length; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw bad(`the number ${value} is too large`);
  return number;
}

/** The sum of a header's bytes, its checksum taken for blanks. Four at a time: it is most of the work that a header makes. */
function sum(block: Buffer): number {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK);
  // Two sums of 16 bits in each, which 128 times two bytes do not fill.
  let [even, odd] = [0, 0];
  for (let at = 0; at < BLOCK; at += 4) {
    const word = view.getUint32(at, true);
    even += word & 0xff00ff;
    odd += (word >>> 8) & 0xff00ff;
  }
  let total = (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16) + 8 * 32;
  for (let at = 148; at < 156; at++) total -= block[at] ?? 0;
  return total;
}

/** The same of bytes that are signed, as some old programs took them. */
function signedSum(block: Buffer): number {
  let high = 0;
  for (let at = 0; at < BLOCK; at++) {
    if ((block[at] ?? 0) > 127 && (at < 148 || at >= 156)) high++;
  }
  return sum(block) - 256 * high;
}

/** Reads a block; `undefined` is a block of zeros, of which two end an archive. @throws ImageError `format` */
export function readHeader(block: Buffer): RawHeader | undefined {
  const unsigned = sum(block);
  // Only a block of zeros sums up to its eight blanks, the checksum field aside.
  if (unsigned === 256 && block[148] === 0) return undefined;
  const told = tarNumber(block, 148, 8);
  if (told !== unsigned && told !== signedSum(block)) throw bad("a header's checksum is wrong");
  const ustar = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = ustar ? text(block, 345, 500) : "";
  const name = text(block, 0, 100);
  const typed = ustar || block.toString("latin1", 257, 262) === "ustar";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: block[156] === 0 ? "0" : String.fromCharCode(block[156] ?? 48),
    mode: tarNumber(block, 100, 8) & 0o7777,
    uid: tarNumber(block, 108, 8),
    gid: tarNumber(block, 116, 8),
    size: tarNumber(block, 124, 12),
    seconds: tarNumber(block, 136, 12),
    nanoseconds: 0,
    link: text(block, 157, 257),
    major: typed ? tarNumber(block, 329, 8) : 0,
    minor: typed ? tarNumber(block, 337, 8) : 0,
  };
}

/** A file has a dozen or two, with extended attributes. */
const MOST_RECORDS = 4096;

/** The records that count, beside extended attributes: others are not kept. */
const KNOWN: ReadonlySet<string> = new Set([
  ...["path", "linkpath", "size", "uid", "gid", "mtime"],
  ...["GNU.sparse.name", "GNU.sparse.map", "GNU.sparse.major", "GNU.sparse.size", "GNU.sparse.realsize"],
]);

/**
 * Reads pax records (`27 mtime=1350244992.023960108\n`) into a map; of a key that is there twice the last counts.
 *
 * @param numbers takes the values of the two keys that GNU's first form of sparse files repeats
 * @throws ImageError `format`, `limit`
 */
export function readPax(bytes: Buffer, into: Map<string, Buffer>, numbers: Buffer[]): void {
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(32, at);
    const length = blank < 0 || blank - at > 9 ? 0 : Number(bytes.toString("latin1", at, blank));
    const end = at + length;
    const equals = bytes.indexOf(61, blank);
    if (!Number.isInteger(length) || length < 5 || end > bytes.length || bytes[end - 1] !== 10) {
      throw bad("a pax header is malformed");
    }
    if (equals < 0 || equals >= end) throw bad("a pax header has a record without a value");
    const key = bytes.toString("latin1", blank + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    if (KNOWN.has(key) || key.startsWith(XATTR)) into.set(key, value);
    else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") numbers.push(value);
    if (into.size > MOST_RECORDS) {
      throw new ImageError(
        "limit",
        `an entry of the archive has more than ${MOST_RECORDS} extended attributes`,
      );
    }
    at = end;
  }
}

/** A whole number from 0 on. @throws ImageError `format` */
export function paxSize(value: Buffer, key: string): number {
  const number = whole(value, key);
  if (number < 0) throw bad(`pax's ${key} is negative`);
  return number;
}

function whole(value: Buffer, key: string): number {
  const number = /^-?[0-9]{1,16}$/.test(value.toString("latin1"))
    ? Number(value.toString("latin1"))
    : Number.NaN;
  if (!Number.isSafeInteger(number)) throw bad(`pax's ${key} is no number`);
  return number;
}

/** Seconds and nanoseconds of `-12.5`. */
function time(value: Buffer): readonly [number, number] {
  const parts = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value.toString("latin1"));
  if (parts === null) throw bad("pax's mtime is no time");
  const [, minus = "", seconds = "", fraction = ""] = parts;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, "0"));
  if (minus === "") return [Number(seconds), nanoseconds];
  return nanoseconds === 0 ? [-Number(seconds), 0] : [-Number(seconds) - 1, 1e9 - nanoseconds];
}

const XATTR = "SCHILY.xattr.";

/** Puts pax's values in the place of a header's; answers the extended attributes. @throws ImageError `format` */
export function applyPax(raw: RawHeader, pax: ReadonlyMap<string, Buffer>): Map<string, Buffer> | undefined {
  let xattrs: Map<string, Buffer> | undefined;
  for (const [key, value] of pax) {
    // An empty value takes the record of a global header back.
    if (value.length === 0 && !key.startsWith(XATTR)) continue;
    if (key === "path" || key === "GNU.sparse.name") {
      if (key !== "path" || !pax.has("GNU.sparse.name")) raw.name = value.toString("latin1");
    } else if (key === "linkpath") raw.link = value.toString("latin1");
    else if (key === "size") raw.size = paxSize(value, key);
    else if (key === "uid") raw.uid = whole(value, key);
    else if (key === "gid") raw.gid = whole(value, key);
    else if (key === "mtime") [raw.seconds, raw.nanoseconds] = time(value);
    else if (key.startsWith(XATTR)) {
      xattrs ??= new Map();
      xattrs.set(key.slice(XATTR.length), Buffer.from(value));
    }
  }
  return xattrs;
}
