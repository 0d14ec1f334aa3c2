import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, openSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { O } from "../../../src/sys/constants.gen.ts";
import {
  entries,
  Handle,
  kindOf,
  performAll,
  readDescriptor,
  readText,
  readTextIfThere,
  status,
  writeAll,
} from "../../../src/sys/files.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

t.test("readText(): whole files of every size, up to a limit", async (t) => {
  const dir = t.testdir();
  for (const size of [0, 1, 16383, 16384, 16385, 300_000, 1 << 20]) {
    const content = "é".repeat(size / 2) + "x".repeat(size % 2);
    writeFileSync(join(dir, "f"), content);
    t.equal(readText(join(dir, "f")), content, `${size} bytes`);
  }
  writeFileSync(join(dir, "f"), "x".repeat(20_001));
  t.equal(readText(join(dir, "f"), 20_001).length, 20_001);
  t.throws(() => readText(join(dir, "f"), 20_000), {
    name: "SystemError",
    code: "EFBIG",
    syscall: "read",
    subject: join(dir, "f"),
  });
  t.throws(() => readText(join(dir, "f"), 10), { code: "EFBIG" });
});

t.test("readDescriptor(): from where it stands to its end, up to a limit", async (t) => {
  const path = join(t.testdir({ f: "x".repeat(20_001) }), "f");
  const whole = Handle.open(path, O.RDONLY);
  t.equal(readDescriptor(whole.fd, 20_001).length, 20_001);
  t.equal(readDescriptor(whole.fd), "", "the end");
  whole.close();
  const long = Handle.open(path, O.RDONLY);
  t.throws(() => readDescriptor(long.fd, 20_000), { name: "SystemError", code: "EFBIG", syscall: "read" });
  long.close();
  t.throws(() => readDescriptor(9999), { code: "EBADF" });
});

t.test("readText() of what is no file to read", async (t) => {
  const dir = t.testdir({ f: "x" });
  t.throws(() => readText(`${dir}/no`), {
    code: "ENOENT",
    message: `read ${dir}/no: ENOENT: no such file or directory`,
  });
  t.equal(readTextIfThere(`${dir}/no`), undefined);
  t.equal(readTextIfThere(`${dir}/f/below`), undefined);
  t.throws(() => readTextIfThere(dir), { code: "EISDIR" });
  execFileSync("mkfifo", [`${dir}/fifo`]);
  t.equal(readTextIfThere(`${dir}/fifo`), "", "a fifo does not make it wait");
});

t.test("entries(): names and kinds, also of a folder that is larger than the first buffer", async (t) => {
  const dir = t.testdir({ file: "x", folder: {}, "é \n": "" });
  symlinkSync("nowhere", join(dir, "link"));
  execFileSync("mkfifo", [`${dir}/fifo`]);
  const found = entries(dir).map(({ name, kind }) => [name, kind]);
  t.strictSame(found.sort(), [
    ["fifo", "other"],
    ["file", "file"],
    ["folder", "dir"],
    ["link", "symlink"],
    ["é \n", "file"],
  ]);
  const names = Array.from({ length: 300 }, (_, index) => `${"n".repeat(200)}${index}`);
  mkdirSync(join(dir, "many"));
  for (const name of names) writeFileSync(join(dir, "many", name), "");
  t.strictSame(
    entries(`${dir}/many`)
      .map(({ name }) => name)
      .sort(),
    names.sort(),
  );
  t.throws(() => entries(`${dir}/no`), { code: "ENOENT", syscall: "readdir" });
});

t.test("status() and kindOf()", async (t) => {
  const dir = t.testdir({ file: "x" });
  symlinkSync("file", join(dir, "link"));
  symlinkSync("no", join(dir, "dangling"));
  chmodSync(join(dir, "file"), 0o4751);
  const { ino, dev, uid, gid } = statSync(join(dir, "file"));
  t.strictSame(status(`${dir}/link`), {
    kind: "file",
    mode: 0o4751,
    uid,
    gid,
    major: 0,
    minor: 0,
    inode: BigInt(ino),
    device: BigInt(dev),
  });
  t.match(status(`${dir}/link`, false), { kind: "symlink" });
  t.match(status(dir), { kind: "dir" });
  t.match(status("/dev/null"), { kind: "char", major: 1, minor: 3 });
  t.match(status("/proc/self/fd/0/.."), undefined);
  t.equal(status(`${dir}/dangling`), undefined);
  t.equal(status(`${dir}/file/below`), undefined);
  t.strictSame([dir, `${dir}/link`, "/dev/null", `${dir}/dangling`].map(kindOf), [
    "dir",
    "file",
    "file",
    "missing",
  ]);
});

t.test("Handle: opened close-on-exec, closed once, locked against others", async (t) => {
  const dir = t.testdir();
  const [one, two] = [Handle.open(dir, O.RDONLY | O.DIRECTORY), Handle.open(dir, O.RDONLY | O.DIRECTORY)];
  t.match(readFileSync(`/proc/self/fdinfo/${one.fd}`, "utf8"), /flags:\s*02/, "O_CLOEXEC is 02000000");
  t.strictSame([one.tryLock("shared"), two.tryLock("shared"), two.tryLock("exclusive")], [true, true, false]);
  one.close();
  const reused = openSync("/dev/null", "r");
  t.equal(reused, one.fd, "the number is somebody else's now");
  one.close();
  t.equal(kindOf(`/proc/self/fd/${reused}`), "file", "and closing twice does not touch it");
  t.equal(two.tryLock("exclusive"), true);
  two.close();
  t.throws(() => two.tryLock("shared"), { code: "EBADF", syscall: "flock" });
  t.throws(() => Handle.open(`${dir}/no`, O.RDONLY), { code: "ENOENT", syscall: "open" });
});

t.test("writeAll() and performAll() say what failed", async (t) => {
  const dir = t.testdir();
  const fd = openSync(join(dir, "f"), "w");
  writeAll(fd, "é".repeat(100_000));
  writeAll(fd, "");
  t.equal(statSync(join(dir, "f")).size, 200_000);
  t.throws(() => writeAll(openSync("/dev/full", "w"), "x"), { code: "ENOSPC", syscall: "write" });
  t.throws(() => performAll([{ do: "rmdir", path: `${dir}/no` }]), {
    code: "ENOENT",
    syscall: "rmdir",
    subject: `${dir}/no`,
  });
});
