/**
 * A plan as bytes, by the tables that were made from native/plan.h: one writer for every operation, so that a new field
 * needs no code here. Numbers are in the machine's own order, since a plan never leaves the machine.
 */
import { BundleError, type Pointer } from "../error.ts";
import { PLAN } from "../sys/constants.gen.ts";
import type { Op, Plan } from "./ops.ts";

/** The value of an operation's field, as its kind in plan.h has it. */
type FieldValue = string | number | bigint | readonly string[] | readonly bigint[] | Uint8Array | undefined;

/** The bytes so far. Everything in a plan starts at a multiple of 4, so that numbers are written as whole words. */
interface Writer {
  bytes: Uint8Array<ArrayBuffer>;
  words: Uint32Array<ArrayBuffer>;
  /** Bytes in use, always a multiple of 4. */
  used: number;
  /** Whom to blame for what is being written. */
  pointer: Pointer;
}

const HEADER_BYTES = 16;

/**
 * Encodes a plan for tsrun-init.
 * @throws BundleError `limit` where the plan would go beyond what tsrun-init reads, `format` for a NUL in a string; the
 * pointer names what was too much.
 */
export function encode(plan: Plan): Uint8Array {
  const buffer = new ArrayBuffer(16384);
  const writer: Writer = {
    bytes: new Uint8Array(buffer),
    words: new Uint32Array(buffer),
    used: HEADER_BYTES,
    pointer: "",
  };
  if (plan.steps.length > PLAN.maxOps) {
    const pointer = plan.steps[PLAN.maxOps]?.pointer ?? "";
    throw new BundleError(
      "limit",
      pointer,
      `the container takes more than ${PLAN.maxOps} operations to set up`,
    );
  }
  for (const { op, pointer } of plan.steps) {
    writer.pointer = pointer ?? "";
    writeOp(writer, op);
  }
  const { words, bytes, used } = writer;
  words[0] = PLAN.magic;
  words[1] = PLAN.version;
  words[2] = used;
  words[3] = plan.steps.length;
  return bytes.subarray(0, used);
}

function writeOp(writer: Writer, op: Op): void {
  const { code, fields } = PLAN.ops[op.op];
  const start = writer.used;
  reserve(writer, 8);
  writer.used += 8;
  const values = op as unknown as Readonly<Record<string, FieldValue>>;
  for (const [name, kind] of fields) {
    const value = values[name];
    if (kind === "U32" && typeof value === "number") writeWord(writer, value, name);
    else if (kind === "U64" && typeof value === "bigint") writeLong(writer, value);
    else if (kind === "STR" && typeof value === "string") writeString(writer, value);
    else if (kind === "STRS" && Array.isArray(value)) writeStrings(writer, value);
    else if (kind === "U64S" && Array.isArray(value)) writeLongs(writer, value);
    else if (kind === "BYTES" && value instanceof Uint8Array) writeBytes(writer, value);
    else throw new TypeError(`${op.op}.${name} is not of kind ${kind}`);
  }
  writer.words[start / 4] = code;
  writer.words[start / 4 + 1] = writer.used - start - 8;
}

/** Makes room for more bytes. */
function reserve(writer: Writer, more: number): void {
  const needed = writer.used + more;
  if (needed <= writer.bytes.length) return;
  if (needed > PLAN.maxBytes + 4 * PLAN.maxString) tooLarge(writer);
  const buffer = new ArrayBuffer(Math.max(needed + 3 - ((needed + 3) % 4), writer.bytes.length * 2));
  const bytes = new Uint8Array(buffer);
  bytes.set(writer.bytes.subarray(0, writer.used));
  writer.bytes = bytes;
  writer.words = new Uint32Array(buffer);
}

function tooLarge(writer: Writer): never {
  throw new BundleError(
    "limit",
    writer.pointer,
    `the container's plan is larger than ${PLAN.maxBytes} bytes`,
  );
}

function writeWord(writer: Writer, value: number, name: string): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new BundleError("limit", writer.pointer, `${name} ${value} does not fit into 32 bits`);
  }
  reserve(writer, 4);
  writer.words[writer.used / 4] = value;
  writer.used += 4;
}

function writeLong(writer: Writer, value: bigint): void {
  reserve(writer, 8);
  const at = writer.used / 4;
  writer.words[at] = Number(value & 0xffffffffn);
  writer.words[at + 1] = value >= 0n && value <= 0xffffffffn ? 0 : Number((value >> 32n) & 0xffffffffn);
  writer.used += 8;
}

function writeLongs(writer: Writer, values: readonly bigint[]): void {
  writeWord(writer, values.length, "count");
  for (const value of values) writeLong(writer, value);
}

function writeBytes(writer: Writer, value: Uint8Array): void {
  writeWord(writer, value.length, "length");
  if (value.length > PLAN.maxBytes) tooLarge(writer);
  const padded = (value.length + 3) & ~3;
  reserve(writer, padded);
  writer.bytes.set(value, writer.used);
  writer.bytes.fill(0, writer.used + value.length, writer.used + padded);
  writer.used += padded;
  if (writer.used > PLAN.maxBytes) tooLarge(writer);
}

function writeStrings(writer: Writer, values: readonly string[]): void {
  writeWord(writer, values.length, "count");
  for (const value of values) writeString(writer, value);
}

function writeString(writer: Writer, value: string): void {
  // UTF-8 has at most three bytes for each of JavaScript's units; then the length, the NUL, the padding.
  if (value.length > PLAN.maxString) tooLong(writer);
  reserve(writer, value.length * 3 + 8);
  const start = writer.used + 4;
  const length = writeText(writer, value, start);
  if (length > PLAN.maxString) tooLong(writer);
  const padded = (length + 4) & ~3;
  writer.bytes.fill(0, start + length, start + padded);
  writer.words[writer.used / 4] = length;
  writer.used = start + padded;
  if (writer.used > PLAN.maxBytes) tooLarge(writer);
}

function tooLong(writer: Writer): never {
  throw new BundleError("limit", writer.pointer, `a text of more than ${PLAN.maxString} bytes`);
}

const encoder = new TextEncoder();

/** Writes UTF-8 without a NUL; answers its length in bytes. */
function writeText(writer: Writer, value: string, start: number): number {
  if (value.includes("\0")) {
    throw new BundleError("format", writer.pointer, "a text holds a NUL character, where C ends");
  }
  return encoder.encodeInto(value, writer.bytes.subarray(start)).written;
}
