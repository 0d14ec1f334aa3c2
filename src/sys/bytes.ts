/** Text and numbers to bytes for native calls, and back. */
import { lib } from "./lib.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A C string. The caller has refused NUL in `text` where it came from outside. */
export function cstring(text: string): Uint8Array {
  return encoder.encode(`${text}\0`);
}

/** Strings one after the other, each with its NUL; never empty, so that it has an address. */
export function cstrings(texts: readonly string[]): Uint8Array {
  return encoder.encode(texts.length === 0 ? "\0" : `${texts.join("\0")}\0`);
}

/** UTF-8, malformed sequences replaced. */
export function text(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** UTF-8 of a text. */
export function utf8(value: string): Uint8Array {
  return encoder.encode(value);
}

/** Whether a text is printable ASCII, with `breaks` also tabs and ends of lines. As far as a regular expression goes, at a hundredth of its cost. */
export function isPrintable(value: string, breaks = false): boolean {
  const bytes = utf8(value);
  return bytes.length === 0 || lib().ts_printable(bytes, bytes.length, breaks ? 1 : 0) === 1;
}

/** Whether all of a JSON text is as any parser has it (native/lib/text.c): bundle/json.ts need not look at its values then. */
export function isPlainJson(value: string, depth: number): boolean {
  const bytes = utf8(value);
  return bytes.length > 0 && lib().ts_plain_json(bytes, bytes.length, depth) === 1;
}
