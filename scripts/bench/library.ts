/** A container's whole life from a program that uses the library, beside `crun run` from a shell. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PROJECT } from "../make-rootfs.ts";
import type { Bundles } from "./bundles.ts";
import type { Extent } from "./measure.ts";
import { median, ms, ratio } from "./numbers.ts";
import { type Argv, timed } from "./programs.ts";
import { id, line, type Runtime } from "./runtimes.ts";
import type { Table } from "./table.ts";

/** Containers in a row, measured as one: a shell's loop can be timed only as a whole. */
const ROW = 100;

/** A program that has the library loaded and runs a row of containers each time it is asked to. */
class Warm {
  readonly #child;
  readonly #lines;

  constructor(engine: string, bundle: string, root: string, prefix: string) {
    const library = join(PROJECT, "dist/lib/src/index.js");
    const script = `
      import { Runtime } from ${JSON.stringify(library)};
      import { createInterface } from "node:readline";
      const runtime = new Runtime({ root: ${JSON.stringify(root)} });
      const [bundle, id] = ${JSON.stringify([bundle, prefix])};
      for await (const count of createInterface({ input: process.stdin })) {
        const begin = performance.now();
        for (let at = 0; at < Number(count); at++) {
          await runtime.create({ id, bundle });
          await runtime.start(id);
          await runtime.wait(id);
          await runtime.delete(id);
        }
        console.log(performance.now() - begin);
      }`;
    // bun takes a module from -e as it stands.
    const how = engine.endsWith("bun") ? ["-e", script] : ["--input-type=module", "-e", script];
    this.#child = spawn(engine, how, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** Milliseconds for each of a row. @throws Error when the program has failed */
  async row(): Promise<number> {
    this.#child.stdin.write(`${ROW}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the program that uses the library has ended");
    return Number(value) / ROW;
  }

  end(): void {
    this.#child.stdin.end();
  }
}

/** Milliseconds for each `run` of a row, from one shell. */
function shellRow(runtime: Runtime, bundle: string): number {
  const [program, ...args] = line(runtime, "run", "--bundle", bundle, id(runtime, "row"));
  const script = `i=0; while [ $i -lt ${ROW} ]; do "$0" "$@" || exit 1; i=$((i+1)); done`;
  const argv: Argv = ["sh", "-c", script, program, ...args];
  return timed(...argv) / ROW;
}

/** Measures in rounds, in each of which every side runs one row: what the machine does besides meets all alike. */
export async function library(
  runtimes: readonly Runtime[],
  bundles: Bundles,
  { rounds }: Extent,
): Promise<Table> {
  const bundle = bundles.usual("row", ["/bin/true"]);
  const root = runtimes.find(({ name }) => name === "tsrun")?.root ?? "/run/tsrun";
  const engines = ["node", join(PROJECT, "node_modules/.bin/bun")].filter(
    (engine) => engine === "node" || existsSync(engine),
  );
  const warm = engines.map((engine, at) => new Warm(engine, bundle, root, `bench-${process.pid}-row-${at}`));
  const sides: (readonly [name: string, row: () => number | Promise<number>])[] = [
    ...warm.map((each, at) => [at === 0 ? "library, Node" : "library, Bun", () => each.row()] as const),
    ...runtimes.map((runtime) => [`${runtime.name} run`, () => shellRow(runtime, bundle)] as const),
  ];
  const samples = new Map(sides.map(([name]) => [name, [] as number[]]));
  try {
    for (let round = -2; round < rounds; round++) {
      for (let turn = 0; turn < sides.length; turn++) {
        const [name = "", row] = sides[(turn + Math.max(round, 0)) % sides.length] ?? [];
        const took = await row?.();
        // The first rounds only warm up.
        if (round >= 0 && took !== undefined) samples.get(name)?.push(took);
      }
    }
  } finally {
    for (const each of warm) each.end();
  }
  return table(samples);
}

/** How many times as long as the other a side's rows took: the middle of the rounds, each compared with itself. */
function table(samples: ReadonlyMap<string, readonly number[]>): Table {
  const others = [...samples.keys()].filter((name) => name.endsWith(" run"));
  const rows = [...samples].map(([name, times]) => [
    name,
    ms(median(times)),
    ms(Math.min(...times)),
    (1000 / median(times)).toFixed(0),
    ...others.map((other) => {
      const pairs = (samples.get(other) ?? []).map((time, at) => time / (times[at] ?? Number.NaN));
      return ratio(median(pairs), 1);
    }),
    String(times.length),
  ]);
  return {
    title: "A container's life from a program that runs already",
    notes: [
      `rows of ${ROW} containers of true, one after the other: create, start, wait and delete by the library; run from a shell's loop`,
      "the ratios are the middle of those of each round; above 1: so many times as many containers a second",
    ],
    head: ["ms a container", "median", "least", "a second", ...others.map((name) => `÷ ${name}`), "rounds"],
    rows,
    raw: Object.fromEntries(samples),
  };
}
