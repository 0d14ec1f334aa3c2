/** Sparse files in tar archives: GNU's old headers, and the three ways of pax's (GNU tar manual, Sparse Formats). Pure. */
import type { Buffer } from "node:buffer";
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
export function listedRuns(map: string): readonly SparseRun[] {
  const numbers = map === "" ? [] : map.split(",");
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MOST_RUNS) throw bad("is malformed");
  return pairs(numbers);
}

function pairs(numbers: readonly string[]): readonly SparseRun[] {
  const runs: SparseRun[] = [];
  for (let index = 0; index < numbers.length; index += 2) {
    const [offset = "", length = ""] = numbers.slice(index, index + 2);
    if (!/^[0-9]{1,15}$/.test(offset) || !/^[0-9]{1,15}$/.test(length)) throw bad("has no numbers");
    runs.push([Number(offset), Number(length)]);
  }
  return runs;
}

/**
 * Pax 1.0: the map stands before the content, lines of numbers, the first their count, filled up to a block.
 * @returns the runs and how many bytes of the content they took; `undefined` where there is more to come
 * @throws ImageError `format`
 */
export function leadingRuns(
  content: Buffer,
): { readonly runs: readonly SparseRun[]; readonly used: number } | undefined {
  const first = content.indexOf(10);
  if (first < 0 && content.length > 32) throw bad("is malformed");
  const count = first < 0 ? 0 : Number(content.toString("latin1", 0, first));
  if (!Number.isInteger(count) || count < 0 || count > MOST_RUNS) throw bad("is malformed");
  let end = first;
  for (let line = 0; line < 2 * count && end >= 0; line++) end = content.indexOf(10, end + 1);
  const used = Math.ceil((end + 1) / BLOCK) * BLOCK;
  if (first < 0 || end < 0 || used > content.length) return undefined;
  const numbers = content.toString("latin1", first + 1, end).split("\n");
  return { runs: pairs(count === 0 ? [] : numbers), used };
}
