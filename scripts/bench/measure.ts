/** The two ways of measuring; table.ts says in one line each what they are. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Argv, output, timed } from "./programs.ts";
import type { Measured } from "./table.ts";

/** How much is measured, and where files may be put. */
export interface Extent {
  /** Runs of each program back to back. */
  readonly runs: number;
  /** Rounds of the spaced way. */
  readonly rounds: number;
  /** Containers that are many. */
  readonly crowd: number;
  /** Samples of memory sizes, which hardly vary. */
  readonly samples: number;
  readonly folder: string;
}

/** The pause before each run of the spaced way, in milliseconds: longer than a cgroup move stays cheap after another. */
export const PAUSE_MS = 60;

/** A program to compare, by its column's name. */
export interface Side {
  readonly name: string;
  readonly argv: Argv;
  /** Run before each, unmeasured. */
  readonly before?: Argv;
}

/** hyperfine, back to back. @throws CommandFailed */
export function backToBack(what: string, { runs, folder }: Extent, sides: readonly Side[]): Measured {
  const json = join(folder, "hyperfine.json");
  const before = sides.flatMap((side) =>
    side.before === undefined ? [] : ["--prepare", quoted(side.before)],
  );
  const count = ["-w", String(Math.min(5, runs)), "-r", String(runs)];
  output(
    "hyperfine",
    "-N",
    "--style",
    "none",
    ...count,
    "--export-json",
    json,
    ...before,
    ...sides.map(({ argv }) => quoted(argv)),
  );
  const { results } = JSON.parse(readFileSync(json, "utf8")) as { results: { times: number[] }[] };
  rmSync(json);
  const samples = new Map(
    sides.map(({ name }, at) => [name, (results[at]?.times ?? []).map((time) => time * 1000)]),
  );
  return { what, way: "back to back", samples };
}

/** hyperfine splits a command line like a shell. */
function quoted(argv: Argv): string {
  return argv
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

/** What one runtime does in a round; `time` runs and times one command. */
export interface Turn {
  readonly name: string;
  /** @param time adds the command's milliseconds to the row of this label */
  readonly round: (time: (label: string, ...argv: Argv) => void) => void | Promise<void>;
}

/**
 * Spaced rounds.
 *
 * @returns a row for each label that the turns used, in order of first use
 * @throws CommandFailed
 */
export async function spaced(rounds: number, turns: readonly Turn[]): Promise<Measured[]> {
  const rows = new Map<string, Map<string, number[]>>();
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < turns.length; turn++) {
      const current = turns[(turn + Math.max(round, 0)) % turns.length];
      if (current === undefined) continue;
      await pause(PAUSE_MS);
      await current.round((label, ...argv) => {
        const time = timed(...argv);
        // The first round only warms up.
        if (round < 0) return;
        const row = rows.get(label) ?? new Map<string, number[]>();
        row.set(current.name, [...(row.get(current.name) ?? []), time]);
        rows.set(label, row);
      });
    }
  }
  return [...rows].map(([what, samples]) => ({ what, way: "spaced", samples }));
}

/** A row that adds up others, run by run. */
export function sum(what: string, parts: readonly Measured[]): Measured {
  const samples = new Map<string, number[]>();
  for (const { samples: part } of parts) {
    for (const [name, times] of part) {
      const before = samples.get(name);
      samples.set(
        name,
        times.map((time, at) => time + (before?.[at] ?? 0)),
      );
    }
  }
  return { what, way: "spaced", samples };
}

/** One command of each side, measured in both ways. @throws CommandFailed */
export async function bothWays(what: string, extent: Extent, sides: readonly Side[]): Promise<Measured[]> {
  const turns = sides.map(({ name, argv, before }) => ({
    name,
    round: (time: (label: string, ...argv: Argv) => void): void => {
      if (before !== undefined) timed(...before);
      time(what, ...argv);
    },
  }));
  return [backToBack(what, extent, sides), ...(await spaced(extent.rounds, turns))];
}
