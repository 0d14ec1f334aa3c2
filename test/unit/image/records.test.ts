/** Records: modes and owners are the entries' whatever the folder does to new files; a failure names its entry. */
import { chmodSync, lstatSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { encodeXattrs } from "../../../src/image/record.ts";
import { Records } from "../../../src/image/records.ts";

const dir = t.testdir();
const [uid, gid] = [process.geteuid?.() ?? 0, process.getegid?.() ?? 0];
const ROOT = uid === 0;
const owner = { uid, gid };

/** mode, uid and gid of a path below the folder. */
function facts(root: string, path: string): readonly [string, number, number] {
  const { mode, uid, gid } = lstatSync(join(root, path));
  return [(mode & 0o7777).toString(8), uid, gid];
}

const MODES = [0o644, 0o777, 0o600, 0o444, 0o4755, 0o2755, 0o1666, 0];

function writeFiles(records: Records, folder: string, ids: { uid: number; gid: number }): void {
  for (const mode of MODES) {
    const content = Buffer.from(`mode ${mode.toString(8)}`);
    records.from(content);
    records.file({ path: `${folder}${mode.toString(8)}`, mode, ...ids, seconds: 1 }, content);
    records.flush();
  }
}

function checkFiles(t: Test, root: string, folder: string, ids: { uid: number; gid: number }): void {
  for (const mode of MODES) {
    const path = `${folder}${mode.toString(8)}`;
    t.strictSame(facts(root, path), [mode.toString(8), ids.uid, ids.gid], path);
    if (ROOT) t.equal(readFileSync(join(root, path), "latin1"), `mode ${mode.toString(8)}`);
  }
}

/** A default ACL by which new files have no more than r-x for their group and nothing for others. */
const ACL = Buffer.concat([
  Buffer.from([2, 0, 0, 0]),
  ...(
    [
      [1, 7],
      [4, 5],
      [32, 0],
    ] as const
  ).map(([tag, permissions]) => Buffer.from([tag, 0, permissions, 0, 255, 255, 255, 255])),
]);

t.test("a plain folder, with a umask", async (t) => {
  const root = join(dir, "plain");
  mkdirSync(root);
  const before = process.umask(0o077);
  const records = new Records(root, owner);
  writeFiles(records, "", owner);
  records.dir({ path: "sub", ...owner });
  writeFiles(records, "sub/", owner);
  records.settle();
  records.close();
  t.equal(process.umask(before), 0o077, "the engine's umask is as it was");
  checkFiles(t, root, "", owner);
  checkFiles(t, root, "sub/", owner);
});

t.test("a folder that hands down its group", { skip: !ROOT && "needs root" }, async (t) => {
  const root = join(dir, "setgid");
  mkdirSync(root);
  chmodSync(root, 0o2777);
  const records = new Records(root, owner);
  records.xattrs({ path: "", uid: 0, gid: 1234 });
  records.settle();
  chmodSync(root, 0o2777);
  const other = { uid: 77, gid: 88 };
  writeFiles(records, "a-", owner);
  writeFiles(records, "b-", other);
  records.dir({ path: "sub", ...owner });
  writeFiles(records, "sub/", owner);
  records.settle();
  records.close();
  checkFiles(t, root, "a-", owner);
  checkFiles(t, root, "b-", other);
  checkFiles(t, root, "sub/", owner);
});

t.test("a folder that gets a default ACL after its first files", async (t) => {
  const root = join(dir, "acl");
  mkdirSync(root);
  const records = new Records(root, owner);
  records.dir({ path: "sub", ...owner });
  writeFiles(records, "sub/before-", owner);
  records.xattrs({ path: "sub", xattrs: encodeXattrs([["system.posix_acl_default", ACL]]) });
  writeFiles(records, "sub/after-", owner);
  records.settle();
  const lost = records.lostXattrs;
  records.close();
  if (lost > 0) {
    t.pass("the filesystem has no ACLs, and says so");
    return;
  }
  checkFiles(t, root, "sub/before-", owner);
  checkFiles(t, root, "sub/after-", owner);
});

t.test("a failure names the entry that failed, many records later", async (t) => {
  const root = join(dir, "failure");
  mkdirSync(root);
  const records = new Records(root, owner);
  t.throws(
    () => {
      for (let at = 0; at < 20_000; at++) {
        if (at === 9000) records.link({ path: "the-one", text: "not/there" });
        records.file({ path: `file${at}`, mode: 0o644, ...owner });
        if (at % 100 === 0) records.flush();
      }
      records.settle();
    },
    { code: "missing", message: /^the hard link "the-one" is to a file that is not there/ },
  );
  t.notOk(lstatSync(join(root, "file9000"), { throwIfNoEntry: false }), "nothing is written after it");
  records.close();
});

t.test("given up in the middle: nothing is written after the end", async (t) => {
  const root = join(dir, "given-up");
  mkdirSync(root);
  const records = new Records(root, owner);
  for (let at = 0; at < 5000; at++) records.file({ path: `file${at}`, mode: 0o644, ...owner });
  records.flush();
  records.close();
  rmSync(root, { recursive: true });
  t.throws(() => lstatSync(root), { code: "ENOENT" });
});
