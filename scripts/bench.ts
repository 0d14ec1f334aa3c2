/**
 * `npm run bench`: what tsrun takes and holds, beside runc and crun where they are installed, all in one run on one
 * machine. It judges nothing: it ends with 1 only when a command fails.
 *
 *     npm run bench -- [--quick] [--markdown] [--json FILE] [--wait SECONDS] [--only PART,...]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Bundles, requireBuilt } from "./bench/bundles.ts";
import { crowd } from "./bench/crowd.ts";
import { exec } from "./bench/exec.ts";
import { filter } from "./bench/filter.ts";
import { awaitQuiet, likeOthers, load, type Machine, machine, removeCgroups } from "./bench/host.ts";
import { library } from "./bench/library.ts";
import { lifecycle } from "./bench/lifecycle.ts";
import { type Extent, PAUSE_MS } from "./bench/measure.ts";
import { memory, smallestLimit } from "./bench/memory.ts";
import { output } from "./bench/programs.ts";
import { deleteAll, findRuntimes, PREFIX, type Runtime } from "./bench/runtimes.ts";
import { startup } from "./bench/startup.ts";
import { asMarkdown, asText, type Table, WAYS } from "./bench/table.ts";
import { unpack } from "./bench/unpack.ts";

const FULL = { runs: 60, rounds: 40, crowd: 300, samples: 5 };
const QUICK = { runs: 8, rounds: 5, crowd: 20, samples: 1 };

/** Seconds of quiet to see before everything, and before each part. */
const QUIET_FIRST = 5;
const QUIET_PART = 2;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    json: { type: "string" },
    wait: { type: "string", default: "120" },
    only: { type: "string" },
  },
});

/** The parts by name, in the order of the report. */
function parts(
  runtimes: readonly Runtime[],
  bundles: Bundles,
  tsrun: string,
  extent: Extent,
): readonly (readonly [name: string, measure: () => Table | Promise<Table>])[] {
  const own = runtimes.filter(({ name }) => name === "tsrun");
  return [
    ["lifecycle", () => lifecycle(runtimes, bundles, extent)],
    ["library", () => library(runtimes, bundles, extent)],
    ["exec", () => exec(runtimes, bundles, extent)],
    ["seccomp", () => filter(runtimes, bundles, extent)],
    ["startup", () => startup(runtimes, bundles, extent)],
    ["crowd", () => crowd(options.quick ? own : runtimes, bundles, extent)],
    ["memory", () => memory(runtimes, bundles, extent)],
    ["limit", () => smallestLimit(runtimes, bundles)],
    ["unpack", () => unpack(tsrun, extent, options.quick)],
  ];
}

/** What was measured on, and how. */
function preface(on: Machine, runtimes: readonly Runtime[], { runs, rounds }: Extent): readonly string[] {
  return [
    `machine: ${on.cpu}, ${on.cpus} processors, ${on.memoryMiB} MiB, Linux ${on.kernel}, cgroup ${on.cgroups}`,
    `load before: ${on.loadBefore.join(" ")}${on.quiet ? "" : "; THE MACHINE WAS NOT QUIET, so take care with the numbers"}`,
    ...runtimes.map(({ name, path, version }) => `${name}: ${path}, ${version}`),
    `bun ${process.versions["bun"] ?? "-"}, ${output("hyperfine", "--version").trim()}`,
    `${runs} runs back to back, ${rounds} rounds spaced with pauses of ${PAUSE_MS} ms; medians`,
    ...WAYS,
  ];
}

function print(lines: readonly string[]): void {
  console.log(lines.map((line) => (options.markdown ? `- ${line}` : line)).join("\n"));
}

/** Measures everything and prints it part by part. @returns the failures */
async function bench(
  folder: string,
  runtimes: readonly Runtime[],
  tsrun: string,
): Promise<readonly string[]> {
  const extent: Extent = { ...(options.quick ? QUICK : FULL), folder };
  const failures: string[] = [];
  const tables: (Table & { readonly part: string; readonly quiet: boolean })[] = [];
  const before = load();
  const quiet = await awaitQuiet(QUIET_FIRST, Number(options.wait));
  const on = machine(quiet, before);
  print(preface(on, runtimes, extent));
  const only = options.only?.split(",");
  for (const [part, measure] of parts(runtimes, new Bundles(folder), tsrun, extent)) {
    if (only !== undefined && !only.includes(part)) continue;
    try {
      const still = await awaitQuiet(QUIET_PART, Number(options.wait) / 4);
      const table = await measure();
      const notes = still ? table.notes : [...table.notes, "the machine was not quiet when this part began"];
      console.log((options.markdown ? asMarkdown : asText)({ ...table, notes }));
      tables.push({ ...table, part, quiet: still });
    } catch (error) {
      failures.push(`${part}: ${error instanceof Error ? error.message : String(error)}`);
      for (const runtime of runtimes) deleteAll(runtime);
    }
  }
  if (options.json !== undefined) {
    const file = resolve(options.json);
    mkdirSync(dirname(file), { recursive: true });
    const { folder: _, ...counts } = extent;
    writeFileSync(
      file,
      `${JSON.stringify({ machine: on, runtimes, ...counts, tables, failures }, undefined, 1)}\n`,
    );
  }
  return failures;
}

async function main(): Promise<number> {
  if (process.getuid?.() !== 0) throw new Error("the benchmark needs root: it makes containers and cgroups");
  const tsrun = requireBuilt();
  const inside = likeOthers();
  if (inside !== undefined) return inside;
  const folder = mkdtempSync(join(tmpdir(), "tsrun-bench-"));
  const state = mkdtempSync("/run/tsrun-bench-");
  const runtimes = findRuntimes(tsrun, state);
  const tidy = (): void => {
    for (const runtime of runtimes) deleteAll(runtime);
    removeCgroups((name) => name.startsWith(PREFIX));
    for (const made of [folder, state]) rmSync(made, { recursive: true, force: true });
  };
  process.once("SIGINT", () => {
    tidy();
    process.exit(130);
  });
  try {
    const failures = await bench(folder, runtimes, tsrun);
    for (const failure of failures) console.error(`failed: ${failure}`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    tidy();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
