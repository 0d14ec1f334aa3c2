/**
 * How a program behaves under shrinking memory: runs it again and again, each time with half the limit, and shows the outcome as
 * a table and as a plot.
 *
 *     memory-sweep BUNDLE [SVG-FILE [MEBIBYTES]]
 *
 * With Bun: `bun examples/memory-sweep.ts ...`; with Node 22.18 or newer: `node examples/memory-sweep.ts ...`; with any other
 * from 20.16 on: `npx tsc -p tsconfig.json`, then `node build/examples/memory-sweep.js ...`.
 */
import { writeFileSync } from "node:fs";
import { Runtime } from "tsrun";

const [bundle = ".", file = "memory-sweep.svg", from = "128"] = process.argv.slice(2);
const runtime = new Runtime();

/** What became of one run. */
interface Run {
  /** KiB. */
  readonly limit: number;
  readonly ms: number;
  readonly outcome: "works" | "fails" | "out of memory" | "cannot start";
}

/** Runs the bundle with a limit, in KiB. */
async function run(limit: number): Promise<Run> {
  const id = `sweep-${process.pid}-${limit}`;
  const begin = performance.now();
  const ended = (outcome: Run["outcome"]): Run => ({ limit, ms: performance.now() - begin, outcome });
  await runtime.create({ id, bundle });
  try {
    // A created container holds some memory already; the kernel refuses a limit below that.
    const fits = await runtime.update(id, { memory: { limit: limit * 1024 } }).then(
      () => true,
      () => false,
    );
    if (!fits) return ended("cannot start");
    let oom = false;
    const watching = (async () => {
      for await (const { type } of runtime.events(id)) oom ||= type === "oom";
    })();
    const started = await runtime.start(id).then(
      () => true,
      () => false,
    );
    await watching;
    const exit = await runtime.wait(id);
    if (oom) return ended("out of memory");
    if (!started) return ended("cannot start");
    return ended(exit && "code" in exit && exit.code === 0 ? "works" : "fails");
  } finally {
    await runtime.delete(id, { force: true });
  }
}

const COLOURS: Readonly<Record<Run["outcome"], string>> = {
  works: "#2a9d4a",
  fails: "#e9a820",
  "out of memory": "#d62828",
  "cannot start": "#777",
};

/** One bar a run: its height is the time, its colour the outcome. */
function plot(runs: readonly Run[]): string {
  const longest = Math.max(...runs.map(({ ms }) => ms));
  const bars = runs.map(({ limit, ms, outcome }, at) => {
    const [x, height] = [60 + at * 60, (ms / longest) * 200];
    return [
      `<rect x="${x}" y="${230 - height}" width="40" height="${height}" fill="${COLOURS[outcome]}"/>`,
      `<text x="${x + 20}" y="246" text-anchor="middle">${limit}</text>`,
      `<text x="${x + 20}" y="${224 - height}" text-anchor="middle">${ms.toFixed(0)} ms</text>`,
    ].join("\n");
  });
  const legend = Object.entries(COLOURS).map(
    ([outcome, colour], at) => `<text x="${60 + at * 120}" y="290" fill="${colour}">${outcome}</text>`,
  );
  const width = Math.max(80 + runs.length * 60, 560);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="300" font-family="sans-serif" font-size="11">`,
    ...bars,
    `<text x="60" y="266">memory limit, KiB</text>`,
    ...legend,
    "</svg>\n",
  ].join("\n");
}

const runs: Run[] = [];
console.log("       KiB         ms  outcome");
for (let limit = Number(from) * 1024; limit >= 128; limit = Math.floor(limit / 2)) {
  const one = await run(limit);
  runs.push(one);
  console.log(`${String(limit).padStart(10)} ${one.ms.toFixed(1).padStart(10)}  ${one.outcome}`);
  if (one.outcome === "cannot start" || one.outcome === "out of memory") break;
}
writeFileSync(file, plot(runs));
console.log(`the plot is in ${file}`);
