/** What a tsrun that was killed leaves beside the containers' folders: told from what a living one is making. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { leftoversOf, removeLeftover, unfinishedIn } from "../../../src/state/leftovers.ts";
import { O } from "../../../src/sys/constants.gen.ts";
import { Handle } from "../../../src/sys/files.ts";
import { clock } from "../../../src/sys/process.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const dead = spawnSync("true").pid;
const now = clock("monotonic");
const names = (found: readonly { readonly path: string }[]): string[] =>
  found.map(({ path }) => path.slice(path.lastIndexOf("/") + 1)).sort();

t.test("folders of containers that were being made or removed", async (t) => {
  const root = t.testdir();
  const before = now / 2n;
  const gone = [`~a~${dead}~${now}`, `~b~${dead}~${before}`, `~c~${process.pid}~${now + 10n ** 15n}`];
  // This process began in the second half of the time since the boot, so that an older folder's pid is another's.
  const reused = `~d~${process.pid}~${before}`;
  const kept = ["e", `~f~${process.pid}~${now}`, "~seccomp", "~", "~g~", `~h~x~${now}`, `.~i~${dead}~${now}`];
  for (const name of [...gone, reused, ...kept]) {
    mkdirSync(join(root, name));
    writeFileSync(join(root, name, "state.json"), "{}");
  }
  const locked = `~j~${dead}~${before}`;
  mkdirSync(join(root, locked));
  const lock = Handle.open(join(root, locked), O.RDONLY | O.DIRECTORY);
  t.ok(lock.tryLock("exclusive"));

  const found = leftoversOf(root);
  t.strictSame(names(found), [...gone, reused].sort());
  for (const each of found) t.equal(removeLeftover(each), true);
  t.strictSame(readdirSync(root).sort(), [...kept, locked].sort());
  t.equal(removeLeftover({ path: join(root, locked), kind: "folder" }), false, "what is locked stays");
  t.ok(existsSync(join(root, locked)));
  lock.close();
  t.strictSame(names(leftoversOf(root)), [locked]);
});

t.test("files that were being written", async (t) => {
  const living = spawn("sleep", ["100"]);
  t.teardown(() => living.kill());
  const root = t.testdir({
    [`~~${dead}~${now}`]: "a socket",
    "~seccomp": { "0123~": "", [`0123~${dead}`]: "", [`0123~${living.pid}`]: "", "0123": "a filter" },
  });
  const found = leftoversOf(root);
  t.strictSame(names(found), [`0123~${dead}`, `~~${dead}~${now}`]);
  for (const each of found) removeLeftover(each);
  t.strictSame(readdirSync(join(root, "~seccomp")).sort(), ["0123", "0123~", `0123~${living.pid}`]);
});

t.test("images that were being unpacked", async (t) => {
  const living = spawn("sleep", ["100"]);
  t.teardown(() => living.kill());
  const folder = t.testdir({
    [`.box.partial-${dead}`]: { rootfs: { etc: { passwd: "" } } },
    [`.file.partial-${dead}`]: "",
    [`.box.partial-${living.pid}`]: {},
    [`box.partial-${dead}`]: {},
    ".box.partial-": {},
    box: {},
    outside: { file: "" },
  });
  symlinkSync(join(folder, "outside"), join(folder, `.box.partial-${dead}/rootfs/link`));
  symlinkSync(join(folder, "outside"), join(folder, `.link.partial-${dead}`));
  const found = unfinishedIn(folder);
  t.strictSame(names(found), [`.box.partial-${dead}`, `.file.partial-${dead}`]);
  for (const each of found) t.equal(removeLeftover(each), true);
  t.ok(existsSync(join(folder, "outside/file")), "links lead nowhere");
  t.strictSame(unfinishedIn(folder), []);
  t.throws(() => unfinishedIn(join(folder, "missing")), { code: "ENOENT" });
});

t.test("a state root that is not there", async (t) => {
  t.strictSame(leftoversOf(join(t.testdir(), "missing")), []);
});
