/** Which tests ran where: natively, in each machine. A test that was skipped wherever it could have run was not run at all. */
import type { FileResult } from "../tap.ts";

/** A place where tests ran: the machine itself or a virtual one. */
export interface Place {
  readonly name: string;
  readonly results: readonly FileResult[];
}

/** A test that no place has run. */
export interface Nowhere {
  readonly file: string;
  /** Left out where the whole file was skipped. */
  readonly test?: string;
  /** What each place said, `place: reason`. */
  readonly reasons: readonly string[];
}

/** Counts, as the last line of every run of tests gives them. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The sum of counts. */
export function total(counts: readonly Counts[]): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** `9 passed, 0 failed, 1 skipped` */
export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** The tests that each place in which their file ran has skipped. */
export function skippedEverywhere(places: readonly Place[]): readonly Nowhere[] {
  const found = new Map<string, Nowhere>();
  for (const { results } of places) {
    for (const { file, without, skips } of results) {
      if (without !== undefined) note(found, places, file, undefined);
      for (const { test } of skips) note(found, places, file, test);
    }
  }
  return [...found.values()];
}

function note(
  found: Map<string, Nowhere>,
  places: readonly Place[],
  file: string,
  test: string | undefined,
): void {
  const key = `${file}\0${test ?? ""}`;
  if (found.has(key)) return;
  const reasons: string[] = [];
  for (const { name, results } of places) {
    const result = results.find((one) => one.file === file);
    if (result === undefined) continue;
    const reason = result.without ?? result.skips.find((skip) => skip.test === test)?.reason;
    if (reason === undefined) return;
    reasons.push(`${name}: ${reason}`);
  }
  found.set(key, { file, ...(test === undefined ? {} : { test }), reasons });
}

/** What a file came to in a place, in few words. */
export function cell(place: Place, file: string, why: string | undefined): string {
  const result = place.results.find((one) => one.file === file);
  if (result === undefined) return why === undefined ? "-" : "left out";
  if (result.without !== undefined) return "skipped";
  const { passed, failed, skipped } = result;
  return [
    failed > 0 ? `${failed} FAILED` : String(passed),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ].join(", ");
}

/** Rows of a table with its columns beneath each other. */
export function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
