/**
 * tsrun-init by itself: its plan reader under a fuzzer, and real containers made from plans that were written by hand, once
 * with the program that is shipped and once with the same sources under AddressSanitizer and UndefinedBehaviorSanitizer.
 */
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { missing } from "./programs.ts";

const BUILT = join(PROJECT, "build/native");

/** One line of cases/run.py. */
interface Case {
  readonly name: string;
  readonly why?: string;
}

function parseCase(line: string): Case {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null || !("name" in value))
    throw new Error(`not a case: ${line}`);
  const why = "why" in value ? { why: String(value.why) } : {};
  return { name: String(value.name), ...why };
}

t.test(
  "the plan reader survives mutated plans and refuses cut and overlong ones",
  { skip: missing("make", "gcc") },
  async (t) => {
    await execa("make", ["-s", "-C", join(PROJECT, "native"), join("../build/native", "fuzz-reader")]);
    const { stdout } = await execa(join(BUILT, "fuzz-reader"), ["200000", "1"]);
    t.match(stdout, /^200000 mutated plans, \d+ of them still plans, no read out of bounds/);
  },
);

const rootless = process.getuid?.() !== 0 && "needs root";
const skip = rootless || missing("make", "gcc", "python3", "busybox");

for (const [title, target, program] of [
  ["as shipped", "init", join(PROJECT, "dist/tsrun-init")],
  ["with sanitizers", "../build/native/tsrun-init-sanitized", join(BUILT, "tsrun-init-sanitized")],
] as const) {
  t.test(`containers run by tsrun-init alone, ${title}`, { skip }, async (t) => {
    await execa("make", ["-s", "-C", join(PROJECT, "native"), target]);
    const script = join(PROJECT, "test/native/cases/run.py");
    const run = await execa("python3", ["-B", script, program], { reject: false });
    const cases = run.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map(parseCase);
    for (const { name, why } of cases) t.equal(why, undefined, name);
    t.not(cases.length, 0, "there are cases");
    t.equal(run.exitCode, 0, run.stderr);
  });
}
