/** The shapes that cgroup files have: one number, `name number` lines, lists, pressure. Pure. */
import { ranges } from "./lists.ts";
import type { Pressure, PressureLine } from "./stats.ts";

/** What runc answers for `max`. */
const UNLIMITED = 0xffff_ffff_ffff_ffffn;

/** One number; `max` is 2^64 - 1, a negative or missing one 0, as runc has it. */
export function uint(text: string | undefined): bigint {
  const word = text?.trim() ?? "";
  if (word === "max") return UNLIMITED;
  return /^[0-9]+$/.test(word) ? BigInt(word) : 0n;
}

/** The same with a sign. */
export function int(text: string | undefined): bigint {
  const word = text?.trim() ?? "";
  return /^-?[0-9]+$/.test(word) ? BigInt(word) : 0n;
}

/** `name number` lines, as cpu.stat and memory.stat have; other lines are left out. */
export function keyed(text: string | undefined): ReadonlyMap<string, bigint> {
  const found = new Map<string, bigint>();
  for (const line of (text ?? "").split("\n")) {
    const [name, value, ...more] = line.split(" ");
    if (name !== undefined && value !== undefined && more.length === 0) found.set(name, uint(value));
  }
  return found;
}

/** Numbers with blanks between them. */
export function numbers(text: string | undefined): readonly bigint[] {
  const found: bigint[] = [];
  for (const word of (text ?? "").split(/\s+/)) if (/^[0-9]+$/.test(word)) found.push(BigInt(word));
  return found;
}

/** The kernel has at most some thousand processors and nodes. */
const LIST_MAX = 1 << 16;

/** A list such as `0-3,7`, number by number. */
export function members(text: string | undefined): readonly number[] {
  const found: number[] = [];
  for (const [from, to] of ranges(text ?? "")) {
    for (let next = from; next <= to && found.length < LIST_MAX; next++) found.push(next);
  }
  return found;
}

const NO_PRESSURE: PressureLine = { avg10: 0, avg60: 0, avg300: 0, total: 0n };

/** `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same for `full`. */
export function parsePressure(text: string): Pressure {
  let some = NO_PRESSURE;
  let full = NO_PRESSURE;
  for (const line of text.split("\n")) {
    const [kind, ...words] = line.split(" ");
    if (kind !== "some" && kind !== "full") continue;
    const values = new Map<string, string>();
    for (const word of words) values.set(word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1));
    const average = (name: string): number => Number(values.get(name) ?? 0) || 0;
    const parsed = {
      avg10: average("avg10"),
      avg60: average("avg60"),
      avg300: average("avg300"),
      total: uint(values.get("total")),
    };
    if (kind === "some") some = parsed;
    else full = parsed;
  }
  return { some, full };
}
