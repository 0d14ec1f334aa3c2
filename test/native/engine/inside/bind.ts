/**
 * Calls the driver's native functions with arguments of every kind: either C is given exactly what JavaScript had, or a TypeError
 * is thrown and C is not called. Arguments: SEED COUNT. Prints how many calls of either kind there were.
 */
import { main, native, print } from "./host.ts";
import { randomFrom } from "./random.ts";

declare function received(...lengths: readonly number[]): readonly (number | ArrayBuffer)[] | null;
declare function detach(buffer: ArrayBufferLike): void;
declare function making(is: boolean): void;

/** Of the functions in engine-drive.c, written once more. */
const PARAMETERS: Readonly<Record<string, string>> = {
  none: "",
  number: "i",
  bytes: "p",
  both: "pi",
  three: "iii",
  four: "pppp",
  five: "ipipi",
  six: "pipipi",
  seven: "iippiip",
  eight: "pppiiipi",
  nine: "iiiiippip",
  ten: "pppppiiiii",
  eleven: "ippippippip",
  twelve: "ppipippiipip",
};

const ANSWERS: Readonly<Record<string, number>> = {
  none: 0,
  number: 1,
  bytes: -1,
  both: 0x7fffffff,
  three: -0x80000000,
};

const KINDS = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  class Derived extends Uint8Array {
    override get byteLength(): number {
      return 1e6;
    }
    override get length(): number {
      return 1e6;
    }
  },
];

const EDGES = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, -1.999, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 0.5, 2 ** 32 - 1, 2 ** 32 - 0.5],
  ...[
    2 ** 32,
    2 ** 32 + 1,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    -(2 ** 31),
    -(2 ** 31) - 0.5,
    -(2 ** 31) - 1,
    -(2 ** 32),
  ],
  ...[-(2 ** 63), NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE],
];

let random = randomFrom(1);

/** A view of a buffer of just the size it needs, or of its end, with bytes by chance. */
function view(): ArrayBufferView {
  const Kind = KINDS[random(KINDS.length)] ?? Uint8Array;
  const each = Kind.BYTES_PER_ELEMENT;
  const before = random(3) === 0 ? each * random(5) : 0;
  const length = random(8) === 0 ? 0 : random(40) + 1;
  const buffer = new ArrayBuffer(before + each * length);
  const bytes = new Uint8Array(buffer);
  for (let at = 0; at < bytes.length; at++) bytes[at] = random(256);
  const whole = new Kind(buffer);
  const made = random(2) === 0 ? new Kind(buffer, before) : whole.subarray(random(whole.length + 1));
  if (random(20) === 0) detach(buffer);
  return made;
}

function anyNumber(): number {
  switch (random(5)) {
    case 0:
      return EDGES[random(EDGES.length)] ?? 0;
    case 1:
      return new Float64Array(new Uint32Array([random(2 ** 32), random(2 ** 32)]).buffer)[0] ?? 0;
    case 2:
      return random(2 ** 32) - 2 ** 31;
    case 3:
      return (random(2 ** 32) - 2 ** 31) * 4 + random(100) / 100;
    default:
      return random(1000);
  }
}

const called = (): never => {
  throw new Error("code of an argument was called");
};

/** Neither a number nor bytes. */
const OTHERS: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => false,
  () => "",
  () => "7",
  () => "some text, longer than any buffer here",
  () => 7n,
  () => 2n ** 80n,
  () => Symbol("s"),
  () => [1, 2, 3],
  () => ({ length: 3, 0: 1, byteLength: 3, byteOffset: 0, buffer: new ArrayBuffer(3) }),
  () => ({ valueOf: called, toString: called, [Symbol.toPrimitive]: called }),
  () => new Number(7),
  () => called,
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new Proxy(new Uint8Array(8), { get: called, getPrototypeOf: called }),
  () => Object.create(new Uint8Array(8)),
  () => Object.setPrototypeOf({}, Uint8Array.prototype),
  () => new Date(0),
  () => /x/,
  () => new Map(),
];

const arrays = Object.getPrototypeOf(Uint8Array.prototype) as object;
const byteLength = Object.getOwnPropertyDescriptor(arrays, "byteLength")?.get;
const byteOffset = Object.getOwnPropertyDescriptor(arrays, "byteOffset")?.get;
const bufferOf = Object.getOwnPropertyDescriptor(arrays, "buffer")?.get;

/** The bytes that a native function is to get of it; `undefined` where it is none, or has none. */
function bytesOf(value: unknown): Uint8Array | undefined {
  try {
    const length = byteLength?.call(value) as number;
    if (length === 0) return undefined;
    const view = new DataView(
      bufferOf?.call(value) as ArrayBuffer,
      byteOffset?.call(value) as number,
      length,
    );
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at++) bytes[at] = view.getUint8(at);
    return bytes;
  } catch {
    return undefined;
  }
}

/** What C is to get of it as a number of 32 bits; a fraction is cut off, as Node's and Bun's interfaces do. */
function numberOf(value: unknown): number | undefined {
  if (typeof value !== "number") return undefined;
  const whole = Math.trunc(value);
  return whole >= -(2 ** 31) && whole < 2 ** 32 ? Number(BigInt.asIntN(32, BigInt(whole))) : undefined;
}

function argument(kind: string): unknown {
  // Mostly what is right, or no call with many would ever be.
  const chance = random(40);
  if (chance === 0) return OTHERS[random(OTHERS.length)]?.();
  if (chance === 1) return kind === "i" ? view() : anyNumber();
  if (kind === "i") return chance < 10 ? anyNumber() : random(2 ** 31);
  return chance < 6 ? view() : new Uint8Array(random(20) + 1).fill(random(256));
}

function same(got: number | ArrayBuffer, wanted: number | Uint8Array): boolean {
  if (typeof got === "number" || typeof wanted === "number") return Object.is(got, wanted);
  const bytes = new Uint8Array(got);
  return bytes.length === wanted.length && wanted.every((byte, at) => byte === bytes[at]);
}

function fail(name: string, args: readonly unknown[], what: string): never {
  throw new Error(`${name}(${args.map((arg) => `${typeof arg} ${kindOf(arg)}`).join(", ")}): ${what}`);
}

function kindOf(value: unknown): string {
  if (typeof value === "number") return String(value);
  return `${Object.prototype.toString.call(value)} of ${bytesOf(value)?.length} bytes`;
}

/** Whether it reached C. */
function tryCall(name: string, parameters: string, args: readonly unknown[]): boolean {
  const wanted = args.map((arg, at) => (parameters[at] === "p" ? bytesOf(arg) : numberOf(arg)));
  const isRight = args.length === parameters.length && !wanted.includes(undefined);
  let answer: number;
  try {
    answer = native[name]?.(...args) ?? 0;
  } catch (error) {
    if (isRight) fail(name, args, `is refused: ${String(error)}`);
    if (!(error instanceof TypeError) || error.message === "") fail(name, args, `threw ${String(error)}`);
    if (received() !== null) fail(name, args, "threw, and C was called");
    return false;
  }
  if (!isRight) fail(name, args, "is not refused");
  const got = received(...wanted.map((each) => (typeof each === "object" ? each.length : 0)));
  if (got?.length !== wanted.length) fail(name, args, `C was given ${got?.length} arguments`);
  for (const [at, each] of got.entries())
    if (!same(each, wanted[at] ?? 0)) fail(name, args, `argument ${at} is another in C: ${String(each)}`);
  if (answer !== (ANSWERS[name] ?? args.length)) fail(name, args, `answers ${answer}`);
  return true;
}

function each(name: string, parameters: string): boolean {
  const args = [...parameters].map(argument);
  const chance = random(30);
  if (chance === 0) args.length = random(args.length + 1);
  if (chance === 1) args.push(argument("i"));
  return tryCall(name, parameters, args);
}

main(() => {
  const [seed = 1, count = 0] = process.argv.slice(2).map(Number);
  random = randomFrom(seed);
  const names = Object.keys(PARAMETERS);
  const there = Object.keys(native).filter((name) => name !== "ts_write");
  if (there.join() !== names.join()) throw new Error(`the functions are ${there.join()}`);
  // Each value once where it is right, and where it is not.
  for (const value of [...EDGES, ...OTHERS.map((make) => make()), ...KINDS.map((Kind) => new Kind(3))]) {
    tryCall("number", "i", [value]);
    tryCall("bytes", "p", [value]);
    tryCall("none", "", [value]);
  }
  let reached = 0;
  for (let round = 0; round < count; round++) {
    const name = names[random(names.length)] ?? "";
    if (each(name, PARAMETERS[name] ?? "")) reached++;
  }
  making(true);
  for (const name of names) {
    try {
      native[name]?.();
      throw new Error(`${name} is called while the heap is made`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  making(false);
  print(`${reached} calls, ${count - reached} refused`);
});
