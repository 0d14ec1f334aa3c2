/** Each kind of FileAction does what src/sys/file-actions.ts says of it, by the library that is built. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { type FileAction, perform } from "../../src/sys/files.ts";

if (!existsSync(join(PROJECT, "dist/libtsrun.so"))) {
  t.plan(0, "dist/libtsrun.so is not built");
  process.exit(0);
}

const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

/** A case: the folder before, the action, and what has to be true then. */
interface Case {
  readonly name: string;
  readonly before?: (dir: string) => void;
  readonly action: (dir: string) => FileAction;
  /** `CALL ERRNO`, or "" where it succeeds. */
  readonly answer?: string;
  readonly after?: (t: Test, dir: string) => void;
}

const ownUid = process.getuid?.() ?? -1;
const file =
  (name: string, text = "old") =>
  (dir: string) =>
    writeFileSync(join(dir, name), text);
const folder = (name: string) => (dir: string) => mkdirSync(join(dir, name), 0o750);
const holds = (name: string, text: string) => (t: Test, dir: string) =>
  void t.equal(readFileSync(join(dir, name), "utf8"), text);
const empty = (t: Test, dir: string) => void t.strictSame(readdirSync(dir), []);

const CASES: readonly Case[] = [
  {
    name: "symlink makes a link that says exactly this",
    action: (dir) => ({ do: "symlink", path: `${dir}/a`, to: "../no/such" }),
    after: (t, dir) => void t.equal(readlinkSync(`${dir}/a`), "../no/such"),
  },
  {
    name: "symlink over what is there",
    before: file("a"),
    action: (dir) => ({ do: "symlink", path: `${dir}/a`, to: "b" }),
    answer: "symlink EEXIST",
    after: holds("a", "old"),
  },
  {
    name: "chown changes the user alone",
    before: file("a"),
    action: (dir) => ({ do: "chown", path: `${dir}/a`, uid: ownUid === 0 ? 4_000_000_000 : ownUid }),
    after: (t, dir) => {
      const { uid, gid } = statSync(`${dir}/a`);
      t.strictSame([uid, gid], [ownUid === 0 ? 4_000_000_000 : ownUid, process.getgid?.()]);
    },
  },
  {
    name: "chown of what is not there",
    action: (dir) => ({ do: "chown", path: `${dir}/a`, uid: ownUid }),
    answer: "chown ENOENT",
  },
  {
    name: "chown only if it is there",
    action: (dir) => ({ do: "chown", path: `${dir}/a`, uid: ownUid, ifThere: true }),
    after: empty,
  },
  {
    name: "mkdir sets exactly the mode, whatever the umask",
    action: (dir) => ({ do: "mkdir", path: `${dir}/a`, mode: 0o2777 }),
    after: (t, dir) => void t.equal(mode(`${dir}/a`), "2777"),
  },
  {
    name: "mkdir of what is there",
    before: folder("a"),
    action: (dir) => ({ do: "mkdir", path: `${dir}/a`, mode: 0o700 }),
    answer: "mkdir EEXIST",
  },
  {
    name: "mkdir keeps what is there, its mode too",
    before: folder("a"),
    action: (dir) => ({ do: "mkdir", path: `${dir}/a`, mode: 0o700, keep: true }),
    after: (t, dir) => void t.equal(mode(`${dir}/a`), "750"),
  },
  {
    name: "mkdir makes no parents",
    action: (dir) => ({ do: "mkdir", path: `${dir}/a/b`, mode: 0o700, keep: true }),
    answer: "mkdir ENOENT",
  },
  {
    name: "write overwrites from the start and cuts nothing off",
    before: file("a", "longer"),
    action: (dir) => ({ do: "write", path: `${dir}/a`, text: "é" }),
    after: holds("a", "énger"),
  },
  {
    name: "write makes no file",
    action: (dir) => ({ do: "write", path: `${dir}/a`, text: "x" }),
    answer: "open ENOENT",
    after: empty,
  },
  {
    name: "write where there is none is tolerated on demand",
    action: (dir) => ({ do: "write", path: `${dir}/a`, text: "x", ifThere: true }),
    after: empty,
  },
  {
    name: "a write that the kernel refuses",
    action: () => ({ do: "write", path: "/proc/self/oom_score_adj", text: "nonsense" }),
    answer: "write EINVAL",
  },
  {
    name: "create makes a file with its whole text",
    action: (dir) => ({ do: "create", path: `${dir}/a`, text: "x".repeat(100_000), mode: 0o640 }),
    after: (t, dir) => void t.strictSame([statSync(`${dir}/a`).size, mode(`${dir}/a`)], [100_000, "640"]),
  },
  {
    name: "create of what is there",
    before: file("a"),
    action: (dir) => ({ do: "create", path: `${dir}/a`, text: "new", mode: 0o600 }),
    answer: "open EEXIST",
    after: holds("a", "old"),
  },
  {
    name: "create follows no link",
    before: (dir) => symlinkSync("b", join(dir, "a")),
    action: (dir) => ({ do: "create", path: `${dir}/a`, text: "new", mode: 0o600 }),
    answer: "open EEXIST",
  },
  {
    name: "rename replaces",
    before: (dir) => [file("a", "new")(dir), file("b")(dir)],
    action: (dir) => ({ do: "rename", path: `${dir}/a`, to: `${dir}/b` }),
    after: holds("b", "new"),
  },
  {
    name: "rename of nothing",
    action: (dir) => ({ do: "rename", path: `${dir}/a`, to: `${dir}/b` }),
    answer: "rename ENOENT",
  },
  { name: "unlink", before: file("a"), action: (dir) => ({ do: "unlink", path: `${dir}/a` }), after: empty },
  {
    name: "unlink of nothing",
    action: (dir) => ({ do: "unlink", path: `${dir}/a` }),
    answer: "unlink ENOENT",
  },
  {
    name: "unlink of nothing is tolerated on demand",
    action: (dir) => ({ do: "unlink", path: `${dir}/a`, ifThere: true }),
  },
  {
    name: "unlink of a folder",
    before: folder("a"),
    action: (dir) => ({ do: "unlink", path: `${dir}/a`, ifThere: true }),
    answer: "unlink EISDIR",
  },
  { name: "rmdir", before: folder("a"), action: (dir) => ({ do: "rmdir", path: `${dir}/a` }), after: empty },
  { name: "rmdir of nothing", action: (dir) => ({ do: "rmdir", path: `${dir}/a` }), answer: "rmdir ENOENT" },
  {
    name: "rmdir of nothing is tolerated on demand",
    action: (dir) => ({ do: "rmdir", path: `${dir}/a`, ifThere: true }),
  },
  {
    name: "rmdir of a full folder",
    before: (dir) => [folder("a")(dir), file("a/b")(dir)],
    action: (dir) => ({ do: "rmdir", path: `${dir}/a`, ifThere: true }),
    answer: "rmdir ENOTEMPTY",
  },
];

for (const { name, before, action, answer = "", after } of CASES) {
  t.test(name, async (t) => {
    const dir = t.testdir();
    chmodSync(dir, 0o755);
    before?.(dir);
    const failure = perform([action(dir)]);
    t.equal(failure === undefined ? "" : `${failure.syscall} ${failure.errno}`, answer);
    after?.(t, dir);
  });
}

t.test("actions are done in order up to the first that fails, which is named", async (t) => {
  const dir = t.testdir();
  const failure = perform([
    { do: "mkdir", path: `${dir}/a`, mode: 0o700 },
    { do: "create", path: `${dir}/a/é`, text: "", mode: 0o600 },
    { do: "rmdir", path: `${dir}/a` },
    { do: "mkdir", path: `${dir}/b`, mode: 0o700 },
  ]);
  t.strictSame(failure, { index: 2, syscall: "rmdir", errno: "ENOTEMPTY" });
  t.strictSame([readdirSync(dir), readdirSync(`${dir}/a`)], [["a"], ["é"]]);
  t.equal(perform([]), undefined, "none is none");
});
