/** bundle of hostile and damaged images: a clear error each, nothing outside, nothing left. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import t from "tap";
import { openHost } from "./support/host.ts";
import { digestOf, dockerArchive, type Entry, entryOf, ociLayout, tarOf } from "./support/tar.ts";

const host = openHost({ only: "tsrun" });
const outside = join(host.dir, "outside");
mkdirSync(outside);
writeFileSync(join(outside, "file"), "untouched");
const work = join(host.dir, "work");
mkdirSync(work);

/** The archive as SOURCE: what was said, and that nothing is left. */
async function refused(
  t: Tap,
  name: string,
  source: Buffer | string,
  message: RegExp,
  options: string[] = [],
) {
  const file = typeof source === "string" ? source : join(host.dir, "source");
  if (typeof source !== "string") writeFileSync(file, source);
  const outcome = await host.call(["bundle", "-q", "--args", "x", ...options, file, join(work, "b")], {
    limit: 60_000,
  });
  t.equal(outcome.code, 1, name);
  t.match(outcome.stderr, message, name);
  t.equal(outcome.stderr.split("\n").length, 2, `${name}: one line`);
  left(t, name);
}
type Tap = { equal: typeof t.equal; match: typeof t.match; same: typeof t.same };

function left(t: Tap, name: string): void {
  t.same(readdirSync(work), [], `${name}: nothing is left`);
  t.same(readdirSync(outside), ["file"], `${name}: nothing outside`);
  t.equal(readFileSync(join(outside, "file"), "utf8"), "untouched");
}

const UP = "../".repeat(12).slice(0, -1);

const ENTRIES: readonly [string, readonly Entry[], RegExp][] = [
  ["a name with ..", [{ name: `${UP}${outside}/new`, content: "x" }], /leads out of the folder.*has \.\./],
  ["a pax name with ..", [{ name: "x", pax: { path: `${UP}${outside}/new` } }], /leads out/],
  ["a hard link with ..", [{ name: "x", type: "1", link: `${UP}${outside}/file` }], /leads out/],
  [
    "a hard link to nowhere",
    [{ name: "x", type: "1", link: `${outside}/file` }],
    /"x".*(is to a file that is not there|lies behind)/,
  ],
  [
    "a link to itself",
    [{ name: "l", type: "2", link: "l" }, { name: "l/x" }],
    /"l\/x" lies behind something that is no folder/,
  ],
  ["a file as a folder", [{ name: "f", content: "x" }, { name: "f/x" }], /"f\/x" lies behind something/],
  ["a link to nowhere", [{ name: "l", type: "2", link: "nowhere" }, { name: "l/x" }], /"l\/x" lies behind/],
  ["a name too long", [{ name: "x", pax: { path: "n".repeat(300) } }], /longer than 255 bytes/],
  ["a path too long", [{ name: "x", pax: { path: "n/".repeat(3000) } }], /longer than 4095 bytes/],
  ["an unknown type", [{ name: "x", type: "Q" }], /unknown type/],
  [
    "a file larger than the disk",
    [
      { name: "x", size: 0o77777777777 },
      { name: "y", size: 0o77777777777 },
    ],
    /more than the free|cut short/,
  ],
];

t.test("entries that are refused", { timeout: 120_000 }, async (t) => {
  for (const [name, entries, message] of ENTRIES) await refused(t, name, tarOf(...entries), message);
});

t.test("links that lead out lead nowhere else than inside", async (t) => {
  const entries: readonly Entry[] = [
    { name: "abs", type: "2", link: outside },
    { name: "abs/new", content: "x" },
    { name: "up", type: "2", link: `${UP}${outside}` },
    { name: "up/new2", content: "x" },
    { name: "", type: "5" },
    { name: ".", type: "5", mode: 0o700 },
    { name: "/abs2", type: "2", link: "/" },
    { name: "abs2/new3", content: "x" },
    { name: "f", type: "2", link: `${outside}/file` },
    { name: "f", content: "replaced, not written through" },
  ];
  const made = join(host.dir, "inside");
  writeFileSync(join(host.dir, "source"), tarOf({ name: `${outside.slice(1)}/`, type: "5" }, ...entries));
  await host.must(["bundle", "-q", "--args", "x", join(host.dir, "source"), made]);
  const root = join(made, "rootfs");
  t.same(readdirSync(join(root, outside)).sort(), ["new", "new2"]);
  t.ok(existsSync(join(root, "new3")));
  t.equal(readFileSync(join(root, "f"), "utf8"), "replaced, not written through");
  left(t, "links");
});

t.test("images that lie", { timeout: 120_000 }, async (t) => {
  const layer = tarOf({ name: "x", content: "y" });
  const other = digestOf(Buffer.from("other"));
  await refused(
    t,
    "a wrong diff id",
    dockerArchive([layer], { diffIds: [other] }),
    /the archive in layer 1 .* has other bytes.*should be sha256/,
  );
  const leading = tarOf({
    name: "manifest.json",
    content: JSON.stringify([{ Config: `${UP}${outside}/file`, Layers: [] }]),
  });
  await refused(t, "a manifest's path with ..", leading, /leads out/);
  await refused(
    t,
    "a manifest that is no JSON",
    tarOf({ name: "manifest.json", content: "[{" }),
    /manifest\.json.*#/,
  );
  await refused(
    t,
    "JSON without an end",
    tarOf({ name: "manifest.json", content: "[".repeat(100_000) }),
    /deep|nest|JSON|syntax/i,
  );
  await refused(
    t,
    "huge JSON",
    tarOf({ name: "manifest.json", content: Buffer.alloc(9 << 20, 32) }),
    /more than the 8388608/,
  );
  const loops = tarOf(
    { name: "manifest.json", type: "2", link: "index.json" },
    { name: "index.json", type: "2", link: "manifest.json" },
  );
  await refused(t, "links in a circle", loops, /without an end|holds no|has no/);
  for (const wh of [".wh.", ".wh..", ".wh..."]) {
    const bad = tarOf({ name: `a/${wh}` });
    await refused(
      t,
      `the whiteout ${wh}`,
      dockerArchive([layer, bad]),
      /the whiteout "\.wh\.+" names nothing/,
    );
  }
  await refused(t, "no archive", Buffer.from("hello"), /is no image and no tar archive/);
  await refused(t, "nothing", Buffer.alloc(0), /is no image and no tar archive/);
  await refused(t, "nothing there", join(host.dir, "nowhere"), /there is no .*nowhere/);
});

t.test("layouts that lie", { timeout: 120_000 }, async (t) => {
  const layer = tarOf({ name: "x", content: "y".repeat(10_000) });
  const layout = (
    name: string,
    store: (layer: Buffer) => Buffer,
    change?: (blob: string) => void,
  ): string => {
    const dir = join(host.dir, name);
    ociLayout(dir, [layer], { store });
    change?.(join(dir, "blobs/sha256", digestOf(store(layer)).slice(7)));
    return dir;
  };
  const cut = (blob: string) => writeFileSync(blob, readFileSync(blob).subarray(0, -20));
  const flip = (blob: string) => {
    const bytes = readFileSync(blob);
    bytes[bytes.length - 600] = 1;
    writeFileSync(blob, bytes);
  };
  await refused(
    t,
    "a blob cut short",
    layout("cut", (bytes) => bytes, cut),
    /bytes long, and .* in the manifest/,
  );
  await refused(
    t,
    "a blob changed",
    layout("flip", (bytes) => bytes, flip),
    /has other bytes|damaged/,
  );
  await refused(
    t,
    "gzip cut short",
    layout("gzip", (bytes) => gzipSync(bytes).subarray(0, -9)),
    /gzip stream is damaged or cut short/,
  );
  await refused(
    t,
    "another image",
    layout("named", (bytes) => bytes),
    /holds no image "busybox"/,
    ["--image", "busybox"],
  );
  await refused(
    t,
    "another platform",
    layout("platform", (bytes) => bytes),
    /is for .*, not for linux\/s390x/,
    ["--platform", "linux/s390x"],
  );
  await refused(
    t,
    "bzip2",
    layout("bzip2", () => Buffer.from("BZh91AY")),
    /compressed with bzip2/,
  );
});

t.test("bombs stop early", { timeout: 120_000 }, async (t) => {
  // 1 GiB of zeros, as one file, as nothing but padding after the end, and as many files.
  const zeros = Buffer.alloc(1 << 20);
  const head = entryOf({ name: "zeros", size: 1 << 30 });
  const bomb = gzipSync(Buffer.concat([head, ...Array.from({ length: 1024 }, () => zeros)]), { level: 1 });
  await refused(
    t,
    "one file",
    bomb,
    /the image takes with "zeros" of 1073741824 bytes more than the 1048576 bytes of --max-size/,
    ["--max-size", "1M"],
  );
  const after = gzipSync(Buffer.concat([tarOf({ name: "x" }), ...Array.from({ length: 200 }, () => zeros)]), {
    level: 1,
  });
  await refused(t, "after the end", after, /more than the 1048576 bytes of --max-size/, ["--max-size", "1M"]);
  const files = tarOf(
    ...Array.from({ length: 2000 }, (_, index) => ({ name: `f${index}`, content: "x".repeat(1000) })),
  );
  await refused(t, "many files", files, /more than the 1048576 bytes of --max-size/, ["--max-size", "1M"]);
});

t.test("devices are left out where that is asked for", async (t) => {
  const archive = tarOf(
    { name: "d", type: "3", major: 1, minor: 3 },
    { name: "b", type: "4", major: 7, minor: 0 },
    { name: "f" },
  );
  writeFileSync(join(host.dir, "source"), archive);
  const outcome = await host.must([
    "bundle",
    "--no-devices",
    "--args",
    "x",
    join(host.dir, "source"),
    join(host.dir, "plain"),
  ]);
  t.match(outcome.stderr, "2 device nodes were left out");
  t.same(readdirSync(join(host.dir, "plain/rootfs")), ["f"]);
});

t.test("something that is there stays", async (t) => {
  const there = join(host.dir, "there");
  mkdirSync(there);
  writeFileSync(join(there, "mine"), "");
  const outcome = await host.call(["bundle", join(host.dir, "source"), there]);
  t.match(outcome.stderr, /there is something at .*there already/);
  t.same(readdirSync(there), ["mine"]);
});

await host.end();
