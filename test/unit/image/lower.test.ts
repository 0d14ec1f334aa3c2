/** Trees of layers, read as an overlay of them would show them. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { LowerLayers } from "../../../src/image/lower.ts";

const { uid = 0, gid = 0 } = { uid: process.getuid?.(), gid: process.getgid?.() };
const ROOT = { uid, gid };

/** A tree of these paths: a folder, a file's content or a link's target. */
function tree(dir: string, paths: Readonly<Record<string, { link: string } | string | undefined>>): string {
  for (const [path, what] of Object.entries(paths)) {
    const at = join(dir, path);
    mkdirSync(what === undefined ? at : dirname(at), { recursive: true, mode: 0o755 });
    if (what === undefined) chmodSync(at, 0o755);
    else if (typeof what === "string") writeFileSync(at, what);
    else symlinkSync(what.link, at);
  }
  return dir;
}

function layers(dir: string, ...trees: readonly Parameters<typeof tree>[1][]): LowerLayers {
  return new LowerLayers(
    trees.map((paths, index) => ({
      tree: tree(join(dir, String(index)), paths),
      opaque: new Set(Object.keys(paths).filter((path) => path.startsWith("opaque"))),
    })),
  );
}

const asked = (
  implied: readonly string[],
  needed: readonly string[] = [],
  opaque: readonly string[] = [],
) => ({
  implied,
  needed,
  opaque,
});

t.test("nothing is otherwise where lower layers have the folder, or nothing", async (t) => {
  const lower = layers(t.testdir(), { etc: undefined });
  t.equal(lower.moves(asked(["etc", "etc/new", "other"]), ROOT).size, 0);
});

t.test("a link, and the folders that it leads to", async (t) => {
  const lower = layers(
    t.testdir(),
    {},
    { usr: undefined, "usr/lib": undefined, lib: { link: "two" }, two: { link: "/usr/lib" } },
  );
  const moves = lower.moves(asked(["lib", "lib/sub"]), ROOT);
  t.same(
    [...moves].map(([path, { to }]) => [path, to]),
    [["lib", "usr/lib"]],
  );
});

t.test("another mode or owner", async (t) => {
  const dir = t.testdir();
  const lower = layers(dir, {
    lib: { link: "usr/lib" },
    usr: undefined,
    "usr/lib": undefined,
    "usr/lib/sub": undefined,
  });
  chmodSync(join(dir, "0/usr/lib/sub"), 0o700);
  const moves = lower.moves(asked(["lib", "lib/sub"]), ROOT);
  t.match(moves.get("usr/lib/sub"), { to: "usr/lib/sub", mode: 0o700, uid, gid });
  t.equal(lower.moves(asked(["usr"]), { uid: uid + 1, gid }).get("usr")?.uid, uid, "than the root's");
});

t.test("what hides lower layers", async (t) => {
  const lower = layers(
    t.testdir(),
    { opaque: undefined, plain: "a file" },
    { "opaque/lib": { link: "usr" }, "plain/lib": { link: "usr" }, usr: undefined },
  );
  t.equal(lower.moves(asked(["opaque", "opaque/lib"]), ROOT).size, 0);
  t.throws(() => lower.moves(asked(["plain"]), ROOT), { code: "unsafe" });
  t.equal(lower.moves(asked(["plain"], [], ["plain"]), ROOT).size, 0, "unless it is hidden itself");
  t.equal(lower.find("plain/lib"), undefined);
});

t.test("what leads nowhere", async (t) => {
  const lower = layers(t.testdir(), {
    nowhere: { link: "none" },
    round: { link: "round" },
    up: { link: "../../etc" },
  });
  t.throws(() => lower.moves(asked(["nowhere"]), ROOT), { code: "unsafe" });
  t.throws(() => lower.moves(asked(["round"]), ROOT), { code: "unsafe" });
  t.throws(() => lower.moves(asked(["up"]), ROOT), { code: "unsafe" }, "not even to the host's");
  t.throws(() => lower.moves(asked(["missing"], ["missing"]), ROOT), { code: "unsafe" });
});

t.test("a file behind links", async (t) => {
  const lower = layers(
    t.testdir(),
    { etc: { link: "usr/etc" } },
    { "usr/etc/passwd": { link: "real" }, "usr/etc/real": "root" },
  );
  t.match(lower.find("etc/passwd"), { path: "usr/etc/real" });
  t.equal(lower.find("etc/group"), undefined);
});
