/**
 * What Node and Bun give beside the language, for the engine inside the executable (native/engine): as much of it as the command
 * uses. What is here behaves as there; what is not here does not exist. Imported before all else, and nowhere but by the executable.
 */

/** The C side: native/engine/host.c. */
interface Host {
  /** `TextEncoder.prototype.encode` */
  encode(text?: string): Uint8Array;
  /** `TextDecoder.prototype.decode` */
  decode(bytes?: Uint8Array): string;
  /** How deep brackets are nested in a JSON text; -1 where the engine's parser would let through what is no JSON. */
  nesting(json: string): number;
  /** Milliseconds since boot. */
  now(): number;
  /** The current folder; `""` where it has been deleted. */
  cwd(): string;
  /** The environment, made anew by each call. */
  environment(): NodeJS.ProcessEnv;
}

declare const tsrunHost: Host;

/** `TextEncoder` of the Encoding Standard. */
class Encoder {
  readonly encoding = "utf-8";
  declare readonly encode: Host["encode"];

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    const bytes = this.encode(text);
    if (bytes.length <= target.length) {
      target.set(bytes);
      return { read: text.length, written: bytes.length };
    }
    // As many characters as have room whole.
    let read = 0;
    let written = 0;
    for (const letter of text) {
      const code = letter.codePointAt(0) ?? 0;
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (written + size > target.length) break;
      read += letter.length;
      written += size;
    }
    target.set(bytes.subarray(0, written));
    return { read, written };
  }
}

/** `TextDecoder` of the Encoding Standard: UTF-8, malformed sequences replaced. */
class Decoder {
  readonly encoding = "utf-8";
  readonly fatal = false;
  readonly ignoreBOM = false;
  declare readonly decode: Host["decode"];

  constructor(label = "utf-8", options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean }) {
    if (!/^utf-?8$/i.test(label) || options?.fatal === true || options?.ignoreBOM === true)
      throw new RangeError(`the executable decodes UTF-8 only, not ${label} or with these options`);
  }
}

Object.assign(Encoder.prototype, { encode: tsrunHost.encode });
Object.assign(Decoder.prototype, { decode: tsrunHost.decode });

interface Timer {
  readonly id: number;
  /** As `tsrunHost.now` has it. */
  readonly due: number;
  readonly call: () => void;
}

/** Those that are not due yet, the next one first. */
const waiting: Timer[] = [];
let lastTimer = 0;

/** A time that is none, or longer than a timer has it, is the shortest one, as in Node. */
const LONGEST = 2 ** 31 - 1;

function setTimer(call: (...args: readonly unknown[]) => void, ms = 0, ...args: readonly unknown[]): number {
  lastTimer++;
  const due = tsrunHost.now() + (ms >= 1 && ms <= LONGEST ? ms : 1);
  const timer = { id: lastTimer, due, call: () => Reflect.apply(call, undefined, args) };
  const at = waiting.findIndex(({ due }) => due > timer.due);
  waiting.splice(at < 0 ? waiting.length : at, 0, timer);
  return timer.id;
}

function clearTimer(id: number | undefined): void {
  const at = waiting.findIndex((timer) => timer.id === id);
  if (at >= 0) waiting.splice(at, 1);
}

/** Runs the first timer where it is due. @returns milliseconds until the next one is; -1 where there is none */
function runTimers(): number {
  const [first] = waiting;
  if (first === undefined) return -1;
  const wait = first.due - tsrunHost.now();
  if (wait > 0) return wait;
  waiting.shift();
  first.call();
  // What it has queued comes before another timer.
  return 0;
}

function cwd(): string {
  const path = tsrunHost.cwd();
  if (path !== "") return path;
  const error: NodeJS.ErrnoException = new Error("ENOENT: no such file or directory, getcwd");
  error.code = "ENOENT";
  error.syscall = "getcwd";
  throw error;
}

/** `process`, of which argv, execPath and pid are set in each call. */
const thisProcess = {
  argv: [],
  execPath: "",
  pid: 0,
  cwd,
  get env(): NodeJS.ProcessEnv {
    const value = tsrunHost.environment();
    Object.defineProperty(thisProcess, "env", { value });
    return value;
  },
};

/** The engine's parser calls itself for each level, and does not look at where the stack ends; and it takes more for JSON than is. */
const DEEPEST_JSON = 2000;
const parseShallow = JSON.parse;

function parseJson(text: string, reviver?: Parameters<typeof JSON.parse>[1]): unknown {
  const depth = tsrunHost.nesting(text);
  if (depth < 0) throw new SyntaxError("the JSON text has an escape or a number that is none of JSON's");
  if (depth > DEEPEST_JSON)
    throw new SyntaxError(`the JSON text is nested deeper than ${DEEPEST_JSON} levels`);
  return parseShallow(text, reviver);
}

/** The engine's own one gives negative numbers where the 64th bit, or any after it, is set. */
function asUintN(bits: number, value: bigint): bigint {
  return value & ((1n << BigInt(bits)) - 1n);
}

const bigToString = BigInt.prototype.toString;

/** The engine's own one begins with a zero in some cases where the base is a power of two. */
function bigToText(this: bigint, base?: number): string {
  return bigToString.call(this, base).replace(/^(-?)0+(?=.)/, "$1");
}

let began = 0;

JSON.parse = parseJson;
Object.assign(BigInt, { asUintN });
Object.assign(BigInt.prototype, { toString: bigToText });

Object.assign(globalThis, {
  TextEncoder: Encoder,
  TextDecoder: Decoder,
  process: thisProcess,
  performance: { now: () => tsrunHost.now() - began },
  setTimeout: setTimer,
  clearTimeout: clearTimer,
  queueMicrotask: (call: () => void): void => void Promise.resolve().then(call),
  timers: runTimers,
});

/** Makes every function of the language now that the engine would make when it is first used: that is not to be paid in each call. */
function warm(): void {
  const known = new Set<object>();
  const look = (value: unknown): void => {
    if (value === null || (typeof value !== "object" && typeof value !== "function") || known.has(value))
      return;
    known.add(value);
    for (const key of Reflect.ownKeys(value)) {
      const { value: held, get, set } = Reflect.getOwnPropertyDescriptor(value, key) ?? {};
      for (const each of [held, get, set]) look(each);
    }
    look(Object.getPrototypeOf(value));
  };
  look(globalThis);
  for (const each of [
    [].values(),
    new Map().values(),
    new Set().values(),
    "".matchAll(/a/g),
    ""[Symbol.iterator](),
  ])
    look(each);
}

warm();

/** A call of the command begins. */
export function begin(): void {
  began = tsrunHost.now();
}
