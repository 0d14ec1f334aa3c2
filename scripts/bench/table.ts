/** Tables: one form for eyes, one for the docs. */
import { median, ms, ratio } from "./numbers.ts";

/** What a part of the benchmark found: words above, rows below, and the raw numbers for `--json`. */
export interface Table {
  readonly title: string;
  readonly notes: readonly string[];
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly raw: unknown;
}

/** One thing measured for several programs: milliseconds by program, in the order of the columns. */
export interface Measured {
  readonly what: string;
  readonly way: Way;
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

/** How runs follow one another; see {@link WAYS}. */
export type Way = "back to back" | "spaced";

/** One line about each way, printed above the tables that use it. */
export const WAYS: readonly string[] = [
  "back to back: hyperfine, each program's runs one after the other without a pause",
  "spaced: rounds in which each program runs once, in rotating order, with a pause before each run, as in real use;" +
    " a move between cgroups then waits for an RCU grace period, which back to back runs share",
];

/** Medians in columns, then how many times longer than the first program the others take. */
export function comparison(title: string, notes: readonly string[], measured: readonly Measured[]): Table {
  const names = [...new Set(measured.flatMap(({ samples }) => [...samples.keys()]))];
  const [first = "", ...others] = names;
  const rows = measured.map(({ what, way, samples }) => {
    const middle = (name: string): number => median(samples.get(name) ?? []);
    const show = (text: string, ...names: string[]) =>
      names.every((name) => samples.has(name)) ? text : "-";
    return [
      what,
      way,
      ...names.map((name) => show(ms(middle(name)), name)),
      ...others.map((name) => show(ratio(middle(name), middle(first)), name, first)),
      String(Math.max(...[...samples.values()].map(({ length }) => length))),
    ];
  });
  const head = ["median, ms", "way", ...names, ...others.map((name) => `${name} ÷ ${first}`), "runs"];
  const raw = measured.map(({ what, way, samples }) => ({ what, way, ms: Object.fromEntries(samples) }));
  return { title, notes, head, rows, raw };
}

/** The table in columns of spaces. */
export function asText({ title, notes, head, rows }: Table): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [`\n${title}`, ...notes.map((note) => `  ${note}`), line(head), rule, ...rows.map(line)].join("\n");
}

/** The table for docs. */
export function asMarkdown({ title, notes, head, rows }: Table): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  const rule = `| ${head.map((_, column) => (column === 0 ? "---" : "---:")).join(" | ")} |`;
  return [
    `\n### ${title}\n`,
    ...notes.map((note) => `- ${note}`),
    "",
    line(head),
    rule,
    ...rows.map(line),
    "",
  ].join("\n");
}

/** Words to the left, numbers to the right. */
function pad(cell: string, width: number, column: number): string {
  return column === 0 || /[a-z]{4}/.test(cell) ? cell.padEnd(width) : cell.padStart(width);
}
