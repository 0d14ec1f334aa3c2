/** Names of entries and of images. */
import t from "tap";
import { cleanName, splitPath, whiteoutOf } from "../../../src/image/names.ts";
import { isNamed, normalize } from "../../../src/image/reference.ts";

t.test("names become paths below the root", async (t) => {
  const cases: readonly [string, string][] = [
    ["a/b", "a/b"],
    ["./a/b/", "a/b"],
    ["/a//b/./c", "a/b/c"],
    ["", ""],
    [".", ""],
    ["./", ""],
    ["/", ""],
    ["..a/b..", "..a/b.."],
    ["a/...", "a/..."],
    [".hidden", ".hidden"],
  ];
  for (const [name, path] of cases) t.equal(cleanName(name), path, JSON.stringify(name));
});

t.test("names that no entry may have", async (t) => {
  for (const name of ["..", "../a", "a/../b", "/..", "a/..", "./.."]) {
    t.throws(() => cleanName(name), { code: "unsafe", message: /leads out/ }, name);
  }
  t.throws(() => cleanName("a\0b"), { code: "unsafe", message: /NUL/ });
  t.throws(() => cleanName("x".repeat(256)), { code: "limit", message: /longer than 255/ });
  t.throws(() => cleanName(`${"x/".repeat(2048)}y`), { code: "limit", message: /longer than 4095/ });
});

t.test("whiteouts", async (t) => {
  t.same(splitPath("a/b/c"), ["a/b", "c"]);
  t.same(splitPath("c"), ["", "c"]);
  t.same(whiteoutOf("x"), { kind: "none" });
  t.same(whiteoutOf(".wh"), { kind: "none" });
  t.same(whiteoutOf(".wh.x"), { kind: "remove", base: "x" });
  t.same(whiteoutOf(".wh..x"), { kind: "remove", base: ".x" });
  t.same(whiteoutOf(".wh..wh..opq"), { kind: "opaque" });
  t.same(whiteoutOf(".wh..wh.plnk"), { kind: "note" });
  for (const base of [".wh.", ".wh..", ".wh..."]) t.throws(() => whiteoutOf(base), { code: "unsafe" }, base);
});

t.test("names of images", async (t) => {
  t.same(normalize("busybox"), { repository: "docker.io/library/busybox", tag: "latest" });
  t.same(normalize("me/x:2"), { repository: "docker.io/me/x", tag: "2" });
  t.same(normalize("localhost:5000/x"), { repository: "localhost:5000/x", tag: "latest" });
  t.same(normalize("a.b/x:1@sha256:00"), { repository: "a.b/x", tag: "1" });
  const cases: readonly [name: string, wanted: string, same: boolean][] = [
    ["docker.io/library/busybox:latest", "busybox", true],
    ["docker.io/library/busybox:1", "busybox:1", true],
    ["docker.io/library/busybox:1", "busybox", false],
    ["localhost/x:1", "x:1", true],
    ["docker.io/library/busybox:1.36", "1.36", true],
    ["1.36", "1.36", true],
    ["quay.io/a/b:1", "a/b:1", false],
  ];
  for (const [name, wanted, same] of cases) t.equal(isNamed(name, wanted), same, `${name} for ${wanted}`);
});
