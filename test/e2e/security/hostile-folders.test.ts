import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { canRace } from "../support/exchange.ts";
import { openHost } from "../support/host.ts";
import { given, raceWith } from "../support/hostile-user.ts";
import { type Entry, tarOf } from "../support/tar.ts";

const host = openHost({ only: "tsrun" });

const archive = join(host.dir, "image.tar");
const entries: Entry[] = Array.from({ length: 3000 }, (_, index) => ({
  // Folders without an entry are made on the way.
  name: `folder-${index}/in/file`,
  content: "x",
}));
writeFileSync(archive, tarOf(...entries));

t.test("a working folder's parent that is another user's", { timeout: 60_000 }, async (t) => {
  if (!canRace(t)) return;
  const parent = given(join(host.dir, "his"));
  const canary = join(host.dir, "canary");
  mkdirSync(canary);
  await raceWith(t, {
    args: [parent, canary],
    program: `
import os, sys
parent, canary = sys.argv[1:]
os.chdir(parent)
print("at it", flush=True)
count = 0
while True:
    for name in os.listdir("."):
        if ".partial-" not in name: continue
        count += 1
        try:
            os.rename(name, "gone-%d" % count)
            os.symlink(canary, name)
        except OSError: pass
`,
    attempt: async (count) => {
      const { code, stderr } = await host.call([
        "bundle",
        "-q",
        "--args",
        "x",
        archive,
        join(parent, `box-${count}`),
      ]);
      // He may keep it from being made there.
      if (code !== 0)
        t.match(
          stderr,
          /^somebody exchanges folders in [^\n]*\/his while tsrun works there; hint: [^\n]*\n$|^(mkdir|open|rename) [^\n]*\n$/,
        );
    },
    lost: () => readdirSync(canary)[0],
  });
  t.same(readdirSync(canary), []);
  t.equal(lstatSync(canary).uid, 0);
});

t.test("a tree that belongs to the mapped root", { timeout: 60_000 }, async (t) => {
  if (!canRace(t)) return;
  const parent = join(host.dir, "mapped");
  mkdirSync(parent);
  const canary = join(host.dir, "file-of-root");
  writeFileSync(canary, "untouched", { mode: 0o600 });
  const note = join(given(join(host.dir, "note"), { uid: 100_000, gid: 100_000 }), "entered");
  await raceWith(t, {
    user: { uid: 100_000, gid: 100_000 },
    args: [parent, canary, note],
    program: `
import os, sys
parent, canary, note = sys.argv[1:]
print("at it", flush=True)
while True:
    for name in os.listdir(parent):
        if ".partial-" not in name: continue
        try:
            folder = os.open(parent + "/" + name, os.O_PATH | os.O_DIRECTORY)
            try:
                os.stat("rootfs", dir_fd=folder)
                try: os.stat("config.json", dir_fd=folder)
                except FileNotFoundError: open(note, "w").close()
            finally: os.close(folder)
            root = parent + "/" + name + "/rootfs"
            for index in range(3000):
                place = root + "/folder-%d" % index
                os.rename(place, place + "-gone")
                os.symlink(canary, place)
        except OSError: pass
`,
    attempt: async (count) => {
      const box = join(parent, `box-${count}`);
      await host.call(["bundle", "-q", "--userns", "100000:65536", "--args", "x", archive, box]);
    },
    lost: () =>
      existsSync(note)
        ? "he was in the folder before it was whole"
        : lstatSync(canary).uid !== 0
          ? "the file is his"
          : undefined,
  });
  t.equal(lstatSync(canary).uid, 0);
  t.equal(lstatSync(canary).mode & 0o777, 0o600);
  // Afterwards he may: it is his container's.
  t.equal(lstatSync(join(parent, "box-0")).mode & 0o777, 0o711);
  t.equal(lstatSync(join(parent, "box-0/rootfs")).uid, 100_000);
  t.equal(lstatSync(join(parent, "box-0/rootfs/folder-1/in")).uid, 100_000);
  t.equal(lstatSync(join(parent, "box-0/rootfs/folder-1/in")).mode & 0o777, 0o755);
});

await host.end();
