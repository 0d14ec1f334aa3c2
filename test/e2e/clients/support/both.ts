/** Every case runs with runc and with tsrun, side by side: what passes with runc must pass with tsrun. */
import t, { type Test } from "tap";
import { patience } from "../../support/slow.ts";
import { RUNTIMES, type RuntimeName } from "./corner.ts";

/** One thing that an engine can do, as one line of text. */
export interface Case<Engine> {
  readonly name: string;
  /** What comes of it. */
  readonly expect: string | RegExp;
  /** What runc answers on hosts that lack something for this: the case is skipped there. */
  readonly lacking?: RegExp;
  /** What tsrun is meant to do otherwise, and why. */
  readonly otherwise?: { readonly expect: string | RegExp; readonly why: string };
  /** Milliseconds that all attempts may take together, {@link CASE_LIMIT} unless given. */
  readonly limit?: number;
  run(engine: Engine, runtime: RuntimeName, t: Test): Promise<string>;
}

/** Milliseconds for a whole file: some of these have hundreds of containers. */
const FILE_LIMIT = 900_000;

const CASE_LIMIT = 120_000;

/** Runs the cases one after another, each with both runtimes at the same time, or not where they would disturb each other. */
export async function both<Engine>(
  engine: Engine,
  cases: readonly Case<Engine>[],
  how: "together" | "apart" = "together",
): Promise<void> {
  t.setTimeout(FILE_LIMIT);
  const wanted = process.env["TSRUN_TEST_CASE"];
  for (const one of cases) {
    if (wanted !== undefined && !one.name.includes(wanted)) continue;
    await t.test(one.name, { timeout: patience(one.limit ?? CASE_LIMIT) }, async (t) =>
      compare(t, engine, one, how),
    );
  }
}

/**
 * How often a case is tried. Engines race with themselves: whether a shim hears of an OOM kill before it hears of the exit, or
 * how far a fork bomb gets before its shell gives up, is not the runtime's doing. Each attempt is printed.
 */
const TRIES = 3;

async function compare<Engine>(
  t: Test,
  engine: Engine,
  one: Case<Engine>,
  how: "together" | "apart",
): Promise<void> {
  const wanted = one.otherwise?.expect ?? one.expect;
  if (one.otherwise !== undefined) t.comment(`tsrun differs: ${one.otherwise.why}`);
  for (let attempt = 1; ; attempt++) {
    const { runc, tsrun } = await answers(t, engine, one, how);
    t.comment(`runc:  ${JSON.stringify(runc)}`);
    t.comment(`tsrun: ${JSON.stringify(tsrun)}`);
    if (one.lacking?.test(runc) === true) {
      t.pass("not possible here", { skip: `runc answers ${JSON.stringify(runc)}` });
      return;
    }
    if (attempt < TRIES && !(fits(runc, one.expect) && fits(tsrun, wanted))) {
      t.comment(`again, after attempt ${attempt}`);
      continue;
    }
    check(t, "runc", runc, one.expect);
    check(t, "tsrun", tsrun, wanted);
    return;
  }
}

async function answers<Engine>(
  t: Test,
  engine: Engine,
  one: Case<Engine>,
  how: "together" | "apart",
): Promise<{ readonly runc: string; readonly tsrun: string }> {
  const [first, second] = RUNTIMES;
  const answer = (runtime: RuntimeName): Promise<string> =>
    one.run(engine, runtime, t).catch((error: unknown) => `the case failed: ${String(error)}`);
  if (how === "together") {
    const [runc, tsrun] = await Promise.all([answer(first), answer(second)]);
    return { runc, tsrun };
  }
  return { runc: await answer(first), tsrun: await answer(second) };
}

function fits(answer: string, expected: string | RegExp): boolean {
  return typeof expected === "string" ? answer === expected : expected.test(answer);
}

function check(t: Test, runtime: RuntimeName, answer: string, expected: string | RegExp): void {
  if (typeof expected === "string") t.equal(answer, expected, runtime);
  else t.match(answer, expected, runtime);
}
