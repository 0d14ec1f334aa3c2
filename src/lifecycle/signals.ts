/** Signals as people write them: names with and without SIG, in any case, and numbers. */
import { UsageError } from "../error.ts";
import { SIGNALS } from "../sys/constants.gen.ts";

/**
 * The number of a signal: `TERM`, `sigterm`, `15`, `RTMIN+3`.
 *
 * @throws UsageError
 */
export function parseSignal(text: string): number {
  const max = SIGNALS["RTMAX"] ?? 64;
  if (/^[0-9]{1,3}$/.test(text) && Number(text) <= max) return Number(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const [base = "", sign, offset] = /^(RTMIN|RTMAX)([+-])([0-9]{1,2})$/.exec(name)?.slice(1) ?? [name];
  const start = Object.hasOwn(SIGNALS, base) ? SIGNALS[base] : undefined;
  const number = start === undefined ? undefined : start + (sign === "-" ? -1 : 1) * Number(offset ?? 0);
  if (number === undefined || number < 1 || number > max) {
    throw new UsageError(`unknown signal ${JSON.stringify(text)}`, {
      hint: "kill -l lists the names; numbers go from 0 to 64",
    });
  }
  return number;
}
