/**
 * Plans by the engine's own encoder (native/engine/encode.c) and by src/plan/encode.ts, with operations, values and mistakes by chance.
 * Argument: SEED ROUNDS. Prints how many were written, how many refused by both, and each that differs.
 */
import "../../../../src/engine/globals.ts";

import { encode } from "../../../../src/plan/encode.ts";
import type { Op, Plan } from "../../../../src/plan/ops.ts";
import { PLAN } from "../../../../src/sys/constants.gen.ts";
import { planEncoder } from "../../../../src/sys/ffi.ts";
import { main, print } from "./host.ts";
import { randomFrom } from "./random.ts";

type Random = ReturnType<typeof randomFrom>;

const TEXTS = ["", "/", "/proc/self", "ä€𐍈", "a\0b", "\ud800 alone", "x".repeat(40), "alone \udc00"];
const NUMBERS = [0, 1, 0xffffffff, 0x7fffffff, 0x80000000, -1, 1.5, 0x100000000, Number.NaN, -0];
const LONGS = [0n, 1n, -1n, (1n << 64n) - 1n, 1n << 63n, -(1n << 63n), 1n << 70n];

function value(kind: string, chance: Random): unknown {
  const pick = <T>(list: readonly T[], good: number): T =>
    list[chance(chance(30) === 0 ? list.length : good)] as T;
  const several = (make: () => unknown): unknown => Array.from({ length: chance(4) }, make);
  switch (kind) {
    case "U32":
      return pick(NUMBERS, 5);
    case "U64":
      return pick(LONGS, 6);
    case "STR":
      return pick(TEXTS, 4);
    case "STRS":
      return several(() => pick(TEXTS, 4));
    case "U64S":
      return several(() => pick(LONGS, 6));
    default:
      return Uint8Array.from({ length: chance(300) }, () => chance(256));
  }
}

function plan(chance: Random): Plan {
  const names = Object.keys(PLAN.ops) as (keyof typeof PLAN.ops)[];
  const steps = Array.from({ length: chance(60) }, () => {
    const name = names[chance(names.length)] ?? "fork";
    const fields = PLAN.ops[name].fields.map(([field, kind]) => [field, value(kind, chance)]);
    if (chance(300) === 0) fields.pop();
    return { op: { op: name, ...Object.fromEntries(fields) } as unknown as Op, pointer: "" };
  });
  return { steps } as unknown as Plan;
}

function byScript(given: Plan): Uint8Array | undefined {
  try {
    return encode(given);
  } catch {
    return undefined;
  }
}

main(() => {
  const [seed = 1, rounds = 0] = process.argv.slice(2).map(Number);
  const chance = randomFrom(seed);
  const natively = planEncoder();
  let written = 0;
  let refused = 0;
  for (let round = 0; round < rounds; round++) {
    const given = plan(chance);
    const one = natively?.(given.steps);
    const other = byScript(given);
    if (String(one) !== String(other)) print(`plan ${round} of ${seed} differs: ${one}\n${other}\n`);
    else if (one === undefined) refused++;
    else written++;
  }
  print(`${written} written, ${refused} refused`);
});
