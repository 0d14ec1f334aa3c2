/**
 * The one interface to native code, and its two hosts: bun:ffi where this runs under Bun, koffi under Node. Nothing else
 * in tsrun asks which host it is on.
 */

import { isCompiled } from "./place.ts";

/** What a native function takes: `p` a pointer to bytes, `i` a 32-bit integer. All answer a 32-bit integer. */
export type Signature = string;

/** A pointer argument: the bytes it points to. Must not be empty. */
export type Bytes = Uint8Array | Int32Array | BigInt64Array | BigUint64Array;

type Native = (...args: readonly (Bytes | number)[]) => number;

/** Opens a shared library and gives its functions, as named in `signatures`. */
export function open<Name extends string>(
  path: string,
  signatures: Readonly<Record<Name, Signature>>,
): Readonly<Record<Name, Native>> {
  return "Bun" in globalThis ? openInBun(path, signatures) : openInNode(path, signatures);
}

/** A function's types: by name for the module bun:ffi, by number for what it is made of. */
type BunTypes = Record<string, { args: readonly (string | number)[]; returns: string | number }>;

interface BunFFI {
  dlopen(path: string, symbols: BunTypes): { symbols: Record<string, Native> };
}

// FFIType.i32 and FFIType.ptr of bun:ffi.
const I32 = 5;
const PTR = 12;

/**
 * bun:ffi is a module around `Bun.FFI`, and loading it takes 0.2 ms of a process that lives for 5. The compiled
 * executable, whose Bun is known, goes without it; under any other Bun the documented module is used.
 */
function openInBun<Name extends string>(
  path: string,
  signatures: Readonly<Record<Name, Signature>>,
): Record<Name, Native> {
  const inside = (globalThis as unknown as { Bun: { FFI?: BunFFI } }).Bun.FFI;
  const direct = isCompiled() && inside !== undefined;
  const ffi = direct ? inside : (require("bun:ffi") as BunFFI);
  const symbols: BunTypes = {};
  for (const name in signatures) {
    const args: (string | number)[] = [];
    for (const letter of signatures[name]) {
      args.push(letter === "p" ? (direct ? PTR : "ptr") : direct ? I32 : "i32");
    }
    symbols[name] = { args, returns: direct ? I32 : "i32" };
  }
  return ffi.dlopen(path, symbols).symbols as Record<Name, Native>;
}

interface Koffi {
  load(path: string): { func(name: string, result: string, args: string[]): Native };
}

function openInNode<Name extends string>(
  path: string,
  signatures: Readonly<Record<Name, Signature>>,
): Record<Name, Native> {
  const { createRequire } = process.getBuiltinModule("node:module");
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const library = koffi.load(path);
  const functions: Partial<Record<Name, Native>> = {};
  for (const name in signatures) {
    const args: string[] = [];
    for (const letter of signatures[name]) args.push(letter === "p" ? "void *" : "int");
    functions[name] = library.func(name, "int", args);
  }
  return functions as Record<Name, Native>;
}
