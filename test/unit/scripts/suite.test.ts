import { existsSync } from "node:fs";
import t from "tap";
import { FLAVOURS, filesOf, leftOut, testFiles } from "../../../scripts/vm/flavours.ts";
import { SuiteReader } from "../../../scripts/vm/suite.ts";

t.test("what the guest says, however it is cut into pieces", async (t) => {
  const text = [
    "cp: a warning",
    "@@ begin build/test/e2e/a.test.js",
    "ok 1 - first",
    "not ok 2 - second",
    "  ---",
    "  diff: x",
    "  ...",
    "@@ end 1 7",
    "@@ begin build/test/e2e/a.test.js",
    "ok 1 - first",
    "ok 2 - second",
    "@@ end 0 6",
    "@@ begin build/test/e2e/b.test.js",
    "1..0 # needs root",
    "@@ end 0 1",
    "@@ begin build/test/e2e/c.test.js",
    "",
  ].join("\n");
  for (const size of [1, 7, text.length]) {
    const said: string[] = [];
    const reader = new SuiteReader((line) => said.push(line));
    for (let at = 0; at < text.length; at += size) reader.text(text.slice(at, at + size));
    t.match(reader.results, [
      { file: "test/e2e/a.test.ts", passed: 2, failed: 0, skipped: 0, seconds: 6, again: true },
      { file: "test/e2e/b.test.ts", without: "needs root", seconds: 1, again: false },
    ]);
    t.equal(reader.current, "test/e2e/c.test.ts");
    t.same(said, [
      "    cp: a warning",
      "    not ok 2 - second",
      "      ---",
      "      diff: x",
      "      ...",
      "not ok test/e2e/a.test.ts: 1 passed, 1 failed, 0 skipped (7 s)",
      "ok test/e2e/a.test.ts: 2 passed, 0 failed, 0 skipped, at the second attempt (6 s)",
      "ok test/e2e/b.test.ts: skipped: needs root (1 s)",
    ]);
  }
});

t.test("which files run where", async (t) => {
  const all = testFiles();
  t.equal(all.at(-1), "test/e2e/last/leftovers.test.ts");
  for (const { name } of FLAVOURS) {
    const files = filesOf(name, [], all);
    t.ok(files.length > 20, name);
    t.same(
      files.filter((file) => leftOut(file, name) !== undefined),
      [],
    );
    t.same(
      all.filter((file) => leftOut(file, name) === undefined && !files.includes(file)),
      [],
    );
  }
  t.same(
    filesOf("cgroupfs", ["clients/podman"], all),
    ["test/e2e/clients/podman.test.ts"],
    "asked for by name",
  );
  for (const file of all) t.ok(existsSync(file), file);
});
