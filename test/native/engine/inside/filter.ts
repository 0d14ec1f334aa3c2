/** Compiles filters as the executable does, by tsrun-filter. Argument: a file with a description in hex a line. */
import { main, native, print } from "./host.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

main(() => {
  const call = (name: string, ...args: readonly unknown[]): number => native[name]?.(...args) ?? -1;
  const file = new Uint8Array(8 << 20);
  const length = call("ts_read", new TextEncoder().encode(`${process.argv[2]}\0`), file, file.length);
  const version = new Int32Array(3);
  print(`${call("ts_filter_library", version)} ${version.join(".")}`);
  for (const line of new TextDecoder().decode(file.subarray(0, length)).trimEnd().split("\n")) {
    const description = Uint8Array.from(line.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const [program, failed] = [new Uint8Array(4096 * 8), new Int32Array(3)];
    const room = program.length;
    const answer = call(
      "ts_filter",
      new Uint8Array(1),
      description,
      description.length,
      program,
      room,
      failed,
    );
    print(`${answer} ${failed.join(",")} ${hex(program.subarray(0, Math.max(0, answer)))}`);
  }
});
