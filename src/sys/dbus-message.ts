/** Messages of D-Bus (D-Bus Specification, "Message Protocol"). Pure. */
import { Reader } from "./dbus-reader.ts";
import { type Value, type Variant, WireError, Writer } from "./dbus-wire.ts";

/** A call of a method. */
export interface MethodCall {
  /** Whose method; absent on a connection that leads to one program only. */
  readonly destination?: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly args: readonly Value[];
}

/** A message that came. */
export interface Message {
  readonly kind: "call" | "return" | "error" | "signal";
  /** Which call it answers; 0 for none. */
  readonly replySerial: number;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Of an error, such as `org.freedesktop.systemd1.UnitExists`. */
  readonly error: string;
  readonly args: readonly Value[];
}

const KINDS = [undefined, "call", "return", "error", "signal"] as const;

/** Header fields by their code. */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  error: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

/** The fixed part of a header, with the length of the fields. */
export const HEAD = 16;

/** Longer than anything systemd says; the specification allows 128 MiB. */
const MESSAGE_MAX = 16 << 20;

/** The bytes of a call. The name of the program is not asked to be started for it. */
export function encodeCall(call: MethodCall, serial: number): Uint8Array {
  const body = new Writer().all(call.signature, call.args).bytes;
  const fields: Value[] = [];
  const field = (code: number, type: string, value: string): void => {
    fields.push([code, { type, value }]);
  };
  field(FIELD.path, "o", call.path);
  field(FIELD.member, "s", call.member);
  field(FIELD.interface, "s", call.interface);
  if (call.destination !== undefined) field(FIELD.destination, "s", call.destination);
  if (call.signature !== "") field(FIELD.signature, "g", call.signature);
  const NO_AUTO_START = 2;
  const writer = new Writer().all("yyyyuua(yv)", [
    "l".charCodeAt(0),
    1,
    NO_AUTO_START,
    1,
    body.length,
    serial,
    fields,
  ]);
  writer.align(8);
  writer.append(body);
  return writer.bytes;
}

/** How long the message is that begins with these 16 bytes. @throws WireError */
export function messageLength(head: Uint8Array): number {
  const little = isLittle(head);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const fields = view.getUint32(12, little);
  const length = HEAD + Math.ceil(fields / 8) * 8 + view.getUint32(4, little);
  if (length > MESSAGE_MAX) throw new WireError(`a message of ${length} bytes`);
  return length;
}

/** Reads one whole message; `undefined` for a kind that is not known, which is to be ignored. @throws WireError */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  const reader = new Reader(bytes, isLittle(bytes));
  const [, type, , version, bodyLength, , fields] = reader.all("yyyyuua(yv)");
  if (version !== 1 || !Array.isArray(fields))
    throw new WireError(`version ${String(version)} of the protocol`);
  reader.align(8);
  if (reader.at + Number(bodyLength) !== bytes.length) throw new WireError("a body of another length");
  const known = new Map<number, Value>();
  for (const [code, variant] of fields as [number, Variant][]) known.set(code, variant.value);
  const kind = KINDS[Number(type)];
  const args = reader.all(String(known.get(FIELD.signature) ?? ""));
  if (reader.at !== bytes.length) throw new WireError("a body longer than its signature");
  if (kind === undefined) return undefined;
  const word = (code: number): string => String(known.get(code) ?? "");
  return {
    kind,
    replySerial: Number(known.get(FIELD.replySerial) ?? 0),
    path: word(FIELD.path),
    interface: word(FIELD.interface),
    member: word(FIELD.member),
    error: word(FIELD.error),
    args,
  };
}

function isLittle(bytes: Uint8Array): boolean {
  const [order] = bytes;
  if (order === 0x6c) return true;
  if (order === 0x42) return false;
  throw new WireError(`byte order ${String(order)}`);
}
