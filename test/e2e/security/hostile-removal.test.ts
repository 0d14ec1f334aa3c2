/** Root removes what is left in folders where a hostile user renames, exchanges and plants names at the same time. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { canRace } from "../support/exchange.ts";
import { openHost } from "../support/host.ts";
import { given, raceWith } from "../support/hostile-user.ts";
import { type Entry, tarOf } from "../support/tar.ts";
import { USER } from "../support/user.ts";

const host = openHost({ only: "tsrun" });
/** No process has this pid: it is beyond PID_MAX_LIMIT. */
const NOBODY = 4_194_305;

/** A folder in which everybody may write, as /tmp. */
function sticky(path: string): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o1777);
  return path;
}

const archive = join(host.dir, "image.tar");
const entries: Entry[] = Array.from({ length: 3000 }, (_, index) => ({
  // Folders without an entry are made on the way.
  name: `folder-${index}/in/file`,
  content: "x",
}));
writeFileSync(archive, tarOf(...entries));

t.test("a folder that is moved upwards while it is removed", { timeout: 60_000 }, async (t) => {
  if (!canRace(t)) return;
  // Where a removal that climbs arrives at.
  const above = join(host.dir, "removal");
  const work = sticky(join(above, "a/b/c/d/work"));
  const out = given(join(work, "out"));
  const canaries = [
    "removal/canary",
    "removal/a/canary",
    "removal/a/b/canary",
    "removal/a/b/c/canary",
    "removal/a/b/c/d/canary",
  ];
  for (const canary of canaries) writeFileSync(join(host.dir, canary), "untouched");
  const top = join(work, `.box.partial-${NOBODY}`);
  const deep = join(top, "rootfs/1/2/3/4/5");
  let moved = 0;
  await raceWith(t, {
    // He holds the folders open, lest a removal that shuts those above keep him out.
    args: [join(top, "rootfs/1/2/3/4"), out],
    program: `
import os, sys
above, out = sys.argv[1:]
out = os.open(out, os.O_RDONLY)
print("at it", flush=True)
while True:
    try:
        folder = os.open(above, os.O_RDONLY)
        try:
            deep = os.open("5", os.O_RDONLY, dir_fd=folder)
            try:
                while len(os.listdir(deep)) == 3000: pass
                os.rename("5", "moved", src_dir_fd=folder, dst_dir_fd=out)
            finally: os.close(deep)
        finally: os.close(folder)
    except OSError: pass
`,
    attempt: async () => {
      for (const name of readdirSync(out)) rmSync(join(out, name), { recursive: true });
      mkdirSync(top);
      let at = join(top, "rootfs");
      for (const name of ["1", "2", "3", "4"]) {
        given(at);
        at = join(at, name);
      }
      given(at);
      // Under another name until all is there.
      const files = given(join(at, "not-yet"));
      execFileSync("sh", ["-c", 'cd "$0" && seq 3000 | xargs touch', files]);
      execFileSync("mv", [files, deep]);
      await host.must(["gc", work]);
      if (existsSync(join(out, "moved"))) moved++;
    },
    lost: () =>
      !existsSync(work)
        ? "the folder itself is gone"
        : canaries.find((canary) => !existsSync(join(host.dir, canary))),
  });
  t.comment(`${moved} times he moved it in time`);
  t.ok(moved > 0);
  t.notOk(existsSync(top), "what a killed one left is gone");
});

t.test("what another user has named like something left behind is not taken for it", async (t) => {
  const work = sticky(join(host.dir, "planted"));
  const planted = given(join(work, `.box.partial-${NOBODY}`));
  writeFileSync(join(given(join(planted, "in")), "file"), "untouched");
  const link = join(work, `.box.partial-${NOBODY + 1}`);
  symlinkSync(planted, link);
  const file = join(work, `.box.partial-${NOBODY + 2}`);
  writeFileSync(file, "untouched");
  chownSync(file, USER.uid, USER.gid);
  execFileSync("mkfifo", [join(work, `.box.partial-${NOBODY + 3}`)]);
  const own = join(work, `.box.partial-${NOBODY + 4}`);
  mkdirSync(join(own, "in"), { recursive: true });
  await host.must(["bundle", "-q", "--args", "x", archive, join(work, "box")]);
  await host.must(["gc", work]);
  t.equal(readFileSync(join(planted, "in/file"), "utf8"), "untouched");
  t.ok(lstatSync(link).isSymbolicLink());
  t.equal(readFileSync(file, "utf8"), "untouched");
  t.ok(lstatSync(join(work, `.box.partial-${NOBODY + 3}`)).isFIFO());
  t.notOk(existsSync(own), "the caller's own is removed");
  t.ok(existsSync(join(work, "box/config.json")));
});

t.test("trees deeper than any path", { timeout: 120_000 }, async (t) => {
  if (!canRace(t)) return;
  const work = join(host.dir, "deep");
  mkdirSync(work);
  const top = join(work, `.box.partial-${NOBODY}`);
  mkdirSync(top);
  const dig =
    "import os,sys\nos.chdir(sys.argv[1])\nfor i in range(int(sys.argv[2])):\n n=sys.argv[3]*int(sys.argv[4])\n open('f','w').close()\n os.mkdir(n)\n os.chdir(n)\n";
  execFileSync("python3", ["-c", dig, top, "300", "n", "255"]);
  await host.must(["gc", work]);
  t.same(readdirSync(work), [], "300 levels of 255 bytes");
  mkdirSync(top);
  execFileSync("python3", ["-c", dig, top, "20000", "d", "1"]);
  await host.must(["gc", work]);
  t.same(readdirSync(work), [], "20,000 levels");
});

await host.end();
