/** Where a layer's folders are, without any tree: by what the layer has made, and what is told of lower ones. */
import t from "tap";
import { Folders } from "../../../src/image/folders.ts";

/** Lower layers that have these links; what was asked for is noted. */
function below(links: Readonly<Record<string, string>>, follow = true) {
  const asked: string[] = [];
  const folders = new Folders({
    follow,
    find: (path, own) => {
      asked.push(own ? `${path}!` : path);
      return links[path] ?? path;
    },
  });
  return { folders, asked };
}

t.test("a folder without an entry is asked for once", async (t) => {
  const { folders, asked } = below({});
  t.same(folders.of("a/b"), { path: "a/b", own: false, moved: false });
  t.same(folders.of("a/b"), { path: "a/b", own: false, moved: false });
  t.same(asked, ["a", "a/b"]);
  t.ok(folders.has("a/b"));
  folders.note("c", undefined);
  t.equal(folders.of("c").path, "c", "one with an entry is not");
  t.same(asked, ["a", "a/b"]);
});

t.test("a lower layer's link leads elsewhere, and what it leads to is asked for too", async (t) => {
  const { folders, asked } = below({ lib: "usr/lib" });
  t.same(folders.of("lib/x"), { path: "usr/lib/x", own: false, moved: true });
  t.same(asked, ["lib", "usr", "usr/lib", "usr/lib/x"]);
  folders.note("lib", undefined);
  t.same(folders.of("lib/x"), { path: "lib/x", own: false, moved: false }, "until the layer replaces it");
});

t.test("a link of the layer's own", async (t) => {
  const { folders, asked } = below({ lib: "usr/lib" });
  folders.note("a/l", "../lib/./y");
  t.same(folders.of("a/l/z"), { path: "usr/lib/y/z", own: true, moved: true });
  t.same(asked, ["lib!", "usr", "usr/lib", "usr/lib/y!", "usr/lib/y/z!"]);
  folders.note("up", "../../../..");
  t.equal(folders.of("up/b").path, "b", "which does not lead out");
  const other = below({}, false).folders;
  other.note("l", "elsewhere");
  t.same(
    other.of("l/x"),
    { path: "l/x", own: true, moved: false },
    "is left to the kernel where it can follow it",
  );
});

t.test("links without an end", async (t) => {
  const { folders } = below({});
  folders.note("l", "l/l");
  t.throws(() => folders.of("l/x"), { code: "unsafe" });
  // Each would double what the one before takes.
  for (let index = 0; index < 50; index++) folders.note(`d${index}`, `d${index + 1}/../d${index + 1}`);
  t.throws(() => folders.of("d0"), { code: "unsafe" });
});
