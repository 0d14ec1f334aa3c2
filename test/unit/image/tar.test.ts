/** The reader of archives: against what GNU tar and tar-stream write, in pieces of any size, and against damage. */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { pack } from "tar-stream";
import { ImageError } from "../../../src/image/error.ts";
import { TarReader } from "../../../src/image/tar.ts";
import type { TarEntry } from "../../../src/image/tar-header.ts";
import { HOSTILE_ARCHIVES } from "../../e2e/support/hostile-archives.ts";
import { type Entry, entryOf, recordOf, tarOf } from "../../e2e/support/tar.ts";

interface Read {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

function read(archive: Buffer, piece = archive.length): readonly Read[] {
  const found: { entry: TarEntry; content: Buffer }[] = [];
  let ends = 0;
  const reader = new TarReader({
    entry: (entry) => void found.push({ entry, content: Buffer.alloc(entry.size) }),
    data: (bytes, offset) => void bytes.copy(found.at(-1)?.content ?? Buffer.alloc(0), offset),
    end: () => void ends++,
  });
  for (let at = 0; at < archive.length; at += piece) reader.push(archive.subarray(at, at + piece));
  reader.finish();
  if (ends !== found.length) throw new Error(`${ends} ends of ${found.length} entries`);
  return found;
}

/** The same in pieces of several sizes. */
function readAll(t: Test, archive: Buffer): readonly Read[] {
  const whole = read(archive);
  for (const piece of [1, 511, 512, 1000]) t.same(read(archive, piece), whole, `in pieces of ${piece}`);
  return whole;
}

t.test("what tar-stream writes", async (t) => {
  const stream = pack();
  const long = `${"d/".repeat(120)}file`;
  stream.entry({ name: "dir/", type: "directory", mode: 0o1777, uid: 5, gid: 6 });
  stream.entry(
    { name: long, mode: 0o4755, mtime: new Date(1e12), pax: { "SCHILY.xattr.user.x": "y" } },
    "hello",
  );
  stream.entry({ name: "ünï", type: "symlink", linkname: "/target" });
  stream.entry({ name: "dev", type: "character-device", devmajor: 1, devminor: 3 });
  stream.entry({ name: "hard", type: "link", linkname: long });
  stream.entry({ name: "pipe", type: "fifo" });
  stream.finalize();
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Uint8Array));
  const found = readAll(t, Buffer.concat(parts));
  t.same(
    found.map(({ entry: { kind } }) => kind),
    ["dir", "file", "symlink", "char", "link", "fifo"],
  );
  t.match(found[0]?.entry, { name: "dir/", mode: 0o1777, uid: 5, gid: 6 });
  t.match(found[1]?.entry, { name: long, mode: 0o4755, seconds: 1e9, size: 5 });
  t.equal(found[1]?.content.toString(), "hello");
  t.equal(found[1]?.entry.xattrs?.get("user.x")?.toString(), "y");
  t.equal(Buffer.from(found[2]?.entry.name ?? "", "latin1").toString(), "ünï");
  t.match(found[2]?.entry, { link: "/target" });
  t.match(found[3]?.entry, { major: 1, minor: 3 });
  t.match(found[4]?.entry, { link: long });
});

t.test("what GNU tar writes, in each of its formats", async (t) => {
  const dir = t.testdir({});
  mkdirSync(join(dir, "d"));
  const long = "n".repeat(200);
  writeFileSync(join(dir, "d", long), "long");
  symlinkSync("l".repeat(180), join(dir, "d/link"));
  for (const format of ["gnu", "oldgnu", "posix", "v7", "ustar"]) {
    const names = format === "v7" || format === "ustar" ? ["d"] : ["d"];
    const skip = format === "v7" || format === "ustar" ? ["--exclude=n*", "--exclude=link"] : [];
    const archive = execFileSync("tar", ["-C", dir, `--format=${format}`, ...skip, "-cf", "-", ...names]);
    const found = readAll(t, archive);
    const names2 = found.map(({ entry }) => entry.name).sort();
    t.same(names2, skip.length > 0 ? ["d/"] : ["d/", `d/${long}`, "d/link"].sort(), format);
  }
});

t.test("sparse files in GNU's four forms", async (t) => {
  const dir = t.testdir({});
  const file = openSync(join(dir, "sparse"), "w");
  // More runs than an old header holds, and than one block of more of them.
  for (let run = 0; run < 60; run++) writeSync(file, `run ${run}`, run * 65_536);
  ftruncateSync(file, 80 * 65_536);
  closeSync(file);
  const whole = readFileSync(join(dir, "sparse"));
  const forms = [
    ["--format=gnu"],
    ["--format=posix", "--sparse-version=0.0"],
    ["--format=posix", "--sparse-version=0.1"],
    ["--format=posix", "--sparse-version=1.0"],
  ];
  for (const form of forms) {
    const archive = execFileSync("tar", ["-C", dir, ...form, "--sparse", "-cf", "-", "sparse"]);
    t.ok(archive.length < whole.length / 2, `${form.join(" ")} is sparse`);
    for (const piece of [archive.length, 700]) {
      const [found] = read(archive, piece);
      t.equal(found?.entry.name, "sparse");
      t.ok(found?.content.equals(whole), `${form.join(" ")} in pieces of ${piece}`);
    }
  }
});

t.test("attributes are bytes, times have fractions, numbers may be large or negative", async (t) => {
  const capability = Buffer.from("0100000200f0ff8000000000000000000000ff00", "hex");
  const [found] = read(
    tarOf({
      name: "f",
      pax: {
        "SCHILY.xattr.security.capability": capability,
        mtime: "-1.5",
        uid: "3000000",
        path: "other\xff",
      },
    }),
  );
  t.ok(found?.entry.xattrs?.get("security.capability")?.equals(capability));
  t.match(found?.entry, { seconds: -2, nanoseconds: 5e8, uid: 3_000_000 });
  const binary = entryOf({ name: "g" });
  Buffer.from("8000000000200000", "hex").copy(binary, 108);
  binary.write(" ".repeat(8), 148);
  const sum = binary.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  binary.write(`${sum.toString(8).padStart(7, "0")}\0`, 148);
  t.equal(read(Buffer.concat([binary, Buffer.alloc(1024)]))[0]?.entry.uid, 0x200000);
});

const DAMAGED: readonly [string, Buffer, string, RegExp][] = [
  ["no archive", Buffer.from("x".repeat(1024)), "format", /is no number|checksum/],
  [
    "cut in the content",
    tarOf({ name: "f", content: "x".repeat(2000) }).subarray(0, 1500),
    "format",
    /cut short/,
  ],
  ["cut in a header", tarOf({ name: "f" }).subarray(0, 100), "format", /cut short/],
  ["a size without bytes", tarOf({ name: "f", size: 5000 }), "format", /cut short/],
  [
    "a pax header of 2 MiB",
    tarOf({ name: "p", type: "x", content: Buffer.alloc(2 << 20) }),
    "limit",
    /header/,
  ],
  ["a malformed pax header", tarOf({ name: "p", type: "x", content: "9999 a=b\n" }), "format", /malformed/],
  [
    "a pax header at the end",
    tarOf({ name: "p", type: "x", content: "6 a=b\n" }).subarray(0, 1024),
    "format",
    /cut short/,
  ],
  ["an unknown type", tarOf({ name: "f", type: "Z" }), "unsupported", /unknown type/],
  [
    "a sparse map that lies",
    tarOf({ name: "f", content: "x", pax: { "GNU.sparse.map": "0,5", "GNU.sparse.size": "9" } }),
    "format",
    /map/,
  ],
  ["a size of pax that is none", tarOf({ name: "f", pax: { size: "-5x" } }), "format", /no number/],
];

t.test("damaged archives are refused", async (t) => {
  for (const [name, archive, code, message] of DAMAGED)
    t.throws(() => read(archive), { code, message }, name);
});

t.test("whatever is changed in an archive, the reader answers or refuses", async (t) => {
  const entries: Entry[] = [
    { name: "a", content: "x".repeat(700), pax: { "SCHILY.xattr.user.a": "b", mtime: "1.5" } },
    { name: "s", content: "abc", pax: { "GNU.sparse.map": "0,1,10,2", "GNU.sparse.size": "20" } },
    { name: "d", type: "5" },
  ];
  const archive = tarOf(...entries);
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const changed = Buffer.from(archive);
    for (let count = random(4); count >= 0; count--) changed[random(changed.length)] = random(256);
    try {
      read(changed, 1 + random(2000));
    } catch (error) {
      if (error instanceof ImageError) refused++;
      // Of a sparse file's claimed size the test makes a buffer.
      else if (!(error instanceof RangeError)) throw error;
    }
  }
  t.ok(refused > 1000, `${refused} refused`);
});

/** What reading ends with. */
function endOf(parts: readonly Buffer[]): unknown {
  try {
    read(Buffer.concat([...parts, Buffer.alloc(1024)]));
  } catch (error) {
    return error;
  }
  return undefined;
}

t.test("headers are bounded in sum, those of each entry for themselves", async (t) => {
  for (const [name, parts, message] of HOSTILE_ARCHIVES) {
    const all = parts();
    const end = endOf(all.length > 1000 ? all : [...all, entryOf({ name: "last" })]);
    if (message === undefined) t.equal(end, undefined, name);
    else
      t.match(
        end,
        { name: "ImageError", code: name.includes("below zero") ? "format" : "limit", message },
        name,
      );
  }
  // Half of what is allowed, and again for the next entry, and the next.
  const half = { comment: "c".repeat(500_000) };
  t.equal(
    read(tarOf(...Array.from({ length: 5 }, (_, index) => ({ name: `f${index}`, pax: half })))).length,
    5,
  );
});

t.test("global headers hold for what follows, and name no map", async (t) => {
  const found = read(
    Buffer.concat([
      entryOf({
        name: "g",
        type: "g",
        content: Buffer.concat([recordOf("uid", "7"), recordOf("comment", "c".repeat(9000))]),
      }),
      entryOf({ name: "a" }),
      entryOf({ name: "b", pax: { uid: "8" } }),
      entryOf({ name: "g", type: "g", content: recordOf("GNU.sparse.map", "0,0") }),
      entryOf({ name: "g", type: "g", content: recordOf("SCHILY.xattr.user.x", "y") }),
      entryOf({ name: "c" }),
      Buffer.alloc(1024),
    ]),
  );
  t.same(
    found.map(({ entry: { uid, sparse, xattrs } }) => [uid, sparse, xattrs?.get("user.x")?.toString()]),
    [
      [7, undefined, undefined],
      [8, undefined, undefined],
      [7, undefined, "y"],
    ],
  );
});

t.test("sizes of sparse files that are none", async (t) => {
  for (const size of ["-1", "x", "1e3", "99999999999999999999"]) {
    const pax = { "GNU.sparse.map": "", "GNU.sparse.size": size };
    t.match(endOf([entryOf({ name: "f", pax })]), { name: "ImageError", code: "format" }, size);
  }
});

t.test("reading takes time as the archive has bytes", async (t) => {
  const archive = (count: number): Buffer =>
    Buffer.concat([
      ...Array.from({ length: count }, (_, index) => {
        const map = Buffer.from(`30000\n${"0\n0\n".repeat(30_000)}`);
        const content = Buffer.concat([map, Buffer.alloc((512 - (map.length % 512)) % 512)]);
        const pax = { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10" };
        return entryOf({ name: `f${index}`, pax, content });
      }),
      Buffer.alloc(1024),
    ]);
  let scans = 0;
  const { indexOf } = Buffer.prototype;
  const bytes = archive(3);
  // Each look at a byte of a block is through indexOf: those of one entry may not grow with its blocks squared.
  Buffer.prototype.indexOf = function (this: Buffer, ...args: Parameters<typeof indexOf>) {
    scans++;
    return indexOf.apply(this, args);
  } as typeof indexOf;
  try {
    read(bytes);
  } finally {
    Buffer.prototype.indexOf = indexOf;
  }
  t.ok(scans < 3 * (2 * 30_000 + 1000), `${scans} looks`);
});
