/** As much of the protobuf wire format as criu's RPC needs: numbers, texts and messages in messages; no packed lists. */
import { text, utf8 } from "../../sys/bytes.ts";

/** A field's value: a number or switch (varint), a text, or a message. Lists are given as one field an element. */
export type Value = number | boolean | string | Message;

/** A message to be written: field numbers with their values, in the order in which they are to stand. */
export type Message = readonly (readonly [field: number, value: Value | undefined])[];

const VARINT = 0;
const LENGTH = 2;

/** The bytes of a message; fields that are `undefined` are left out. */
export function encodeMessage(message: Message): Uint8Array {
  const out: number[] = [];
  for (const [field, value] of message) {
    if (value === undefined) continue;
    if (typeof value === "number" || typeof value === "boolean") {
      varint(out, field * 8 + VARINT);
      varint(out, Number(value));
      continue;
    }
    const bytes = typeof value === "string" ? utf8(value) : encodeMessage(value);
    varint(out, field * 8 + LENGTH);
    varint(out, bytes.length);
    for (const byte of bytes) out.push(byte);
  }
  return Uint8Array.from(out);
}

/** Seven bits a byte, the lowest first; a negative int32 is extended to 64 bits. */
function varint(out: number[], value: number): void {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
}

/** A message that came: the last value of each field, which is what counts for a field that is no list. */
export class Fields {
  readonly #numbers = new Map<number, bigint>();
  readonly #bytes = new Map<number, Uint8Array>();

  /** @throws RangeError where the bytes are no message */
  constructor(bytes: Uint8Array) {
    let at = 0;
    const next = (): bigint => {
      let value = 0n;
      for (let shift = 0n; shift < 70n; shift += 7n) {
        const byte = bytes[at++];
        if (byte === undefined) break;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
      throw new RangeError("a number is cut off");
    };
    while (at < bytes.length) {
      const key = next();
      const field = Number(key >> 3n);
      const wire = Number(key & 7n);
      if (wire === VARINT) {
        this.#numbers.set(field, next());
      } else if (wire === LENGTH) {
        const length = Number(next());
        if (length > bytes.length - at) throw new RangeError("a field is cut off");
        this.#bytes.set(field, bytes.subarray(at, at + length));
        at += length;
      } else {
        // No field of criu's messages is of these types.
        at += wire === 1 ? 8 : wire === 5 ? 4 : bytes.length + 1;
        if (at > bytes.length) throw new RangeError(`wire type ${wire}`);
      }
    }
  }

  /** An int32, a bool or an enum. */
  number(field: number): number | undefined {
    const value = this.#numbers.get(field);
    return value === undefined ? undefined : Number(BigInt.asIntN(32, value));
  }

  text(field: number): string | undefined {
    const bytes = this.#bytes.get(field);
    return bytes === undefined ? undefined : text(bytes);
  }

  /** @throws RangeError */
  message(field: number): Fields | undefined {
    const bytes = this.#bytes.get(field);
    return bytes === undefined ? undefined : new Fields(bytes);
  }
}
