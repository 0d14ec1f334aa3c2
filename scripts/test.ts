/**
 * All tests, after everything has been built and compiled: lint, house rules, then tap: what shares nothing in parallel, the
 * end-to-end tests one after the other, since they look at the whole host. The last line counts what passed, failed and was
 * skipped; the exit code is 1 if anything failed. With arguments only the tests whose path contains one of them run. What the
 * host is like is noted before anything runs, and compared by the last test (test/e2e/last).
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { noteHost } from "./note-host.ts";
import { checkRules, violationLine } from "./rules.ts";
import { type FileResult, resultsOf } from "./tap.ts";
import { writeNative } from "./vm/native.ts";
import { type Counts, countsLine, total } from "./vm/places.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);
const results: FileResult[] = [];

/** The compiled tests of some folders, by their sources: a test that has been removed may still lie in build/. */
function tests(...folders: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(PROJECT, "test", folder), { recursive: true, encoding: "utf8" }).map((name) =>
        join(folder, name),
      ),
    )
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("build/test", name.replace(/\.ts$/, ".js")))
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .sort();
}

/** Runs a program of node_modules with our own output; whether it went well. */
function npmProgram(name: string, ...args: readonly string[]): boolean {
  // tap's tests run under Node, whatever runs this.
  return (
    spawnSync(join(PROJECT, "node_modules/.bin", name), args, { cwd: PROJECT, stdio: "inherit" }).status === 0
  );
}

/** Runs test files with tap. */
function tap(title: string, jobs: number, files: readonly string[]): Counts {
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  console.log(`\n== ${title}`);
  const folder = mkdtempSync(join(tmpdir(), "tsrun-tap-"));
  const output = join(folder, "tap");
  const went = npmProgram(
    "tap",
    "run",
    `--jobs=${jobs}`,
    "--reporter=min",
    `--output-file=${output}`,
    ...files,
  );
  const report = textOf(output);
  rmSync(folder, { recursive: true });
  results.push(...resultsOf(report));
  const counts = countsOf(report);
  return went || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function textOf(report: string): string {
  try {
    return readFileSync(report, "utf8");
  } catch {
    // tap itself has failed, which its exit code says.
    return "";
  }
}

/** What tap says at the end of its report: `# { total: 9, pass: 7, fail: 1, skip: 1 }`. */
function countsOf(report: string): Counts {
  const last = report.split("\n").findLast((line) => line.startsWith("# { total: ")) ?? "";
  const count = (name: string): number => Number(new RegExp(`\\b${name}: ([0-9]+)`).exec(last)?.[1] ?? 0);
  return { passed: count("pass"), failed: count("fail"), skipped: count("skip") + count("todo") };
}

/** A check that has one outcome. */
function check(title: string, run: () => boolean): Counts {
  console.log(`\n== ${title}`);
  const passed = run();
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

function keepsRules(): boolean {
  const found = checkRules(PROJECT);
  for (const violation of found) console.log(violationLine(violation));
  return found.length === 0;
}

function endToEnd(): readonly Counts[] {
  const [last, rest] = [tests("e2e/last"), tests("e2e").filter((file) => !file.includes("/e2e/last/"))];
  if (process.geteuid?.() !== 0) {
    console.log("\n== end-to-end tests: skipped, they need root");
    return [{ passed: 0, failed: 0, skipped: rest.length + last.length }];
  }
  return [tap("end-to-end tests", 1, rest), tap("what they left behind", 1, last)];
}

const before = noteHost();
process.env["TSRUN_TEST_BEFORE"] = before;
const outcomes = [
  ...(wanted.length > 0
    ? []
    : [check("biome", () => npmProgram("biome", "check")), check("house rules", keepsRules)]),
  tap("unit, contract and native tests", availableParallelism(), tests("unit", "contract", "native")),
  ...endToEnd(),
];
rmSync(dirname(before), { recursive: true });
const sum = total(outcomes);
if (wanted.length === 0) writeNative(sum, results);
console.log(`\n${countsLine(sum)}`);
process.exitCode = sum.failed === 0 ? 0 : 1;
