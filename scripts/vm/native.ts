/** What `npm test` came to on the machine itself, for the table of all places. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROJECT } from "../make-rootfs.ts";
import type { FileResult } from "../tap.ts";
import type { Counts } from "./places.ts";

const FILE = join(PROJECT, "build/results/native.json");

/** A run of all tests on the machine itself. */
export interface Native {
  readonly counts: Counts;
  readonly results: readonly FileResult[];
  /** When, in milliseconds since the epoch. */
  readonly at: number;
}

/** Keeps the results of a run of all tests. */
export function writeNative(counts: Counts, results: readonly FileResult[]): void {
  mkdirSync(dirname(FILE), { recursive: true });
  writeFileSync(FILE, JSON.stringify({ counts, results }));
}

/** The results of the last run of all tests, or `undefined` where there was none since build/ was made. */
export function readNative(): Native | undefined {
  try {
    const { counts, results } = JSON.parse(readFileSync(FILE, "utf8")) as Omit<Native, "at">;
    return { counts, results, at: statSync(FILE).mtimeMs };
  } catch {
    return undefined;
  }
}
