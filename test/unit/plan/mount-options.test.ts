import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { MOUNT_OPTIONS } from "../../../src/plan/mount-options.ts";
import { readMountOptions } from "../../../src/plan/mount-request.ts";
import type { Op } from "../../../src/plan/ops.ts";
import { MOUNT_ATTR, MS } from "../../../src/sys/constants.gen.ts";
import { bundle, facts, mount, options } from "./support.ts";

type Expected = readonly [
  attrSet: number,
  attrClear: number,
  recAttrSet: number,
  recAttrClear: number,
  superblock: string,
  propagation: number,
  other: string,
];

const A = MOUNT_ATTR;
const attr = (set: number, clear = 0): Expected => [set, clear, 0, 0, "", 0, ""];
const rec = (set: number, clear = 0): Expected => [0, 0, set, clear, "", 0, ""];
const sb = (word: string): Expected => [0, 0, 0, 0, word, 0, ""];
const prop = (flags: number): Expected => [0, 0, 0, 0, "", flags, ""];
const other = (what: string): Expected => [0, 0, 0, 0, "", 0, what];

/** By hand from config.md, mount(8) and mount_setattr(2). */
const EXPECTED: Readonly<Record<string, Expected>> = {
  acl: other("data acl"),
  async: sb("async"),
  atime: attr(0, A._ATIME),
  bind: other("bind"),
  defaults: other(""),
  dev: attr(0, A.NODEV),
  diratime: attr(0, A.NODIRATIME),
  dirsync: sb("dirsync"),
  exec: attr(0, A.NOEXEC),
  idmap: other("idmap"),
  iversion: other(""),
  lazytime: sb("lazytime"),
  loud: other(""),
  mand: sb("mand"),
  noacl: other("data noacl"),
  noatime: attr(A.NOATIME, A._ATIME),
  nodev: attr(A.NODEV),
  nodiratime: attr(A.NODIRATIME),
  noexec: attr(A.NOEXEC),
  noiversion: other(""),
  nolazytime: sb("nolazytime"),
  nomand: sb("nomand"),
  norelatime: other(""),
  nostrictatime: attr(0, A._ATIME),
  nosuid: attr(A.NOSUID),
  nosymfollow: attr(A.NOSYMFOLLOW),
  private: prop(MS.PRIVATE),
  ratime: rec(0, A._ATIME),
  rbind: other("rbind"),
  rdev: rec(0, A.NODEV),
  rdiratime: rec(0, A.NODIRATIME),
  relatime: attr(0, A._ATIME),
  remount: other("remount"),
  rexec: rec(0, A.NOEXEC),
  ridmap: other("ridmap"),
  rnoatime: rec(A.NOATIME, A._ATIME),
  rnodev: rec(A.NODEV),
  rnodiratime: rec(A.NODIRATIME),
  rnoexec: rec(A.NOEXEC),
  rnorelatime: other(""),
  rnostrictatime: rec(0, A._ATIME),
  rnosuid: rec(A.NOSUID),
  rnosymfollow: rec(A.NOSYMFOLLOW),
  ro: [A.RDONLY, 0, 0, 0, "ro", 0, "readOnly"],
  rprivate: prop(MS.PRIVATE | MS.REC),
  rrelatime: rec(0, A._ATIME),
  rro: rec(A.RDONLY),
  rrw: rec(0, A.RDONLY),
  rshared: prop(MS.SHARED | MS.REC),
  rslave: prop(MS.SLAVE | MS.REC),
  rstrictatime: rec(A.STRICTATIME, A._ATIME),
  rsuid: rec(0, A.NOSUID),
  rsymfollow: rec(0, A.NOSYMFOLLOW),
  runbindable: prop(MS.UNBINDABLE | MS.REC),
  rw: [0, A.RDONLY, 0, 0, "rw", 0, ""],
  shared: prop(MS.SHARED),
  silent: other(""),
  slave: prop(MS.SLAVE),
  strictatime: attr(A.STRICTATIME, A._ATIME),
  suid: attr(0, A.NOSUID),
  symfollow: attr(0, A.NOSYMFOLLOW),
  sync: sb("sync"),
  tmpcopyup: other("copyUp"),
  unbindable: prop(MS.UNBINDABLE),
};

function outcome(...words: string[]): Expected {
  const got = readMountOptions(words, "/mounts/0/options");
  const others = [
    got.bind === undefined ? "" : got.bind.recursive ? "rbind" : "bind",
    got.remount ? "remount" : "",
    got.copyUp ? "copyUp" : "",
    got.idmap === undefined ? "" : got.idmap.recursive ? "ridmap" : "idmap",
    got.readOnly === undefined ? "" : "readOnly",
    ...got.data.map(({ text }) => `data ${text}`),
  ];
  return [
    got.attrSet,
    got.attrClear,
    got.recAttrSet,
    got.recAttrClear,
    got.superblock.map(({ text }) => text).join(),
    got.propagation.reduce((sum, flags) => sum | flags, 0),
    others.filter((text) => text !== "").join(),
  ];
}

t.test("the table has these words, no more and no fewer", async (t) => {
  t.strictSame(Object.keys(MOUNT_OPTIONS).sort(), Object.keys(EXPECTED).sort());
});

t.test("each word of the table does what it says", async (t) => {
  for (const word of Object.keys(MOUNT_OPTIONS)) t.strictSame(outcome(word), EXPECTED[word], word);
});

t.test("of two words that exclude each other the later one counts", async (t) => {
  t.strictSame(outcome("ro", "rw"), [0, A.RDONLY, 0, 0, "rw", 0, ""]);
  t.strictSame(outcome("rw", "ro"), [A.RDONLY, 0, 0, 0, "ro", 0, "readOnly"]);
  t.strictSame(outcome("nosuid", "suid"), attr(0, A.NOSUID));
  t.strictSame(outcome("suid", "nosuid"), attr(A.NOSUID));
  t.strictSame(outcome("noatime", "strictatime"), attr(A.STRICTATIME, A._ATIME));
  t.strictSame(outcome("noatime", "nodiratime", "relatime"), attr(A.NODIRATIME, A._ATIME));
  t.strictSame(outcome("rnoexec", "rexec"), rec(0, A.NOEXEC));
  t.strictSame(outcome("sync", "async"), sb("async"));
  t.strictSame(outcome("rbind", "bind"), other("rbind"));
});

t.test("words outside the table are the filesystem's, names of Object's own included", async (t) => {
  for (const word of ["size=1m", "constructor", "__proto__", "toString"]) {
    t.strictSame(outcome(word), other(`data ${word}`), word);
  }
});

t.test(
  "one element may hold several of the filesystem's options, as one string for mount(2) would",
  async (t) => {
    const split = (text: string) =>
      readMountOptions([text], "/o").data.map((each) => `${each.text} ${each.pointer}`);
    t.strictSame(split("size=1m,mode=700"), ["size=1m /o/0", "mode=700 /o/0"]);
    t.strictSame(split("mpol=bind:0,2,size=1m"), ["mpol=bind:0,2 /o/0", "size=1m /o/0"]);
    t.strictSame(split('context="a:c1,c2",size=1'), ["context=a:c1,c2 /o/0", "size=1 /o/0"]);
    t.strictSame(split("lowerdir=a\\,b,upperdir=c"), ["lowerdir=a\\,b /o/0", "upperdir=c /o/0"]);
    t.strictSame(split(","), []);
    t.strictSame(split(""), []);
  },
);

t.test("a bind gets exactly the attributes that were named", async (t) => {
  const words = [
    "ro",
    "rw",
    "nosuid",
    "suid",
    "nodev",
    "dev",
    "noexec",
    "exec",
    "noatime",
    "rro",
    "nosymfollow",
  ];
  for (const first of words) {
    for (const second of words) {
      const plan = compile(
        bundle({ mounts: [mount("/m", "bind", "/srv/dir", "rbind", first, second)] }),
        facts(),
        options(),
      );
      const found = plan.steps
        .map(({ op }) => op)
        .find((op): op is Extract<Op, { op: "bind" }> => op.op === "bind");
      const [attrSet, attrClear, recAttrSet, recAttrClear] = outcome(first, second);
      const got = [found?.attrSet, found?.attrClear, found?.recAttrSet, found?.recAttrClear];
      t.strictSame(got, [attrSet, attrClear, recAttrSet, recAttrClear].map(BigInt), `${first},${second}`);
      t.strictSame(plan.warnings, [], `${first},${second}`);
    }
  }
});
