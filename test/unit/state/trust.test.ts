import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { UsageError } from "../../../src/error.ts";
import { isTrusted } from "../../../src/state/trust.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const folder = (path: string) => ({ what: "the folder", option: "--root", path });

t.test("isTrusted() makes what is missing with exactly these modes", async (t) => {
  const dir = t.testdir();
  const path = join(dir, "a/b/c");
  t.equal(isTrusted(folder(path)), false);
  t.notOk(existsSync(join(dir, "a")));
  t.equal(isTrusted(folder(path), { mode: 0o1700, above: 0o751 }), true);
  t.same(
    ["a", "a/b", "a/b/c"].map((name) => statSync(join(dir, name)).mode & 0o7777),
    [0o751, 0o751, 0o1700],
  );
  t.equal(isTrusted(folder(path), { mode: 0o700, above: 0o700 }), true);
  t.equal(statSync(path).mode & 0o7777, 0o1700, "what is there stays as it is");
  t.equal(isTrusted(folder(`${path}//../c/./`)), true);
});

t.test("isTrusted() follows links, and refuses what others can write", async (t) => {
  const dir = t.testdir();
  mkdirSync(join(dir, "open"));
  chmodSync(join(dir, "open"), 0o777);
  mkdirSync(join(dir, "open/own"), 0o700);
  symlinkSync("open/own", join(dir, "link"));
  for (const path of ["open", "open/own", "open/none", "link", "link/none"]) {
    const refusal = {
      name: UsageError.name,
      message: `the folder, ${dir}/${path}, cannot be trusted: ${dir}/open can be written by everybody (mode 0777), and what is in it decides what runs as ${process.geteuid?.() === 0 ? "root" : `user ${process.geteuid?.()}`}`,
      hint: `name another with --root: yours, and below folders that are yours or root's; or, if nobody else has put anything there, chmod go-w ${dir}/open`,
    };
    t.throws(() => isTrusted(folder(join(dir, path))), refusal);
    t.throws(() => isTrusted(folder(join(dir, path)), { mode: 0o700, above: 0o700 }), refusal);
  }
  chmodSync(join(dir, "open"), 0o1777);
  t.equal(isTrusted(folder(join(dir, "link"))), true, "a sticky folder on the way");
  const itself = { name: "UsageError", message: /mode 1777/, hint: /root's$/ };
  t.throws(() => isTrusted(folder(join(dir, "open"))), itself);
});

t.test("isTrusted() on paths that lead nowhere", async (t) => {
  const dir = t.testdir();
  writeFileSync(join(dir, "file"), "");
  symlinkSync("round", join(dir, "round"));
  t.equal(isTrusted(folder(join(dir, "file/below"))), false);
  t.throws(() => isTrusted(folder(join(dir, "file/below")), { mode: 0o700, above: 0o700 }), {
    message: /^make the folder, .*: open: ENOTDIR: /,
  });
  t.throws(() => isTrusted(folder(join(dir, "round"))), { message: /^look into the folder, .*: ELOOP: / });
  t.throws(() => isTrusted(folder(`/${"x".repeat(5000)}`)), { code: "ENAMETOOLONG" });
  t.throws(() => isTrusted(folder(join(dir, "x".repeat(256)))), { code: "ENAMETOOLONG" });
});
