/** The pure parts of check: what files say of programs, filesystems, capabilities and permissions. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { LaunchError, UsageError } from "../../../src/error.ts";
import { Findings } from "../../../src/lifecycle/check/findings.ts";
import { parseFilesystems } from "../../../src/lifecycle/check/mounts.ts";
import { formatOf } from "../../../src/lifecycle/check/program.ts";
import { parseStatus } from "../../../src/lifecycle/check/self.ts";
import { rest, Tree } from "../../../src/lifecycle/check/tree.ts";
import { hostId, mayUse } from "../../../src/lifecycle/check/world.ts";

const bytes = (content: string): Uint8Array => new TextEncoder().encode(content);

/** A 64-bit little-endian program of x86-64, with PT_INTERP where one is given. */
function elf(machine = 62, interpreter?: string, type = 2): Uint8Array {
  const file = new Uint8Array(256);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  if (interpreter !== undefined) {
    view.setUint16(56, 1, true);
    view.setUint32(64, 3, true);
    view.setBigUint64(72, 128n, true);
    view.setBigUint64(96, BigInt(interpreter.length + 1), true);
    file.set(bytes(interpreter), 128);
  }
  return file;
}

t.test("formatOf: what execve will make of a file", async (t) => {
  const own = elf();
  t.same(formatOf(elf(), own), { kind: "static" });
  t.same(formatOf(elf(62, "/lib64/ld.so"), own), { kind: "needs", interpreter: "/lib64/ld.so" });
  t.same(formatOf(elf(3), own), { kind: "static" }, "386 on x86-64");
  t.same(formatOf(elf(183), own), { kind: "bad" }, "AArch64 on x86-64");
  t.same(formatOf(elf(62, undefined, 1), own), { kind: "bad" }, "an object file");
  t.same(formatOf(elf(183), undefined), { kind: "static" }, "nothing known of this machine");
  t.same(formatOf(bytes("#! /bin/sh -e\nrest"), own), { kind: "needs", interpreter: "/bin/sh" });
  t.same(formatOf(bytes("#!/bin/sh"), own), { kind: "needs", interpreter: "/bin/sh" });
  t.same(formatOf(bytes("#!\n/bin/sh"), own), { kind: "bad" });
  t.same(formatOf(bytes("echo no"), own), { kind: "bad" });
  t.same(formatOf(new Uint8Array(), own), { kind: "bad" });
  t.same(formatOf(elf().subarray(0, 20), own), { kind: "bad" }, "cut short");
});

t.test("formatOf: tables that lead out of the file are not followed", async (t) => {
  const far = elf(62, "/lib64/ld.so");
  new DataView(far.buffer).setBigUint64(32, 0xffff_ffff_ffffn, true);
  t.same(formatOf(far, elf()), { kind: "static" });
  const long = elf(62, "/lib64/ld.so");
  new DataView(long.buffer).setBigUint64(96, 4096n, true);
  t.same(formatOf(long, elf()), { kind: "static" });
});

t.test("parseFilesystems: nodev is what lies on no disk", async (t) => {
  t.same(
    [...parseFilesystems("nodev\tproc\n\text4\nnodev\toverlay\n")],
    [
      ["proc", "virtual"],
      ["ext4", "disk"],
      ["overlay", "virtual"],
    ],
  );
});

t.test("parseStatus: the capability sets of a process", async (t) => {
  const text = "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t000001fffeffffff\nCapEff:\t1\nCapBnd:\t00f\n";
  t.same(parseStatus(text), { permitted: 0x1fffeffffffn, effective: 1n, bounding: 15n });
  t.same(parseStatus(""), { permitted: 0n, effective: 0n, bounding: 0n });
});

t.test("hostId: through mappings", async (t) => {
  const maps = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 5000, size: 10 },
  ];
  t.equal(hostId([], 7), 7);
  t.equal(hostId(maps, 0), 1000);
  t.equal(hostId(maps, 10), 5009);
  t.equal(hostId(maps, 11), undefined);
});

t.test("mayUse: owner before group before others, then the capability", async (t) => {
  const who = { uid: 5, gids: [6], overrides: false, knows: () => true };
  const file = (mode: number, uid = 5, gid = 6) => ({ kind: "file" as const, mode, uid, gid });
  t.equal(mayUse(file(0o100), who), true);
  t.equal(mayUse(file(0o011), who), false, "the owner's bits alone count for the owner");
  t.equal(mayUse(file(0o010, 1), who), true);
  t.equal(mayUse(file(0o001, 1, 1), who), true);
  t.equal(mayUse(file(0o110, 1, 1), who), false);
  t.equal(mayUse(file(0o110, 1, 1), { ...who, overrides: true }), true);
  t.equal(mayUse(file(0o644, 1, 1), { ...who, overrides: true }), false, "a file without any x bit");
  t.equal(mayUse({ ...file(0o700, 1, 1), kind: "dir" }, { ...who, overrides: true }), true);
  t.equal(mayUse(file(0o100, 1, 1), { ...who, overrides: true, knows: () => false }), false, "not mapped");
});

t.test("rest: what lies below a folder", async (t) => {
  t.equal(rest("/", "/a/b"), "a/b");
  t.equal(rest("/a", "/a/b"), "b");
  t.equal(rest("/a", "/a"), "");
  t.equal(rest("/a", "/ab"), undefined);
});

t.test("Findings keep each place once, and what lies within it", async (t) => {
  const findings = new Findings();
  findings.problem(new LaunchError("op", "first", { pointer: "/mounts/0/options/1" }));
  findings.problem(new LaunchError("op", "again", { pointer: "/mounts/0/options/1" }));
  findings.problem(new LaunchError("op", "the whole", { pointer: "/mounts/0" }));
  findings.problem(new LaunchError("op", "another", { pointer: "/mounts/01" }));
  findings.attempt(() => {
    throw new UsageError("no place");
  });
  findings.problem(new UsageError("no place"));
  t.same(
    findings.problems.map(({ message }) => message),
    ["first", "another", "no place"],
  );
  t.throws(
    () =>
      findings.attempt(() => {
        throw new TypeError("a defect");
      }),
    { message: "a defect" },
  );
});

t.test("Tree: the root's links stay in the root, covers hide it", async (t) => {
  const top = mkdtempSync(join(tmpdir(), "chk-tree-"));
  t.teardown(() => rmSync(top, { recursive: true }));
  const root = join(top, "rootfs");
  for (const folder of ["rootfs/usr/bin", "rootfs/opt", "tools"])
    mkdirSync(join(top, folder), { recursive: true });
  writeFileSync(join(root, "usr/bin/sh"), "");
  writeFileSync(join(top, "tools/tool"), "");
  symlinkSync("/usr/bin", join(root, "bin"));
  symlinkSync("/opt/tool", join(root, "usr/bin/tool"));
  symlinkSync("loop", join(root, "loop"));
  const tree = new Tree(root);
  t.same(tree.look("/bin/sh"), { kind: "found", path: join(root, "usr/bin/sh") });
  t.same(tree.look("/../../bin/./sh"), { kind: "found", path: join(root, "usr/bin/sh") });
  t.same(tree.look("/bin/no"), { kind: "error", errno: "ENOENT" });
  t.same(tree.look("/bin/sh/x"), { kind: "error", errno: "ENOTDIR" });
  t.same(tree.look("/loop"), { kind: "error", errno: "ELOOP" });
  tree.cover("/opt", join(top, "tools"));
  t.same(tree.look("/opt/tool"), { kind: "found", path: join(top, "tools/tool") });
  t.same(tree.look("/opt/no"), { kind: "error", errno: "ENOENT" });
  t.same(tree.look("/bin/tool"), { kind: "unknown" }, "a link of the root into what is mounted");
  t.equal(tree.isCovered("/opt/"), true);
  tree.cover("/opt");
  t.same(tree.look("/opt/tool"), { kind: "unknown" }, "a filesystem that does not exist yet");
  tree.cover("/bin", join(top, "tools"));
  t.same(
    tree.look("/usr/bin/tool"),
    { kind: "found", path: join(top, "tools/tool") },
    "mounted through a link",
  );
});
