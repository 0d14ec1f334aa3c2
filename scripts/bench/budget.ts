/** The start-up budget: what a compiled program pays for nothing, for FFI, and for each module it imports. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPILE_FLAGS } from "../compile-flags.ts";
import { PROJECT } from "../make-rootfs.ts";
import { bothWays, type Extent } from "./measure.ts";
import { median, ms } from "./numbers.ts";
import { type Argv, output } from "./programs.ts";
import type { Measured, Table } from "./table.ts";

const FFI = `
const { dlopen } = require("bun:ffi");
const { symbols } = dlopen(${JSON.stringify(join(PROJECT, "dist/libtsrun.so"))}, { ts_sleep: { args: ["i32"], returns: "i32" } });
symbols.ts_sleep(0);
`;

const COMMANDER = `
import { Command } from "commander";
new Command("one").command("run").argument("<id>").option("--bundle <dir>", "the bundle").action(() => {});
void new Command("one").argument("<id>").option("--bundle <dir>", "the bundle").action(() => {}).parseAsync(["x"], { from: "user" });
`;

/** Uses the module, so that its import is not left out. */
function importing(name: string): string {
  return `import * as all from "node:${name}";\nglobalThis.kept = all;\n`;
}

const PROGRAMS: readonly (readonly [what: string, file: string, source: string])[] = [
  ["nothing at all", "nothing", "export {};\n"],
  ["bun:ffi: dlopen and one call", "ffi", FFI],
  ["import of node:events", "events", importing("events")],
  ["import of node:path", "path", importing("path")],
  ["import of node:child_process", "child_process", importing("child_process")],
  ["import of node:fs", "fs", importing("fs")],
  ["import of node:util", "util", importing("util")],
  ["commander with one command", "commander", COMMANDER],
];

/** Compiles the programs below build/, where commander is found, and measures each. */
export async function budget(tsrun: string, extent: Extent): Promise<Table> {
  const folder = join(PROJECT, "build/bench");
  mkdirSync(folder, { recursive: true });
  try {
    const rows: Measured[][] = [];
    for (const [what, file, source] of PROGRAMS) {
      const program = join(folder, file);
      writeFileSync(`${program}.ts`, source);
      output(process.execPath, "build", ...COMPILE_FLAGS, `${program}.ts`, "--outfile", program);
      rows.push(await row(what, [program], extent));
      rmSync(program);
    }
    rows.push(await row("tsrun --version", [tsrun, "--version"], extent));
    return table(rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function row(what: string, argv: Argv, extent: Extent): Promise<Measured[]> {
  return await bothWays(what, extent, [{ name: "program", argv }]);
}

function table(rows: readonly (readonly Measured[])[]): Table {
  const least = (samples: readonly number[]): number => Math.min(...samples);
  const times = rows.map((ways) => ways.map(({ samples }) => samples.get("program") ?? []));
  const nothing = times[0]?.map(median) ?? [];
  return {
    title: "The start-up budget",
    notes: [
      "programs compiled as tsrun is, whole process, ms; more: than the program that does nothing; tsrun goes through its launcher",
    ],
    head: ["program", "back to back", "least", "more", "spaced", "least", "more", "runs"],
    rows: rows.map((ways, at) => [
      ways[0]?.what ?? "",
      ...(times[at] ?? []).flatMap((samples, way) => {
        const more = median(samples) - (nothing[way] ?? 0);
        return [ms(median(samples)), ms(least(samples)), at === 0 ? "" : more.toFixed(2)];
      }),
      String(times[at]?.[0]?.length ?? 0),
    ]),
    raw: rows.flat().map(({ what, way, samples }) => ({ what, way, ms: Object.fromEntries(samples) })),
  };
}
