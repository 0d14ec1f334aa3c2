/**
 * The one interface to native code, and its three hosts: the engine inside the executable, which has the functions itself; bun:ffi
 * where this runs under Bun, koffi under Node. Nothing else in tsrun asks which host it is on.
 */
import { UsageError } from "../error.ts";

/** What a native function takes: `p` a pointer to bytes, `i` a 32-bit integer. All answer a 32-bit integer. */
export type Signature = string;

/** A pointer argument: the bytes it points to. Must not be empty. */
export type Bytes = Uint8Array | Int32Array | BigInt64Array | BigUint64Array;

/** A function of a library. */
export type Native = (...args: readonly (Bytes | number)[]) => number;

/** The name of the shared library, where there is one. */
const LIBRARY = "libtsrun.so";

// Of native/engine/bind.c.
declare const tsrunNative: Readonly<Record<string, Native>> | undefined;

// Of native/engine/host.c.
declare const tsrunHost: { encodePlan(steps: readonly object[]): Uint8Array | undefined } | undefined;

/**
 * What the executable's engine does itself of src/plan/encode.ts: a plan's steps as bytes, or `undefined` where some of it cannot be
 * written. Other hosts have no such function.
 */
export function planEncoder(): ((steps: readonly object[]) => Uint8Array | undefined) | undefined {
  return typeof tsrunHost === "undefined" ? undefined : tsrunHost.encodePlan;
}

/** Opens the native library: its functions by name. @param folder tells where it is, where it has to be found */
export function open<Name extends string>(
  folder: () => string,
  signatures: Readonly<Record<Name, Signature>>,
): Readonly<Record<Name, Native>> {
  if (typeof tsrunNative !== "undefined") return tsrunNative;
  const path = `${folder()}/${LIBRARY}`;
  const bind = "Bun" in globalThis ? openInBun(path) : openInNode(path);
  // A call uses a dozen of the functions, and binding all of them would take it a tenth of its start.
  return new Proxy({} as Record<Name, Native>, {
    get(bound, name: Name) {
      bound[name] ??= bind(name, signatures[name]);
      return bound[name];
    },
  });
}

/** Finds a function of a shared library. */
type Binder = (name: string, signature: Signature) => Native;

interface BunFFI {
  dlopen(
    path: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ): { symbols: Record<string, Native> };
}

function openInBun(path: string): Binder {
  const ffi = require("bun:ffi") as BunFFI;
  return (name, signature) => {
    const args: string[] = [];
    for (const letter of signature) args.push(letter === "p" ? "ptr" : "i32");
    const { symbols } = ffi.dlopen(path, { [name]: { args, returns: "i32" } });
    return symbols[name] as Native;
  };
}

/** @throws UsageError with the first line of what kept it from being loaded: the others are for who maintains the loader */
function orRefuse<Value>(what: string, hint: string, load: () => Value): Value {
  try {
    return load();
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new UsageError(`cannot load ${what}: ${reason}`, { hint });
  }
}

interface Koffi {
  load(path: string): { func(name: string, result: string, args: string[]): Native };
}

function openInNode(path: string): Binder {
  const { createRequire } = process.getBuiltinModule("node:module");
  const koffi = orRefuse(
    "koffi, by which Node calls native functions",
    "npm install koffi, in the folder of tsrun.js or above it",
    () => createRequire(import.meta.url)("koffi") as Koffi,
  );
  const library = orRefuse(path, "npm run build makes it; tsrun.js needs it beside itself", () =>
    koffi.load(path),
  );
  return (name, signature) => {
    const args: string[] = [];
    for (const letter of signature) args.push(letter === "p" ? "void *" : "int");
    return library.func(name, "int", args);
  };
}
