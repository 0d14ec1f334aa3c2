import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { execCgroups } from "../../../src/cgroup/sub.ts";

const PATHS = new Map([
  ["memory", "/sys/fs/cgroup/memory/c"],
  ["cpu", "/sys/fs/cgroup/cpu,cpuacct/c"],
  ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct/c"],
  ["", "/sys/fs/cgroup/unified/c"],
]);

function below(...wanted: readonly string[]): Record<string, string> {
  return Object.fromEntries(execCgroups(PATHS, wanted, process.pid));
}

const OWN = Object.fromEntries(PATHS);

t.test("nothing wanted: the container's own", async (t) => {
  t.same(below(), OWN);
});

t.test("one path for all", async (t) => {
  t.same(below("a/b"), Object.fromEntries([...PATHS].map(([name, dir]) => [name, `${dir}/a/b`])));
  for (const own of ["", "/", "."]) t.same(below(own), OWN, JSON.stringify(own));
});

t.test("a path for some", async (t) => {
  t.same(below("memory:a", "cpu,cpuacct:b/c"), {
    ...OWN,
    memory: `${OWN["memory"]}/a`,
    cpu: `${OWN["cpu"]}/b/c`,
    cpuacct: `${OWN["cpuacct"]}/b/c`,
  });
  t.same(below("memory:/"), OWN);
});

for (const path of [
  "..",
  "../c-x",
  "a/..",
  "a/../..",
  "/a",
  "a/",
  "a//b",
  "./a",
  "a/.",
  "a\n",
  "\na",
  "a\0",
  "a\u007f",
  "...//",
]) {
  for (const wanted of [path, `memory:${path}`]) {
    t.test(`refused: ${JSON.stringify(wanted)}`, async (t) => {
      t.throws(() => below(wanted), { name: "UsageError", message: `${path} is not a sub cgroup path` });
    });
  }
}

t.test("names that only look odd are names", async (t) => {
  t.equal(below("memory:...")["memory"], `${OWN["memory"]}/...`);
  t.equal(below("memory:..a/b..")["memory"], `${OWN["memory"]}/..a/b..`);
});

const WRONG: readonly [wanted: readonly string[], message: RegExp][] = [
  [["a", "b"], /invalid --cgroup argument: a \(missing <controller>: prefix\)/],
  [["memory:a", "b"], /invalid --cgroup argument: b \(missing/],
  [["memory:a:b"], /more than one colon/],
  [["nosuch:a"], /unknown controller nosuch in SubCgroupPaths/],
  [["memory,nosuch:a"], /unknown controller nosuch/],
  [["memory,memory:a"], /controller memory specified multiple times/],
  [["memory:a", "memory:b"], /controller memory specified multiple times/],
];

for (const [wanted, message] of WRONG) {
  t.test(wanted.join(" "), async (t) => t.throws(() => below(...wanted), { name: "UsageError", message }));
}

t.test("cgroup v2: beside a first process that has moved below", async (t) => {
  // The first process is this one, whose cgroup's name is what the kernel says.
  const folder = mkdtempSync(join(tmpdir(), "tsrun-test-sub-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const unified = join(folder, "c");
  mkdirSync(unified);
  const paths = new Map([["", unified]]);
  t.same(
    [...execCgroups(paths, [], process.pid)],
    [...paths],
    "no file says that controllers are handed down",
  );
  writeFileSync(join(unified, "cgroup.subtree_control"), "\n");
  t.same([...execCgroups(paths, [], process.pid)], [...paths], "none is");
  writeFileSync(join(unified, "cgroup.subtree_control"), "memory pids\n");
  t.same([...execCgroups(paths, [], process.pid)], [...paths], "the first process is not below it");
});
