/**
 * `npm run test:vm -- [--flavour cgroupfs|systemd] [--deadline SECONDS] [WORD...]`: the end-to-end tests on cgroup v2, in virtual
 * machines that boot Debian's kernel on a view of this machine's files. Without a flavour in both, side by side where there are two
 * processors. With words only the files whose path contains one of them. At the end it tells what ran where; it exits with 1 if
 * anything failed, or was skipped everywhere.
 */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { PROJECT } from "./make-rootfs.ts";
import { FLAVOURS, type Flavour, filesOf, leftOut, testFiles } from "./vm/flavours.ts";
import { readNative } from "./vm/native.ts";
import { aligned, type Counts, cell, countsLine, type Place, skippedEverywhere, total } from "./vm/places.ts";
import { runSuite, type SuiteResult } from "./vm/suite.ts";

/** Seconds after which a machine is stopped. */
const DEADLINE = "3000";

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: { flavour: { type: "string" }, deadline: { type: "string", default: DEADLINE } },
});

function flavours(): readonly Flavour[] {
  const { flavour } = options;
  if (flavour === undefined) return FLAVOURS;
  const found = FLAVOURS.filter(({ name }) => name === flavour);
  if (found.length > 0) return found;
  throw new Error(`--flavour ${flavour}: ${FLAVOURS.map(({ name }) => name).join(" or ")}`);
}

/** node-tap as one file, which an emulated machine loads in half the time. */
function bundleTap(): void {
  const args = [
    "build",
    "node_modules/tap/dist/esm/index.js",
    "--target=node",
    "--outfile",
    "build/vm/tap.js",
  ];
  execFileSync(process.execPath, args, { cwd: PROJECT, stdio: "ignore" });
}

async function runAll(chosen: readonly Flavour[], all: readonly string[]): Promise<readonly SuiteResult[]> {
  const run = (flavour: Flavour): Promise<SuiteResult> =>
    runSuite(flavour, filesOf(flavour.name, words, all), Number(options.deadline), (line) =>
      console.log(chosen.length > 1 ? `${flavour.name}: ${line}` : line),
    );
  if (availableParallelism() > 1) return Promise.all(chosen.map(run));
  const results: SuiteResult[] = [];
  for (const flavour of chosen) results.push(await run(flavour));
  return results;
}

/** Which files ran where, and what was skipped there. */
function printPlaces(places: readonly Place[], all: readonly string[]): void {
  const rows = all
    .filter((file) => places.some(({ results }) => results.some((result) => result.file === file)))
    .map((file) => [file, ...places.map((place) => cell(place, file, leftOut(file, place.name)))]);
  console.log(`\n${aligned([["", ...places.map(({ name }) => name)], ...rows]).join("\n")}`);
  for (const { name, results } of places) {
    const skipped = results.flatMap(({ file, without, skips }) => [
      ...(without === undefined ? [] : [[file, "", without]]),
      ...skips.map(({ test, reason }) => [file, test, reason]),
    ]);
    console.log(`\nskipped, ${name}:${skipped.length === 0 ? " nothing" : ""}`);
    for (const line of aligned(skipped)) console.log(`  ${line}`);
  }
  for (const { name } of places) {
    const reasons = new Set(all.map((file) => leftOut(file, name)).filter((why) => why !== undefined));
    for (const why of words.length === 0 ? reasons : []) {
      const files = all.filter((file) => leftOut(file, name) === why);
      console.log(`\nleft out, ${name}: ${why}\n  ${files.join("\n  ")}`);
    }
  }
}

/** Tells the tests that ran nowhere; how many of them are in files that the machines do run. */
function printNowhere(places: readonly Place[]): number {
  const nowhere = skippedEverywhere(places);
  const inMachines = ({ file }: { readonly file: string }): boolean =>
    FLAVOURS.some(({ name }) => leftOut(file, name) === undefined);
  const told = (title: string, list: typeof nowhere): void => {
    console.log(`\n${title}:${list.length === 0 ? " nothing" : ""}`);
    for (const { file, test, reasons } of list)
      console.log(`  ${file}: ${test ?? "all of it"} (${reasons.join("; ")})`);
  };
  const missed = nowhere.filter(inMachines);
  told("skipped everywhere", missed);
  told(
    "skipped here, in files that the machines leave out",
    nowhere.filter((one) => !inMachines(one)),
  );
  return missed.length;
}

async function main(): Promise<number> {
  const all = testFiles();
  if (process.geteuid?.() !== 0) {
    console.log("skipped, needs root: a virtual machine sees the files as its user does");
    console.log(`\n${countsLine({ passed: 0, failed: 0, skipped: all.length })}`);
    return 0;
  }
  bundleTap();
  const suites = await runAll(flavours(), all);
  const native = words.length === 0 ? readNative() : undefined;
  const machines = suites.map(({ flavour, results, broken }) => ({
    name: flavour,
    results,
    counts: total([...results, { passed: 0, failed: broken === undefined ? 0 : 1, skipped: 0 }]),
  }));
  const endToEnd = native?.results.filter(({ file }) => file.startsWith("test/e2e/")) ?? [];
  const places = [...(native === undefined ? [] : [{ name: "native", results: endToEnd }]), ...machines];
  printPlaces(places, all);
  // A test is missed only where all places have had their turn.
  const whole = native !== undefined && suites.length === FLAVOURS.length;
  const nowhere = printNowhere(places);
  for (const { flavour, results } of suites)
    for (const { file, failed, again } of results)
      if (again && failed === 0) console.log(`${flavour}: ${file} passed at the second attempt only`);
  for (const { flavour, broken } of suites) if (broken !== undefined) console.log(`\n${flavour}: ${broken}`);
  const counts: (readonly [string, Counts])[] = machines.map(({ name, counts }) => [name, counts]);
  if (native !== undefined) counts.unshift([`native, ${new Date(native.at).toISOString()}`, native.counts]);
  console.log("");
  for (const [name, sum] of counts) console.log(`${name}: ${countsLine(sum)}`);
  const sum = total(machines.map(({ counts }) => counts));
  console.log(`\n${countsLine(total(counts.map(([, one]) => one)))}`);
  return sum.failed > 0 || (whole && nowhere > 0) ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
