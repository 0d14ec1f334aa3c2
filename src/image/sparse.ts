/** Sparse files in tar archives: GNU's old headers, and the three ways of pax's (GNU tar manual, Sparse Formats). Pure. */
import { Buffer } from "node:buffer";
import { ImageError, shownName } from "./error.ts";
import { BLOCK, type SparseRun, tarNumber } from "./tar-header.ts";

/** More than this many runs are not a file that anybody needs. */
export const MOST_RUNS = 1 << 16;

/** A sparse file: its size, and where what is stored belongs. */
export interface SparseFile {
  readonly runs: readonly SparseRun[];
  readonly size: number;
}

/** The file of these runs, empty ones left out. */
export function sparseFile(runs: readonly SparseRun[], size: number): SparseFile {
  return { runs: runs.filter(([, length]) => length > 0), size };
}

/** The error for a map that is too long. */
export function tooManyRuns(name: string): ImageError {
  return new ImageError("limit", `the sparse file ${shownName(name)} has more than ${MOST_RUNS} runs`);
}

function bad(what: string): ImageError {
  return new ImageError("format", `the archive is damaged: the map of a sparse file ${what}`);
}

/** Runs in order, within the file, as many bytes as the archive has. @throws ImageError `format` */
export function checkRuns({ runs, size }: SparseFile, stored: number): void {
  if (!(size >= 0)) throw bad("is of no size");
  let [end, sum] = [0, 0];
  for (const [offset, length] of runs) {
    if (offset < end || length < 0 || offset + length > size) throw bad("does not fit it");
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw bad("tells of other bytes than there are");
}

/** The `count` runs of an old header from `at` on; those without an offset are unused. */
export function oldRuns(block: Buffer, at: number, count: number): readonly SparseRun[] {
  const runs: SparseRun[] = [];
  for (let index = 0; index < count; index++) {
    const from = at + 24 * index;
    if (block[from] === 0) break;
    runs.push([tarNumber(block, from, 12), tarNumber(block, from + 12, 12)]);
  }
  return runs;
}

/** Whether another block of runs follows: the byte after the runs. */
export function hasMore(block: Buffer, at: number): boolean {
  const byte = block[at] ?? 0;
  return byte !== 0 && byte !== 48;
}

/** `offset,length,offset,length`: pax 0.1, and 0.0 as it was gathered. @throws ImageError `format` */
export function listedRuns(map: string, name: string): readonly SparseRun[] {
  const numbers = map === "" ? [] : map.split(",");
  if (numbers.length % 2 !== 0) throw bad("is malformed");
  if (numbers.length > 2 * MOST_RUNS) throw tooManyRuns(name);
  return pairs(numbers);
}

function pairs(numbers: readonly string[]): readonly SparseRun[] {
  const runs: SparseRun[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    const offset = numbers[index] ?? "";
    const length = numbers[index + 1] ?? "";
    if (!/^[0-9]{1,15}$/.test(offset) || !/^[0-9]{1,15}$/.test(length)) throw bad("has no numbers");
    runs.push([Number(offset), Number(length)]);
  }
  return runs;
}

/** Of a map that stands before a file's content. */
const LONGEST_MAP = 1 << 18;

/**
 * Pax 1.0: the map stands before the content, lines of numbers, the first their count, filled up to a block. It is taken block by
 * block, and each is looked at once.
 */
export class LeadingMap {
  readonly #name: string;
  readonly #blocks: Buffer[] = [];
  /** Lines that it has, the first included, and that are still to come. */
  #lines = 0;
  #missing = 1;

  /** @param name of the file, for messages */
  constructor(name: string) {
    this.#name = name;
  }

  /** The bytes that it has taken so far. */
  get used(): number {
    return this.#blocks.length * BLOCK;
  }

  /** Takes the next block; whether that was the last one. @throws ImageError `format`, `limit` */
  add(block: Buffer): boolean {
    if (this.used > LONGEST_MAP) throw tooManyRuns(this.#name);
    if (this.#blocks.length === 0) this.#begin(block);
    this.#blocks.push(Buffer.from(block));
    for (let at = block.indexOf(10); at >= 0 && this.#missing > 0; at = block.indexOf(10, at + 1)) {
      this.#missing--;
    }
    return this.#missing === 0;
  }

  /** The runs, once it is whole. @throws ImageError `format` */
  runs(): readonly SparseRun[] {
    const lines = Buffer.concat(this.#blocks).toString("latin1").split("\n", this.#lines);
    return pairs(lines.slice(1));
  }

  #begin(block: Buffer): void {
    const first = block.indexOf(10);
    const text = block.toString("latin1", 0, Math.max(first, 0));
    if (!/^[0-9]{1,9}$/.test(text)) throw bad("is malformed");
    if (Number(text) > MOST_RUNS) throw tooManyRuns(this.#name);
    this.#lines = 1 + 2 * Number(text);
    this.#missing = this.#lines;
  }
}
