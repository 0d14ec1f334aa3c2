/** Bytes as values of D-Bus (D-Bus Specification, "Marshaling"), checked to the last one. Pure. */
import { text } from "./bytes.ts";
import { alignment, DEPTH_MAX, sizeOf, typeEnd, type Value, WireError } from "./dbus-wire.ts";

/** Reads values one after the other; alignment counts from the first byte. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  at = 0;

  constructor(bytes: Uint8Array, little = true) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
  }

  /** Reads the values of a signature. @throws WireError */
  all(signature: string, depth = 0): Value[] {
    const values: Value[] = [];
    for (let at = 0; at < signature.length; ) {
      const end = typeEnd(signature, at, depth);
      values.push(this.#one(signature.slice(at, end), depth));
      at = end;
    }
    return values;
  }

  /** Skips the zeros up to a multiple of `to`. */
  align(to: number): void {
    const end = Math.ceil(this.at / to) * to;
    while (this.at < end) if (this.#number("y") !== 0) throw new WireError("padding is not zero");
  }

  #one(type: string, depth: number): Value {
    if (depth > DEPTH_MAX) throw new WireError("too deep");
    const letter = type[0] ?? "";
    this.align(alignment(letter));
    switch (letter) {
      case "b":
        return this.#bool();
      case "s":
      case "o":
      case "g":
        return this.#text(letter);
      case "v": {
        const inner = this.#text("g");
        if (typeEnd(inner, 0) !== inner.length) throw new WireError("a variant of several values");
        return { type: inner, value: this.#one(inner, depth + 1) };
      }
      case "a":
        return this.#array(type.slice(1), depth + 1);
      case "(":
      case "{":
        return this.all(type.slice(1, -1), depth + 1);
      default:
        return this.#number(letter);
    }
  }

  #bool(): boolean {
    const value = this.#number("u");
    if (value !== 0 && value !== 1) throw new WireError(`no boolean: ${value}`);
    return value === 1;
  }

  #number(letter: string): number | bigint {
    const at = this.#take(sizeOf(letter));
    const little = this.#little;
    switch (letter) {
      case "y":
        return this.#view.getUint8(at);
      case "n":
        return this.#view.getInt16(at, little);
      case "q":
        return this.#view.getUint16(at, little);
      case "i":
        return this.#view.getInt32(at, little);
      case "x":
        return this.#view.getBigInt64(at, little);
      case "t":
        return this.#view.getBigUint64(at, little);
      case "d":
        return this.#view.getFloat64(at, little);
      default:
        return this.#view.getUint32(at, little);
    }
  }

  #take(count: number): number {
    const at = this.at;
    if (at + count > this.#bytes.length) throw new WireError("a value goes past the end");
    this.at += count;
    return at;
  }

  #text(letter: string): string {
    const length = Number(this.#number(letter === "g" ? "y" : "u"));
    const at = this.#take(length + 1);
    if (this.#bytes[at + length] !== 0) throw new WireError("a text without its NUL");
    return text(this.#bytes.subarray(at, at + length));
  }

  #array(element: string, depth: number): Value[] {
    const length = Number(this.#number("u"));
    this.align(alignment(element[0] ?? ""));
    const end = this.at + length;
    if (end > this.#bytes.length) throw new WireError("an array goes past the end");
    const values: Value[] = [];
    while (this.at < end) values.push(this.#one(element, depth));
    if (this.at !== end) throw new WireError("an array ends inside an element");
    return values;
  }
}
