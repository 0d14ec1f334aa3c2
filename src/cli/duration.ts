/** Go's durations, which runc's options take: `5s`, `1m30s`, `1.5h`, `100ms`. */
import { UsageError } from "../error.ts";

/** Milliseconds of each unit (Go, time.ParseDuration). */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration in milliseconds; `undefined` where the text is none. A sign may precede it, and `0` needs no unit. Pure. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  let sum = 0;
  let at = 0;
  for (const [whole, number = "", unit = ""] of rest.matchAll(
    /([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/gy,
  )) {
    sum += Number(number) * (UNITS[unit] ?? 0);
    at += whole.length;
  }
  return at === 0 || at < rest.length ? undefined : sign * sum;
}

/** The value of an option in milliseconds. @throws UsageError with runc's words where it is no duration */
export function durationOption(value: string | undefined, name: string, fallback: number): number {
  if (value === undefined) return fallback;
  const parsed = parseDuration(value);
  if (parsed === undefined) {
    throw new UsageError(`invalid value ${JSON.stringify(value)} for flag -${name}: parse error`, {
      hint: `--${name} takes a duration such as 500ms, 5s or 1m30s`,
    });
  }
  return parsed;
}
