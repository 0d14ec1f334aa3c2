/**
 * A small JSON parser for what the engine's own cannot do: it keeps 64-bit integers, refuses strings that cannot be
 * handed to the kernel, and says line, column and pointer of an error. Its recursion is bounded.
 */
import { BundleError } from "../error.ts";
import { child, quote } from "./words.ts";

/** More digits than any 64-bit number has; BigInt's time grows faster than the text. */
const MAX_DIGITS = 40;

/** Where the parser stands. */
interface Cursor {
  readonly text: string;
  at: number;
  /** The names and indices that lead to the value being read. */
  readonly path: (string | number)[];
  readonly maxDepth: number;
}

/** Parses the whole text, nothing left over. @throws BundleError as {@link parseJson} */
export function parseExactly(text: string, maxDepth: number): unknown {
  const cursor: Cursor = { text, at: 0, path: [], maxDepth };
  const value = readValue(cursor);
  skipSpace(cursor);
  if (cursor.at < text.length) fail(cursor, "after the value");
  return value;
}

function readValue(cursor: Cursor): unknown {
  skipSpace(cursor);
  const c = cursor.text[cursor.at];
  switch (c) {
    case "{":
      return readObject(cursor);
    case "[":
      return readArray(cursor);
    case '"':
      return readString(cursor);
    case "t":
      return readWord(cursor, "true", true);
    case "f":
      return readWord(cursor, "false", false);
    case "n":
      return readWord(cursor, "null", null);
    default:
      return readNumber(cursor);
  }
}

function readObject(cursor: Cursor): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  enter(cursor);
  if (skipIf(cursor, "}")) return object;
  for (;;) {
    skipSpace(cursor);
    if (cursor.text[cursor.at] !== '"') fail(cursor, "where a name in quotes is wanted");
    const name = readString(cursor);
    if (!skipIf(cursor, ":")) fail(cursor, 'where ":" is wanted');
    cursor.path.push(name);
    const value = readValue(cursor);
    cursor.path.pop();
    // Assigning to __proto__ would change the object's prototype; defining makes it a name like any other.
    if (name === "__proto__") {
      Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
    } else object[name] = value;
    if (skipIf(cursor, "}")) return object;
    if (!skipIf(cursor, ",")) fail(cursor, 'where "," or "}" is wanted');
  }
}

function readArray(cursor: Cursor): unknown[] {
  const array: unknown[] = [];
  enter(cursor);
  if (skipIf(cursor, "]")) return array;
  for (;;) {
    cursor.path.push(array.length);
    array.push(readValue(cursor));
    cursor.path.pop();
    if (skipIf(cursor, "]")) return array;
    if (!skipIf(cursor, ",")) fail(cursor, 'where "," or "]" is wanted');
  }
}

/** Steps over an opening bracket. */
function enter(cursor: Cursor): void {
  if (cursor.path.length >= cursor.maxDepth) {
    throw new BundleError("limit", "", `the JSON text is nested deeper than ${cursor.maxDepth} levels`);
  }
  cursor.at++;
}

function readWord<T>(cursor: Cursor, word: string, value: T): T {
  for (const letter of word) {
    if (cursor.text[cursor.at] !== letter) fail(cursor, `in the word ${word}`);
    cursor.at++;
  }
  return value;
}

function readNumber(cursor: Cursor): number | bigint {
  const form = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
  form.lastIndex = cursor.at;
  const found = form.exec(cursor.text);
  if (found === null) fail(cursor, "where a value is wanted");
  const digits = found[0];
  if (digits.length > MAX_DIGITS) {
    throw new BundleError("range", pointerOf(cursor), `a number of ${digits.length} digits fits no field`);
  }
  cursor.at += digits.length;
  if (digits.length < 16 || found[1] !== undefined || found[2] !== undefined) return Number(digits);
  const exact = BigInt(digits);
  const near = Number(exact);
  return Number.isSafeInteger(near) ? near : exact;
}

function readString(cursor: Cursor): string {
  const { text } = cursor;
  let value = "";
  cursor.at++;
  for (let start = cursor.at; ; ) {
    const c = text.charCodeAt(cursor.at);
    if (c === 0x22) {
      value += text.slice(start, cursor.at++);
      checkString(cursor, value);
      return value;
    }
    if (c === 0x5c) {
      value += text.slice(start, cursor.at) + readEscape(cursor);
      start = cursor.at;
    } else if (c >= 0x20) cursor.at++;
    else fail(cursor, "in a string"); // also the end of the text, where c is NaN
  }
}

function readEscape(cursor: Cursor): string {
  const letter = cursor.text[++cursor.at];
  if (letter === "u") {
    const hex = cursor.text.slice(cursor.at + 1, cursor.at + 5);
    for (const c of hex) {
      cursor.at++;
      if (!/[0-9a-fA-F]/.test(c)) fail(cursor, "in a \\u escape");
    }
    cursor.at++;
    if (hex.length < 4) fail(cursor, "in a \\u escape");
    return String.fromCharCode(Number.parseInt(hex, 16));
  }
  const at = letter === undefined ? -1 : '"\\/bfnrt'.indexOf(letter);
  if (at < 0) fail(cursor, "in an escape");
  cursor.at++;
  return '"\\/\b\f\n\r\t'.charAt(at);
}

/** NUL would end the string early in C; half of a surrogate pair has no UTF-8. */
function checkString(cursor: Cursor, value: string): void {
  const bad = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.exec(value);
  if (bad === null) return;
  const what = bad[0] === "\0" ? "a NUL character" : "half of a surrogate pair";
  throw new BundleError("format", pointerOf(cursor), `the string ${quote(value)} holds ${what}`, "remove it");
}

function skipSpace(cursor: Cursor): void {
  const { text } = cursor;
  for (;;) {
    const c = text.charCodeAt(cursor.at);
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
    cursor.at++;
  }
}

/** Steps over `mark`, after white space, where it is there. */
function skipIf(cursor: Cursor, mark: string): boolean {
  skipSpace(cursor);
  if (cursor.text[cursor.at] !== mark) return false;
  cursor.at++;
  return true;
}

function pointerOf(cursor: Cursor): string {
  return cursor.path.reduce<string>((pointer, step) => child(pointer, String(step)), "");
}

function fail(cursor: Cursor, where: string): never {
  const { text, at } = cursor;
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = at - before.lastIndexOf("\n");
  const found = text.codePointAt(at);
  const sentence =
    found === undefined
      ? `unexpected end of JSON input at line ${line}, column ${column}`
      : `the JSON text has an unexpected ${quote(String.fromCodePoint(found))} ${where} at line ${line}, column ${column}`;
  const hint = text.trim() === "" ? "the file is empty" : undefined;
  throw new BundleError("syntax", pointerOf(cursor), sentence, hint);
}
