/** Values of D-Bus as bytes (D-Bus Specification, "Type System" and "Marshaling"). Pure. */
import { utf8 } from "./bytes.ts";

/**
 * A value: a number for `y n q i u h`, a bigint for `x t`, a text for `s o g`, a list for arrays and structs, a pair for an
 * entry of a dictionary.
 */
export type Value = boolean | number | bigint | string | Variant | readonly Value[];

/** A value that says of which type it is. */
export interface Variant {
  readonly type: string;
  readonly value: Value;
}

/** Bytes that are no message, or not the one that was expected. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** How deep containers may lie in each other: 32 arrays and 32 structs (D-Bus Specification, "Valid Signatures"). */
export const DEPTH_MAX = 64;

/** Where the complete type at `at` of a signature ends. @throws WireError */
export function typeEnd(signature: string, at: number, depth = 0): number {
  const letter = signature[at] ?? "";
  if (letter === "" || depth > DEPTH_MAX) throw new WireError(`bad signature ${JSON.stringify(signature)}`);
  if (letter === "a") return typeEnd(signature, at + 1, depth + 1);
  if (letter === "(" || letter === "{") {
    const close = letter === "(" ? ")" : "}";
    let end = at + 1;
    while (signature[end] !== close) end = typeEnd(signature, end, depth + 1);
    if (end === at + 1) throw new WireError(`empty struct in ${JSON.stringify(signature)}`);
    return end + 1;
  }
  if ("ybnqiuxtdsogvh".includes(letter)) return at + 1;
  throw new WireError(`bad signature ${JSON.stringify(signature)}`);
}

/** What a type begins on a multiple of. */
export function alignment(letter: string): number {
  if (letter === "y" || letter === "g" || letter === "v") return 1;
  if (letter === "n" || letter === "q") return 2;
  return "xtd({".includes(letter) ? 8 : 4;
}

/** Writes values one after the other. */
export class Writer {
  #bytes = new Uint8Array(512);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  /** What has been written. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** Writes the values of a signature. */
  all(signature: string, values: readonly Value[]): this {
    let at = 0;
    for (const value of values) {
      const end = typeEnd(signature, at);
      this.#one(signature.slice(at, end), value);
      at = end;
    }
    if (at !== signature.length) throw new WireError(`too few values for ${JSON.stringify(signature)}`);
    return this;
  }

  /** Zeros up to a multiple of `to`. */
  align(to: number): void {
    const end = Math.ceil(this.length / to) * to;
    this.#room(end - this.length);
    this.length = end;
  }

  append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  #room(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = new Uint8Array((this.length + more) * 2);
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #one(type: string, value: Value): void {
    const letter = type[0] ?? "";
    this.align(alignment(letter));
    if (typeof value === "boolean" && letter === "b") this.#number("u", value ? 1 : 0);
    else if (typeof value === "number" || typeof value === "bigint") this.#number(letter, value);
    else if (typeof value === "string") this.#text(letter, value);
    else if (letter === "v" && typeof value === "object" && "type" in value) {
      this.#text("g", value.type);
      this.#one(value.type, value.value);
    } else if (Array.isArray(value)) this.#list(type, letter, value);
    else throw new WireError(`no ${type}: ${String(value)}`);
  }

  #number(letter: string, value: number | bigint): void {
    this.#room(8);
    const at = this.length;
    switch (letter) {
      case "y":
        this.#view.setUint8(at, Number(value));
        break;
      case "n":
      case "q":
        this.#view.setUint16(at, Number(value), true);
        break;
      case "i":
      case "u":
      case "h":
        this.#view.setUint32(at, Number(value), true);
        break;
      case "x":
      case "t":
        this.#view.setBigUint64(at, BigInt(value), true);
        break;
      case "d":
        this.#view.setFloat64(at, Number(value), true);
        break;
      default:
        throw new WireError(`no ${letter}: ${value}`);
    }
    this.length += sizeOf(letter);
  }

  /** The length, the text, a NUL that the length does not count. */
  #text(letter: string, value: string): void {
    const bytes = utf8(value);
    if (!"sog".includes(letter) || bytes.includes(0)) throw new WireError(`no ${letter}: ${value}`);
    this.#number(letter === "g" ? "y" : "u", bytes.length);
    this.append(bytes);
    this.#room(1);
    this.#view.setUint8(this.length++, 0);
  }

  #list(type: string, letter: string, values: readonly Value[]): void {
    if (letter !== "a") {
      this.all(type.slice(1, -1), values);
      return;
    }
    const element = type.slice(1);
    const at = this.length;
    this.#number("u", 0);
    this.align(alignment(element[0] ?? ""));
    const start = this.length;
    for (const value of values) this.#one(element, value);
    this.#view.setUint32(at, this.length - start, true);
  }
}

/** Bytes of a number. */
export function sizeOf(letter: string): number {
  if (letter === "y") return 1;
  if (letter === "n" || letter === "q") return 2;
  return "xtd".includes(letter) ? 8 : 4;
}
