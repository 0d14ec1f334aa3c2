/**
 * dist/tsrun: the executable with the engine inside (native/engine), to which the heap is given in which tsrun's script has been evaluated.
 * The heap is made by that very executable, since it holds addresses of its functions.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";

/** Where the heap is: native/engine/heap.h. */
const HEAP_ADDRESS = 0x800000000n;

/** Of a page on any machine; where the file's offset and the address agree in it, the kernel maps the file. */
const LARGEST_PAGE = 0x10000;

const PT_LOAD = 1;

/** Makes the heap of a script, and the executable of both. `run` are the words before the executable where it is another machine's. */
export function makeExecutable(
  engine: string,
  script: string,
  heap: string,
  out: string,
  run: readonly string[] = [],
): void {
  const [command = engine, ...args] = [...run, engine, script, heap];
  execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const part = `${out}.part`;
  execFileSync(process.env["STRIP"] ?? "strip", ["-o", part, engine], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  writeFileSync(part, withHeap(readFileSync(part), readFileSync(heap)));
  chmodSync(part, 0o755);
  // A tsrun that runs keeps its own file.
  renameSync(part, out);
}

/** An ELF file (elf(5), 64 bits, little-endian) whose segment at the heap's address gets these bytes. */
export function withHeap(program: Uint8Array, heap: Uint8Array): Uint8Array {
  const offset = Math.ceil(program.length / LARGEST_PAGE) * LARGEST_PAGE;
  const all = new Uint8Array(offset + heap.length);
  all.set(program);
  all.set(heap, offset);
  const view = new DataView(all.buffer);
  const first = Number(view.getBigUint64(32, true));
  const size = view.getUint16(54, true);
  const count = view.getUint16(56, true);
  for (let at = first; at < first + size * count; at += size) {
    if (view.getUint32(at, true) !== PT_LOAD || view.getBigUint64(at + 16, true) !== HEAP_ADDRESS) continue;
    const room = view.getBigUint64(at + 40, true);
    if (BigInt(heap.length) > room)
      throw new Error(`the heap has ${heap.length} bytes, and its segment room for ${room}`);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 32, BigInt(heap.length), true);
    view.setBigUint64(at + 48, BigInt(LARGEST_PAGE), true);
    return all;
  }
  throw new Error("the executable has no segment for the heap");
}
