/**
 * Tests on a machine that is about ten times slower than others, such as an emulated one (TSRUN_TEST_SLOW=1): they wait longer, and
 * do less often what is done often only so that chance has its chance.
 */
import type { Test } from "tap";

/** Whether the machine is slow. */
export const SLOW = process.env["TSRUN_TEST_SLOW"] === "1";

/** How many times slower. */
const FACTOR = 10;

/** A time that something may take, or after which something is hit, in milliseconds of this machine. */
export function patience(ms: number): number {
  return SLOW ? ms * FACTOR : ms;
}

/** How often to do what others do `count` times: at least once, or `least` times where there are more kinds of it. */
export function times(t: Pick<Test, "comment">, count: number, least = 1): number {
  if (!SLOW) return count;
  const fewer = Math.max(least, Math.ceil(count / FACTOR));
  t.comment(`${fewer} of ${count} times`);
  return fewer;
}

/** Every `step`th of a list, beginning with the first; all of them where the machine is not slow. */
export function some<T>(t: Pick<Test, "comment">, list: readonly T[], step: number): readonly T[] {
  if (!SLOW) return list;
  const fewer = list.filter((_, index) => index % step === 0);
  t.comment(`${fewer.length} of ${list.length} cases`);
  return fewer;
}
