import t from "tap";
import { resultsOf, sourceOf, TapReader } from "../../../scripts/tap.ts";

const REPORT = `# runtime under test: dist/tsrun
TAP version 14
# Subtest: two assertions
    ok 1 - should be equal
    not ok 2 - should be equivalent
      ---
      diff: |
        ok 7 - not an assertion
      ...
    
    1..2
not ok 1 - two assertions # time=12ms
  ---
  at:
    lineNumber: 1
  ...

# Subtest: around
    # Subtest: inner
        ok 1 - not applicable # SKIP needs strace
        1..1
    ok 1 - inner # time=1ms
    1..1
ok 2 - around # time=2ms

ok 3 - left # SKIP why
1..3
# { total: 4, pass: 1, fail: 1, skip: 2 }
`;

function read(report: string, status: number): ReturnType<TapReader["end"]> {
  const reader = new TapReader("test/e2e/x.test.ts");
  for (const line of report.split("\n")) reader.line(line);
  return reader.end(status);
}

t.test("assertions count, the ends of subtests do not", async (t) => {
  t.same(read(REPORT, 1), {
    file: "test/e2e/x.test.ts",
    passed: 1,
    failed: 1,
    skipped: 2,
    skips: [
      { test: "around > inner > not applicable", reason: "needs strace" },
      { test: "left", reason: "why" },
    ],
  });
});

t.test("which lines tell of a failure", async (t) => {
  const reader = new TapReader("x");
  const told = REPORT.split("\n").filter((line) => reader.line(line));
  t.equal(told.length, 6);
  t.match(told, [/not ok 2/, /---/, /diff/, /not an assertion/, /\.\.\./, /not ok 1 - two/]);
});

t.test("a file that was skipped as a whole", async (t) => {
  const { without, ...rest } = read("TAP version 14\n1..0 # needs root\n# time=7ms\n", 0);
  t.equal(without, "needs root");
  t.same(rest, { file: "test/e2e/x.test.ts", passed: 0, failed: 0, skipped: 1, skips: [] });
});

t.test("a file that ends badly without a failed assertion has failed", async (t) => {
  t.equal(read("TAP version 14\nok 1 - first\n", 124).failed, 1);
});

t.test("what tap run writes of several files", async (t) => {
  const nested = REPORT.split("\n")
    .map((line) => `    ${line}`)
    .join("\n");
  const text = [
    "TAP version 14",
    "# Subtest: build/test/e2e/one.test.js",
    nested,
    "not ok 1 - build/test/e2e/one.test.js # time=3ms",
    "",
    "# Subtest: build/test/unit/two.test.js",
    "    1..0 # only tsrun does this",
    "ok 2 - build/test/unit/two.test.js # SKIP only tsrun does this",
    "1..2",
  ].join("\n");
  t.match(resultsOf(text), [
    { file: "test/e2e/one.test.ts", passed: 1, failed: 1, skipped: 2 },
    { file: "test/unit/two.test.ts", passed: 0, failed: 0, skipped: 1, without: "only tsrun does this" },
  ]);
});

t.test("the source of a compiled test", async (t) => {
  t.equal(sourceOf("build/test/e2e/kill.test.js"), "test/e2e/kill.test.ts");
});
