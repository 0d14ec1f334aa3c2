/** Over ordinary folders: what the walk does there is what it does in a hierarchy of cgroups. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import {
  hasPidsInTree,
  killsInTree,
  pidsInTree,
  removeBelow,
  thawTree,
} from "../../../src/sys/cgroup-tree.ts";
import { Handle, readText } from "../../../src/sys/files.ts";
import { removeTree } from "../../../src/sys/remove.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const top = mkdtempSync(join(tmpdir(), "tsrun-tree-"));
const home = process.cwd();
t.teardown(() => {
  process.chdir(home);
  removeTree(top);
});

const NAME = "n".repeat(255);
const LEVELS = 40;

/** A folder with so many levels below it, longer than PATH_MAX; `each` is called in every one. */
function deep(dir: string, each: (level: number) => void = () => undefined): void {
  mkdirSync(dir);
  process.chdir(dir);
  for (let level = 0; level < LEVELS; level++) {
    each(level);
    mkdirSync(NAME);
    process.chdir(NAME);
  }
  process.chdir(home);
}

const MS = 10_000;

t.test("pids of all levels, each once, in order; 0 among them", async (t) => {
  const dir = join(top, "pids");
  deep(dir, (level) => writeFileSync("cgroup.procs", `${level}\n${level * 100_000}\n7\n`));
  const expected = new Set([7]);
  for (let level = 0; level < LEVELS; level++) for (const pid of [level, level * 100_000]) expected.add(pid);
  const inOrder = [...expected].sort((a, b) => a - b);
  t.same(pidsInTree(dir, MS), { pids: inOrder, whole: true });
  t.equal(hasPidsInTree(dir, MS), true);
});

t.test("more pids than there is room for at first, over the edges of what is read at once", async (t) => {
  const dir = join(top, "many");
  mkdirSync(dir);
  const pids = Array.from({ length: 30_000 }, (_, index) => index + 1);
  writeFileSync(join(dir, "cgroup.procs"), pids.join("\n"));
  t.same(pidsInTree(dir, MS), { pids, whole: true });
});

t.test("none, and no cgroup", async (t) => {
  const dir = join(top, "none");
  mkdirSync(join(dir, "a/b"), { recursive: true });
  writeFileSync(join(dir, "a/cgroup.procs"), "");
  t.same(pidsInTree(dir, MS), { pids: [], whole: true });
  t.equal(hasPidsInTree(dir, MS), false);
  t.same(pidsInTree(join(top, "not-there"), MS), { pids: [], whole: true });
  t.same(removeBelow(join(top, "not-there"), MS), { count: 0, whole: true });
  t.throws(() => pidsInTree(join(dir, "a/cgroup.procs"), MS), { code: "ENOTDIR" });
});

t.test("kills are added up, thawing reaches all", async (t) => {
  const dir = join(top, "kills");
  deep(dir, () => {
    writeFileSync("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
    writeFileSync("freezer.state", "FROZEN");
    writeFileSync("cgroup.freeze", "1");
  });
  t.equal(killsInTree(dir, MS), 2 * LEVELS);
  thawTree(dir, true, MS);
  thawTree(dir, false, MS);
  process.chdir(dir);
  for (let level = 0; level < LEVELS; level++) {
    if (readFileSync("freezer.state", "utf8") !== "THAWED" || readFileSync("cgroup.freeze", "utf8") !== "0")
      t.fail(`level ${level} is frozen`);
    process.chdir(NAME);
  }
  process.chdir(home);
});

t.test("removing leaves what holds something, and those above it", async (t) => {
  const dir = join(top, "remove");
  deep(dir);
  for (let i = 0; i < 500; i++) mkdirSync(join(dir, `wide-${i}/x/y`), { recursive: true });
  mkdirSync(join(dir, "held/inner/free"), { recursive: true });
  writeFileSync(join(dir, "held/inner/file"), "");
  t.same(removeBelow(dir, MS), { count: LEVELS + 1500 + 1, whole: true });
  t.ok(existsSync(join(dir, "held/inner/file")));
  t.notOk(existsSync(join(dir, "held/inner/free")));
  t.notOk(existsSync(join(dir, NAME)));
});

t.test("no link is followed, of a folder or of a file", async (t) => {
  const dir = join(top, "links");
  mkdirSync(join(top, "other/inner"), { recursive: true });
  writeFileSync(join(top, "other/cgroup.procs"), "5\n");
  mkdirSync(join(dir, "a"), { recursive: true });
  symlinkSync(join(top, "other"), join(dir, "link"));
  symlinkSync(join(top, "other/cgroup.procs"), join(dir, "a/cgroup.procs"));
  t.throws(() => pidsInTree(dir, MS), { code: "ELOOP" });
  removeBelow(dir, MS);
  t.ok(existsSync(join(top, "other/inner")));
});

t.test("no time: an answer all the same", async (t) => {
  const dir = join(top, "late");
  for (let i = 0; i < 20_000; i++) mkdirSync(join(dir, String(i)), { recursive: true });
  writeFileSync(join(dir, "cgroup.procs"), "3\n");
  t.same(pidsInTree(dir, 0), { pids: [3], whole: false });
  mkdirSync(join(top, "slow/a"), { recursive: true });
  rmSync(join(dir, "cgroup.procs"));
  t.equal(hasPidsInTree(dir, 0), "unknown");
  t.equal(removeBelow(dir, 0).whole, false);
});

t.test("a path longer than PATH_MAX is opened, read and written", async (t) => {
  const dir = join(top, "long");
  deep(dir, () => writeFileSync("file", "text"));
  const path = [dir, ...Array.from({ length: LEVELS - 1 }, () => NAME), "file"].join("/");
  t.equal(readText(path), "text");
  Handle.open(path, 0).close();
  t.throws(() => readText(path.replace("/file", "/none")), { code: "ENOENT" });
  t.throws(() => readText(`/${"n".repeat(5000)}`), { code: "ENAMETOOLONG" });
  t.throws(() => readText(`/${"n".repeat(5000)}/file`), { code: "ENAMETOOLONG" });
});
