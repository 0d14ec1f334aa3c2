/** A heap as a segment of an ELF file (elf(5)). */
import t from "tap";
import { withHeap } from "../../../scripts/executable.ts";

const HEAP_ADDRESS = 0x800000000n;
const [LOAD, NOTE] = [1, 4];
const HEADER = 64;
const SEGMENT = 56;

interface Segment {
  readonly type: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly inFile: bigint;
  readonly inMemory: bigint;
  readonly alignment: bigint;
}

/** A file of so many bytes with these segments, whose table is where it is said to be. */
function elf(
  length: number,
  segments: readonly Partial<Segment>[],
  table = HEADER,
  each = SEGMENT,
): Uint8Array {
  const bytes = new Uint8Array(length).map((_, at) => at);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(32, BigInt(table), true);
  view.setUint16(54, each, true);
  view.setUint16(56, segments.length, true);
  for (const [number, segment] of segments.entries()) {
    const at = table + each * number;
    view.setUint32(at, segment.type ?? LOAD, true);
    view.setUint32(at + 4, 6, true);
    const { offset = 0n, address = 0n, inFile = 0n, inMemory = 0n, alignment = 0n } = segment;
    for (const [field, value] of [offset, address, address, inFile, inMemory, alignment].entries())
      view.setBigUint64(at + 8 + 8 * field, value, true);
  }
  return bytes;
}

function segment(bytes: Uint8Array, number: number, table = HEADER, each = SEGMENT): Segment {
  const view = new DataView(bytes.buffer);
  const at = table + each * number;
  const field = (offset: number): bigint => view.getBigUint64(at + offset, true);
  return {
    type: view.getUint32(at, true),
    offset: field(8),
    address: field(16),
    inFile: field(32),
    inMemory: field(40),
    alignment: field(48),
  };
}

const ROOM = 32n << 20n;
const HEAP = { address: HEAP_ADDRESS, inMemory: ROOM };
const CODE = { address: 0x400000n, inFile: 1000n, inMemory: 1000n, alignment: 0x1000n };

t.test("the heap lies behind the file, where any page size maps it", async (t) => {
  const heap = new Uint8Array(70_001).fill(7);
  for (const [length, offset] of [
    [1000, 0x10000],
    [0xffff, 0x10000],
    [0x10000, 0x10000],
    [0x10001, 0x20000],
  ] as const) {
    const program = elf(length, [CODE, { type: NOTE, address: HEAP_ADDRESS }, HEAP]);
    const before = program.slice();
    const all = withHeap(program, heap);
    t.equal(all.length, offset + heap.length, `${length} bytes`);
    t.strictSame(segment(all, 2), {
      type: LOAD,
      offset: BigInt(offset),
      address: HEAP_ADDRESS,
      inFile: BigInt(heap.length),
      inMemory: ROOM,
      alignment: 0x10000n,
    });
    t.ok(Buffer.from(all.subarray(offset)).equals(Buffer.from(heap)), "the heap");
    t.ok(
      all.subarray(length, offset).every((byte) => byte === 0),
      "nothing before it",
    );
    // All else is as it was.
    const table = HEADER + 2 * SEGMENT;
    t.ok(Buffer.from(all.subarray(0, table)).equals(Buffer.from(before.subarray(0, table))));
    const rest = table + SEGMENT;
    t.ok(Buffer.from(all.subarray(rest, length)).equals(Buffer.from(before.subarray(rest))));
    t.strictSame(program, before, "what was given is not changed");
  }
});

t.test("the table is found where the header says", async (t) => {
  const all = withHeap(elf(2000, [CODE, HEAP], 512, 80), new Uint8Array(5));
  t.match(segment(all, 1, 512, 80), { offset: 0x10000n, inFile: 5n, inMemory: ROOM });
  t.match(segment(all, 0, 512, 80), CODE);
});

t.test("an executable that has no place for it", async (t) => {
  const none = { message: "the executable has no segment for the heap" };
  const heap = new Uint8Array(10);
  t.throws(() => withHeap(elf(1000, []), heap), none);
  t.throws(() => withHeap(elf(1000, [CODE]), heap), none);
  t.throws(() => withHeap(elf(1000, [CODE, { ...HEAP, type: NOTE }]), heap), none);
  t.throws(() => withHeap(elf(1000, [{ ...HEAP, address: HEAP_ADDRESS + 1n }]), heap), none);
  const small = elf(1000, [{ ...HEAP, inMemory: 9n }]);
  t.throws(() => withHeap(small, heap), { message: "the heap has 10 bytes, and its segment room for 9" });
  t.equal(segment(withHeap(elf(1000, [{ ...HEAP, inMemory: 10n }]), heap), 0).inFile, 10n);
});
