/** Pieces of the sentences that this room's errors and warnings are made of. */
import type { Pointer } from "../error.ts";

/** A string of a bundle as a sentence shows it: in quotes, escaped, cut where it is long. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}

/** The pointer to a member, its name escaped (RFC 6901, section 3). */
export function child(pointer: Pointer, name: string): Pointer {
  const shown = name.length > 200 ? `${name.slice(0, 200)}...` : name;
  return `${pointer}/${shown.includes("~") || shown.includes("/") ? shown.replace(/~/g, "~0").replace(/\//g, "~1") : shown}`;
}

/** The JSON type of a value, with its article. */
export function kindOfValue(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return "a string";
    case "number":
    case "bigint":
      return "a number";
    case "boolean":
      return "a boolean";
    default:
      return "an object";
  }
}
