/**
 * Layers whose entries lie behind links: whiteouts never go through one, and an image has the same root in one tree as in an overlay
 * of its layers.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import t from "tap";
import { makeRootfs } from "../../../scripts/make-rootfs.ts";
import { openHost } from "../support/host.ts";
import { type Entry, ociLayout, tarOf } from "../support/tar.ts";

const host = openHost({ busybox: true, only: "tsrun" });

makeRootfs(join(host.dir, "root"));
const programs = execFileSync("tar", ["-C", join(host.dir, "root"), "-cf", "-", "bin"], {
  maxBuffer: 64 << 20,
});
const BASE = tarOf(
  { name: "usr/", type: "5" },
  { name: "usr/lib/", type: "5", mode: 0o750, gid: 5 },
  { name: "usr/lib/x", content: "x of the base" },
  { name: "usr/lib/sub/", type: "5" },
  { name: "usr/lib/sub/y", content: "y" },
  { name: "lib", type: "2", link: "usr/lib" },
  { name: "two", type: "2", link: "/lib" },
  { name: "etc/", type: "5" },
  { name: "etc/passwd", content: "root:x:0:0::/:/bin/sh\n" },
  { name: "etc/sub/", type: "5" },
  { name: "etc/sub/z", content: "z" },
  { name: "tmp/", type: "5", mode: 0o1777 },
  { name: "plain", content: "a file" },
);

/** What there is in the root, as the container sees it: a line a name, with its kind, mode, owner and content or target. */
const LIST =
  "cd /; find . -xdev \\( -name proc -o -name dev -o -name sys -o -name bin \\) -prune -o -print | sort | while read -r name; do " +
  'stat -c "%n %A %u:%g" "$name"; [ -L "$name" ] && readlink "$name"; [ -f "$name" ] && [ ! -L "$name" ] && cat "$name" && echo; done; true';

interface Case {
  readonly name: string;
  /** Upper layers, the lowest first. */
  readonly layers: readonly (readonly Entry[])[];
  /** Lines that have to be there, and patterns that must not. */
  readonly has: readonly string[];
  readonly hasNot?: readonly RegExp[];
}

const LINK = "./lib lrwxrwxrwx 0:0";
const FOLDER = "./usr/lib drwxr-x--- 0:5";

const CASES: readonly Case[] = [
  {
    name: "a file in a folder that is a lower layer's link",
    layers: [[{ name: "lib/foo", content: "foo" }]],
    has: [LINK, FOLDER, "./usr/lib/foo -rw-r--r-- 0:0", "./usr/lib/x -rw-r--r-- 0:0"],
  },
  {
    name: "folders below a lower layer's link to a link",
    layers: [[{ name: "two/new/deep/f", content: "f" }]],
    has: [LINK, FOLDER, "./usr/lib/new drwxr-xr-x 0:0", "./usr/lib/new/deep/f -rw-r--r-- 0:0"],
  },
  {
    name: "a whiteout behind a lower layer's link",
    layers: [[{ name: "lib/.wh.x" }]],
    has: [LINK, FOLDER, "./usr/lib/sub/y -rw-r--r-- 0:0"],
    hasNot: [/^\.\/usr\/lib\/x /m],
  },
  {
    name: "an opaque folder that is a lower layer's link",
    layers: [[{ name: "lib/.wh..wh..opq" }], [{ name: "lib/sub/.wh..wh..opq" }]],
    has: [LINK, FOLDER, "./usr/lib/x -rw-r--r-- 0:0", "./usr/lib/sub/y -rw-r--r-- 0:0"],
  },
  {
    name: "an opaque folder that is a link of the layer's own",
    layers: [
      [
        { name: "evil", type: "2", link: "etc" },
        { name: "evil/.wh..wh..opq" },
        { name: "evil/sub/.wh..wh..opq" },
        { name: "evil/.wh.passwd" },
        { name: "evil/sub/.wh.z" },
      ],
    ],
    has: ["./etc/passwd -rw-r--r-- 0:0", "./etc/sub/z -rw-r--r-- 0:0", "./evil lrwxrwxrwx 0:0"],
  },
  {
    name: "an opaque folder with a link of the layer's own in it",
    layers: [
      [
        { name: "usr/lib/", type: "5" },
        { name: "usr/lib/sub", type: "2", link: "../../etc" },
        { name: "usr/lib/.wh..wh..opq" },
      ],
    ],
    has: ["./etc/passwd -rw-r--r-- 0:0", "./etc/sub/z -rw-r--r-- 0:0", "./usr/lib/sub lrwxrwxrwx 0:0"],
    hasNot: [/^\.\/usr\/lib\/x /m],
  },
  {
    name: "a file behind a link of the layer's own to a lower layer's folder",
    layers: [
      [
        { name: "l2", type: "2", link: "two/sub" },
        { name: "l2/own", content: "own" },
      ],
    ],
    has: [FOLDER, "./usr/lib/sub/own -rw-r--r-- 0:0", "./usr/lib/sub/y -rw-r--r-- 0:0"],
  },
  {
    name: "a folder without an entry keeps the mode and owner that lower layers give it",
    layers: [[{ name: "tmp/foo", content: "foo" }, { name: "usr/lib/sub/more" }]],
    has: ["./tmp drwxrwxrwt 0:0", FOLDER, "./tmp/foo -rw-r--r-- 0:0", "./usr/lib/sub/y -rw-r--r-- 0:0"],
  },
  {
    name: "a folder in the place of a lower layer's link",
    layers: [[{ name: "lib/foo" }, { name: "lib/", type: "5" }, { name: "lib/bar", content: "bar" }]],
    has: ["./lib drwxr-xr-x 0:0", "./lib/bar -rw-r--r-- 0:0", "./usr/lib/foo -rw-r--r-- 0:0"],
    hasNot: [/^\.\/lib\/foo /m],
  },
  {
    name: "a folder that is removed and made anew",
    layers: [
      [{ name: ".wh.lib" }, { name: "lib/foo" }, { name: ".wh.tmp" }, { name: "tmp/", type: "5" }],
      [{ name: "usr/.wh.lib" }, { name: "usr/lib/new" }],
    ],
    has: [
      "./lib drwxr-xr-x 0:0",
      "./lib/foo -rw-r--r-- 0:0",
      "./tmp drwxr-xr-x 0:0",
      "./usr/lib/new -rw-r--r-- 0:0",
    ],
    hasNot: [/^\.\/usr\/lib\/x /m],
  },
  {
    name: "an opaque folder that is not there, or a file",
    layers: [[{ name: "nowhere/.wh..wh..opq" }, { name: "plain/.wh..wh..opq" }]],
    has: ["./nowhere drwxr-xr-x 0:0", "./plain drwxr-xr-x 0:0"],
  },
  {
    name: "a hard link behind a lower layer's link",
    layers: [
      [
        { name: "lib/a", content: "a" },
        { name: "lib/b", type: "1", link: "lib/a" },
      ],
    ],
    has: ["./usr/lib/a -rw-r--r-- 0:0", "./usr/lib/b -rw-r--r-- 0:0", LINK],
  },
  {
    name: "three layers",
    layers: [
      [{ name: "lib/foo" }, { name: "lib/bar" }],
      [{ name: "two/.wh.foo" }, { name: "two/baz" }],
    ],
    has: [LINK, FOLDER, "./usr/lib/bar -rw-r--r-- 0:0", "./usr/lib/baz -rw-r--r-- 0:0"],
    hasNot: [/^\.\/usr\/lib\/foo /m],
  },
  {
    name: "all of the lower layers hidden",
    layers: [[{ name: ".wh..wh..opq" }], [{ name: "own" }]],
    has: ["./own -rw-r--r-- 0:0"],
    hasNot: [/^\.\/usr/m, /^\.\/etc/m],
  },
];

t.test("roots are alike in one tree and as an overlay", { timeout: 240_000 }, async (t) => {
  for (const [index, { name, layers, has, hasNot = [] }] of CASES.entries()) {
    const image = join(host.dir, `image${index}`);
    // Its programs are the topmost layer, so that nothing hides them.
    ociLayout(image, [BASE, ...layers.map((entries) => tarOf(...entries)), programs]);
    const words = ["--args", "/bin/sh", "--args", "-c", "--args", LIST, image];
    const [flat, overlay] = [`${image}-flat`, `${image}-overlay`];
    await host.must(["bundle", "-q", ...words, flat]);
    await host.must(["bundle", "-q", "--overlay", "--store", join(host.dir, "store"), ...words, overlay]);
    const roots: string[] = [];
    for (const bundle of [flat, overlay]) {
      roots.push((await host.must(["run", "--bundle", bundle, host.id()])).stdout);
    }
    const [one = "", other = ""] = roots;
    t.same(other.split("\n"), one.split("\n"), name);
    const lines = one.split("\n");
    for (const line of has) t.ok(lines.includes(line), `${name}: ${line}`);
    for (const pattern of hasNot) t.notMatch(one, pattern, `${name}: ${pattern}`);
  }
});

const REFUSED: readonly (readonly [string, readonly Entry[]])[] = [
  ["a lower layer's file as a folder", [{ name: "plain/x" }]],
  [
    "a link of the layer's own to nowhere",
    [
      { name: "l", type: "2", link: "nowhere" },
      { name: "l/x", content: "x" },
    ],
  ],
  [
    "links of the layer's own in a circle",
    [
      { name: "l", type: "2", link: "m/m" },
      { name: "m", type: "2", link: "l/l" },
      { name: "l/x", content: "x" },
    ],
  ],
];

t.test("what lies behind no folder is refused in both", async (t) => {
  for (const [index, [name, entries]] of REFUSED.entries()) {
    const image = join(host.dir, `refused${index}`);
    ociLayout(image, [BASE, tarOf(...entries)]);
    for (const words of [[], ["--overlay", "--store", join(host.dir, "store")]]) {
      const { code, stderr } = await host.call([
        "bundle",
        "-q",
        ...words,
        "--args",
        "x",
        image,
        `${image}-bundle`,
      ]);
      t.equal(code, 1, name);
      t.match(stderr, /^[^\n]*(lies behind something that is no folder|without an end)[^\n]*\n$/, name);
    }
  }
});

await host.end();
