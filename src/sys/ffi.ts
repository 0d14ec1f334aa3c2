/**
 * The one interface to native code, and its two hosts: bun:ffi where this runs under Bun, koffi under Node. Nothing else
 * in tsrun asks which host it is on.
 */

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

interface BunFFI {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, Native> };
}

function openInBun<Name extends string>(
  path: string,
  signatures: Readonly<Record<Name, Signature>>,
): Record<Name, Native> {
  const { dlopen } = require("bun:ffi") as BunFFI;
  const symbols: Record<string, { args: string[]; returns: string }> = {};
  for (const name in signatures) {
    const args: string[] = [];
    for (const letter of signatures[name]) args.push(letter === "p" ? "ptr" : "i32");
    symbols[name] = { args, returns: "i32" };
  }
  return dlopen(path, symbols).symbols as Record<Name, Native>;
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
