/**
 * JSON text that a stranger wrote, to values. Whole numbers beyond 2^53 come out as `bigint`, so no 64-bit limit loses
 * its last digits; strings that C or UTF-8 could not carry are refused.
 */
import { BundleError } from "../error.ts";
import { parseExactly } from "./json-exact.ts";

/** The longest text that is read, in UTF-16 units. Real files have 6 to 60 thousand. */
export const MAX_JSON_LENGTH = 16 * 1024 * 1024;
/** The deepest nesting that is read; a config.json needs 8 levels. */
export const MAX_JSON_DEPTH = 64;

/** Escapes that stand for a NUL, or half a character. */
const HARD_ESCAPES = ["\\u0000", "\\ud", "\\uD"];

/**
 * Parses JSON (RFC 8259). Of a name that is there twice the last counts, as in other runtimes. The engine's own parser
 * does the work unless the text holds something it would lose or let through: 16 digits in a row, an escaped NUL, a
 * surrogate.
 * @param plain whether somebody has seen that it holds nothing of the kind, no fraction, and is not nested too deep
 * @throws BundleError `syntax` with line and column, `limit` (too long, too deep), `format` (NUL or half a character in
 * a string), `range` (a number with more digits than any field holds)
 */
export function parseJson(text: string, plain = false): unknown {
  if (text.length > MAX_JSON_LENGTH) {
    throw new BundleError(
      "limit",
      "",
      `the JSON text is ${text.length} characters long, more than ${MAX_JSON_LENGTH}`,
    );
  }
  if (!plain && mayBeInexact(text)) return parseExactly(text, MAX_JSON_DEPTH);
  let value: unknown;
  try {
    // V8's and JavaScriptCore's parsers keep no stack of calls: a million brackets are only slow (tried: 8 million).
    value = JSON.parse(text);
  } catch {
    // Engines word and place their errors differently: the exact parser finds the place again.
    return parseExactly(text, MAX_JSON_DEPTH);
  }
  if (plain) return value;
  // Walking the values costs a fifth of walking the text.
  switch (look(value, MAX_JSON_DEPTH)) {
    case "plain":
      return value;
    case "inexact":
      return parseExactly(text, MAX_JSON_DEPTH);
    case "deep":
      throw new BundleError("limit", "", `the JSON text is nested deeper than ${MAX_JSON_DEPTH} levels`);
  }
}

// No regular expression: one takes longer over a text than everything else here.
function mayBeInexact(text: string): boolean {
  return (text.includes("\\u") && HARD_ESCAPES.some((hard) => text.includes(hard))) || !text.isWellFormed();
}

/** What the engine's parser has made: nested too deep, with a number that is none of the whole ones it can tell apart, or neither. */
function look(value: unknown, depth: number): "plain" | "inexact" | "deep" {
  if (typeof value === "number") return Number.isSafeInteger(value) ? "plain" : "inexact";
  if (typeof value !== "object" || value === null) return "plain";
  if (depth === 0) return "deep";
  let worst: "plain" | "inexact" = "plain";
  const members: unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (let at = 0; at < members.length; at++) {
    const member = members[at];
    // Most are: no call for each.
    if (typeof member === "string") continue;
    const found = look(member, depth - 1);
    if (found === "deep") return found;
    if (found === "inexact") worst = found;
  }
  return worst;
}
