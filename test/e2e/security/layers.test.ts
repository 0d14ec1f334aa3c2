/** Layers whose entries are to reach the host's files, and images whose user files are to. */

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { messageOf, openHost } from "../support/host.ts";
import { type Entry, ociLayout, tarOf } from "../support/tar.ts";

const host = openHost({ only: "tsrun" });
const outside = join(host.dir, "outside");
const secret = join(outside, "secret");
mkdirSync(outside);
writeFileSync(secret, "evil:x:4242:4242::/:/bin/sh\n", { mode: 0o600 });
const UP = "../".repeat(12).slice(0, -1);
let made = 0;

function unharmed(t: Test, what: string): void {
  t.same(readdirSync(outside), ["secret"], `${what}: nothing outside`);
  const { mode, uid, nlink } = statSync(secret);
  t.same(
    [readFileSync(secret, "utf8"), mode & 0o7777, uid, nlink],
    ["evil:x:4242:4242::/:/bin/sh\n", 0o600, 0, 1],
    what,
  );
}

/** Layers one upon the other, and what they are after. */
const LAYERS: readonly [string, ...(readonly Entry[])[]][] = [
  [
    "a hard link to a link, then written",
    [
      { name: "l", type: "2", link: secret },
      { name: "h", type: "1", link: "l" },
      { name: "h", content: "overwritten" },
    ],
  ],
  [
    "a hard link to a link of a layer below",
    [{ name: "l", type: "2", link: secret }],
    [
      { name: "h", type: "1", link: "l" },
      { name: "h", content: "x" },
    ],
  ],
  [
    "a link, then a file of its name in the next layer",
    [{ name: "l", type: "2", link: secret }],
    [{ name: "l", content: "x" }],
  ],
  [
    "a link for a folder, then a file below it",
    [{ name: "d", type: "2", link: outside }],
    [
      { name: "d/secret", content: "x" },
      { name: "d/new", content: "x" },
    ],
  ],
  [
    "a link upwards, then a file below it",
    [{ name: "d", type: "2", link: `${UP}${outside}` }],
    [{ name: "d/secret", content: "x" }],
  ],
  [
    "a link for a folder, then a folder of that name with a mode",
    [{ name: "d", type: "2", link: outside }],
    [
      { name: "d", type: "5", mode: 0o777, uid: 7 },
      { name: "d/new", content: "x" },
    ],
  ],
  ["a whiteout behind a link", [{ name: "d", type: "2", link: outside }], [{ name: "d/.wh.secret" }]],
  ["an opaque folder behind a link", [{ name: "d", type: "2", link: outside }], [{ name: "d/.wh..wh..opq" }]],
  ["a whiteout of what is above", [{ name: "a/.wh..." }]],
  ["a whiteout of the folder itself", [{ name: "a/.wh.." }]],
  ["a whiteout with a path", [{ name: "a", pax: { path: `a/.wh.${UP}${secret}` } }]],
  ["a pax link with ..", [{ name: "x", type: "1", pax: { linkpath: `${UP}${secret}` } }]],
  [
    "a device behind a link",
    [
      { name: "d", type: "2", link: outside },
      { name: "d/node", type: "3", major: 1, minor: 3 },
    ],
  ],
  [
    "a fifo behind a link",
    [
      { name: "d", type: "2", link: outside },
      { name: "d/fifo", type: "6" },
    ],
  ],
  [
    "a hard link behind a link",
    [
      { name: "d", type: "2", link: outside },
      { name: "h", type: "1", link: "d/secret" },
    ],
  ],
  ["an absolute hard link", [{ name: "h", type: "1", link: secret }]],
  ["an absolute name", [{ name: secret, content: "x" }]],
  ["a name with ..", [{ name: `${UP}${secret}`, content: "x" }]],
  ["a mode and an owner by a link", [{ name: "l", type: "2", link: secret, mode: 0o777, uid: 7, gid: 7 }]],
];

t.test(
  "CVE-2025-11395 and the like: entries of layers change no file of the host",
  { timeout: 120_000 },
  async (t) => {
    for (const [what, ...layers] of LAYERS) {
      for (const store of [[], ["--overlay", "--store", join(host.dir, "store")]]) {
        made += 1;
        const layout = join(host.dir, `layout-${made}`);
        ociLayout(
          layout,
          layers.map((layer) => tarOf(...layer)),
        );
        const outcome = await host.call([
          "bundle",
          "-q",
          "--args",
          "x",
          ...store,
          layout,
          join(host.dir, `bundle-${made}`),
        ]);
        t.ok(
          outcome.code === 0 || outcome.stderr.split("\n").length === 2,
          `${what}: made, or refused in one line: ${outcome.stderr}`,
        );
        unharmed(t, `${what}${store.length > 0 ? ", in the store" : ""}`);
      }
    }
  },
);

/** What an image has for its user files; each leads to a file of the host that knows the user, or has no end. */
const USER_FILES: readonly [string, (path: string) => void][] = [
  ["a link to a file of the host", (path) => symlinkSync(secret, path)],
  ["a link upwards", (path) => symlinkSync(`${UP}${secret}`, path)],
  ["a link through procfs", (path) => symlinkSync(`/proc/self/root${secret}`, path)],
  ["a pipe", (path) => void execFileSync("mkfifo", [path])],
  ["a device without an end", (path) => void execFileSync("mknod", [path, "c", "1", "5"])],
  ["a folder", (path) => mkdirSync(path)],
];

t.test("CVE-2024-9676: passwd and group of an image", { timeout: 120_000 }, async (t) => {
  for (const file of ["passwd", "group"]) {
    for (const [what, make] of USER_FILES) {
      made += 1;
      const bundle = host.bundle((config) => {
        config.process.user = { uid: 4242, gid: 4242 };
        config.process.args = ["/bin/probe", "env"];
        config.process.env = ["PATH=/bin"];
      });
      const etc = join(bundle.rootfs, "etc");
      mkdirSync(etc, { recursive: true });
      chmodSync(etc, 0o755);
      rmSync(join(etc, file), { force: true });
      make(join(etc, file));
      const user = file === "passwd" ? "evil" : "0:evil";
      const dir = join(host.dir, `of-${made}`);
      const named = await host.call(["bundle", "-q", "--args", "x", "--user", user, bundle.rootfs, dir], {
        limit: 10_000,
      });
      t.equal(named.code, 1, `${file} is ${what}: bundle`);
      t.match(messageOf(named), /evil/);
      const run = await host.run(bundle, [], { limit: 10_000 });
      t.equal(run.code, 0, `${file} is ${what}: run`);
      t.notMatch(run.stdout, /4242::/);
    }
  }
  unharmed(t, "user files");
});

await host.end();
