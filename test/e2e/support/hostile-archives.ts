/** Archives that take little room and ask for much: each part within its own bound, and many of them. */
import { type Entry, entryOf, recordOf } from "./tar.ts";

const MIB = 1_000_000;
/** Of each kind as many as fill some hundred MiB. */
const MANY = 300;

const times = (count: number, make: (index: number) => Entry | Buffer): readonly Buffer[] =>
  Array.from({ length: count }, (_, index) => {
    const made = make(index);
    return Buffer.isBuffer(made) ? made : entryOf(made);
  });

/** A header about the entry that follows, or about all. */
function extra(type: string, key: string, value = "v".repeat(MIB)): Buffer {
  const content = type === "L" || type === "K" ? value : recordOf(key, value);
  return entryOf({ name: "extra", type, content });
}

/** Zeros in octal: runs that are there and say nothing. */
function runs(block: Buffer, at: number, count: number): void {
  for (let run = 0; run < 2 * count; run++) block.write("00000000000\0", at + 12 * run, "latin1");
}

/** The header of an old sparse file, with more runs to come. */
function oldSparse(): Buffer {
  const block = entryOf({ name: "sparse", type: "S" });
  runs(block, 386, 4);
  block[482] = 1;
  block.write("00000000012\0", 483, "latin1");
  block.write(" ".repeat(8), 148, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function moreRuns(used: boolean): Buffer {
  const block = Buffer.alloc(512);
  if (used) runs(block, 0, 21);
  block[504] = 1;
  return block;
}

/** A file whose map before its content has so many runs of nothing. */
function leadingMap(name: string, count: number): Entry {
  const map = Buffer.from(`${count}\n${"0\n0\n".repeat(count)}`);
  const content = Buffer.concat([map, Buffer.alloc((512 - (map.length % 512)) % 512)]);
  return {
    name,
    pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10" },
    content,
  };
}

const RUN = Buffer.concat([recordOf("GNU.sparse.offset", "0"), recordOf("GNU.sparse.numbytes", "0")]);

/** What each is, its parts, and how it is refused; `undefined` where it is unpacked, in little memory and time. */
export const HOSTILE_ARCHIVES: readonly (readonly [string, () => readonly Buffer[], RegExp | undefined])[] = [
  [
    "pax headers with an attribute each",
    () => times(MANY, (index) => extra("x", `SCHILY.xattr.user.a${index}`)),
    /headers of one entry of the archive are longer than 1048576 bytes/,
  ],
  [
    "pax headers with an unknown record each",
    () => times(MANY, (index) => extra("x", `comment.${index}`)),
    /headers of one entry .* longer than 1048576/,
  ],
  ["long names", () => times(MANY, () => extra("L", "")), /headers of one entry .* longer than 1048576/],
  ["long links", () => times(MANY, () => extra("K", "")), /headers of one entry .* longer than 1048576/],
  [
    "headers without content",
    () => times(5000, () => ({ name: "extra", type: "x" })),
    /headers of one entry .* longer than 1048576/,
  ],
  [
    "global headers with an unknown record each",
    () => times(MANY, (index) => extra("g", `comment.${index}`)),
    /global headers of the archive are longer than 1048576 bytes/,
  ],
  [
    "global headers with an attribute each",
    () => times(MANY, (index) => extra("g", `SCHILY.xattr.user.a${index}`)),
    /says more than 8192 bytes of all its entries at once/,
  ],
  [
    "attributes without end",
    () => [
      entryOf({
        name: "extra",
        type: "x",
        content: Buffer.concat(times(10_000, (index) => recordOf(`SCHILY.xattr.user.${index}`, ""))),
      }),
    ],
    /more than 4096 extended attributes/,
  ],
  [
    "an old sparse file whose runs have no end",
    () => [oldSparse(), ...times(100_000, () => moreRuns(true))],
    /the sparse file "sparse" has more than 65536 runs/,
  ],
  [
    "an old sparse file whose empty blocks of runs have no end",
    () => [oldSparse(), ...times(100_000, () => moreRuns(false))],
    /the sparse file "sparse" has more than 65536 runs/,
  ],
  [
    "maps of sparse files, number by number",
    () =>
      times(20, (index) =>
        [
          entryOf({ name: "extra", type: "x", content: Buffer.concat(Array(16_000).fill(RUN)) }),
          entryOf({ name: `f${index}` }),
        ].reduce((a, b) => Buffer.concat([a, b])),
      ),
    undefined,
  ],
  [
    "more numbers of a sparse file than it may have runs",
    () => [entryOf({ name: "x", pax: { "GNU.sparse.map": "0,0,".repeat(100_000).slice(0, -1) } })],
    /the sparse file "x" has more than 65536 runs/,
  ],
  ["maps before the content", () => times(200, (index) => leadingMap(`f${index}`, 60_000)), undefined],
  [
    "a map before the content that has no end",
    () => [
      entryOf({
        name: "x",
        pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10" },
        content: `60000\n${"0".repeat(50 * MIB)}`,
      }),
    ],
    /the sparse file "x" has more than 65536 runs/,
  ],
  [
    "a size below zero, to be allowed more",
    () => [entryOf({ name: "x", pax: { size: "-9007199254740000" } })],
    /pax's size is negative/,
  ],
];
