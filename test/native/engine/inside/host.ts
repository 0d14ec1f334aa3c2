/** What the scripts here have inside the engine: the globals of src/engine/globals.ts, and the native functions. */
import "../../../../src/engine/globals.ts";

/** What a native function of the driver takes here: anything, to see what comes of it. */
export type AnyNative = (...args: readonly unknown[]) => number;

declare const tsrunNative: Readonly<Record<string, AnyNative>>;

/** The native functions. */
export const native = tsrunNative;

/** Writes a line to standard output. */
export function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length; at += 1 << 16) {
    const part = bytes.subarray(at, at + (1 << 16));
    if (native["ts_write"]?.(1, part, part.length) !== part.length) throw new Error("cannot write");
  }
}

/** Has the script started by the engine, when its heap is executed. */
export function main(start: () => void): void {
  Object.assign(globalThis, { start });
}
