/**
 * The one interface to native code, and its two hosts: bun:ffi where this runs under Bun, koffi under Node. Nothing else
 * in tsrun asks which host it is on.
 */

import { isCompiled } from "./place.ts";

/** What a native function takes: `p` a pointer to bytes, `i` a 32-bit integer. All answer a 32-bit integer. */
export type Signature = string;

/** A pointer argument: the bytes it points to. Must not be empty. */
export type Bytes = Uint8Array | Int32Array | BigInt64Array | BigUint64Array;

/** A function of a library. */
export type Native = (...args: readonly (Bytes | number)[]) => number;

/** Finds a function of a shared library. */
export type Binder = (name: string, signature: Signature) => Native;

/** Opens a shared library; each of its functions is bound for itself, for that takes a while. */
export function open(path: string): Binder {
  return "Bun" in globalThis ? openInBun(path) : openInNode(path);
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
function openInBun(path: string): Binder {
  const inside = (globalThis as unknown as { Bun: { FFI?: BunFFI } }).Bun.FFI;
  const direct = isCompiled() && inside !== undefined;
  const ffi = direct ? inside : (require("bun:ffi") as BunFFI);
  return (name, signature) => {
    const args: (string | number)[] = [];
    for (const letter of signature) {
      args.push(letter === "p" ? (direct ? PTR : "ptr") : direct ? I32 : "i32");
    }
    const { symbols } = ffi.dlopen(path, { [name]: { args, returns: direct ? I32 : "i32" } });
    return symbols[name] as Native;
  };
}

interface Koffi {
  load(path: string): { func(name: string, result: string, args: string[]): Native };
}

function openInNode(path: string): Binder {
  const { createRequire } = process.getBuiltinModule("node:module");
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const library = koffi.load(path);
  return (name, signature) => {
    const args: string[] = [];
    for (const letter of signature) args.push(letter === "p" ? "void *" : "int");
    return library.func(name, "int", args);
  };
}
