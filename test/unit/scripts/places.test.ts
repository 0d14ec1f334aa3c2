import t from "tap";
import type { FileResult } from "../../../scripts/tap.ts";
import {
  aligned,
  cell,
  countsLine,
  type Place,
  skippedEverywhere,
  total,
} from "../../../scripts/vm/places.ts";

function result(file: string, skips: readonly string[], without?: string): FileResult {
  return {
    file,
    passed: 3,
    failed: 0,
    skipped: skips.length,
    skips: skips.map((test) => ({ test, reason: `no ${test}` })),
    ...(without === undefined ? {} : { without }),
  };
}

function place(name: string, ...results: readonly FileResult[]): Place {
  return { name, results };
}

t.test("skipped everywhere", async (t) => {
  const cases: readonly (readonly [string, readonly Place[], readonly unknown[]])[] = [
    ["run elsewhere", [place("native", result("a", ["x"])), place("vm", result("a", []))], []],
    [
      "skipped in both",
      [place("native", result("a", ["x"])), place("vm", result("a", ["x"]))],
      [{ file: "a", test: "x", reasons: ["native: no x", "vm: no x"] }],
    ],
    [
      "the other place does not run the file",
      [place("native", result("a", ["x"])), place("vm")],
      [{ file: "a", test: "x", reasons: ["native: no x"] }],
    ],
    [
      "a test here, the whole file there",
      [place("native", result("a", ["x", "y"])), place("vm", result("a", [], "needs v1"))],
      [
        { file: "a", test: "x", reasons: ["native: no x", "vm: needs v1"] },
        { file: "a", test: "y", reasons: ["native: no y", "vm: needs v1"] },
      ],
    ],
    [
      "the whole file in both",
      [place("native", result("a", [], "needs v2")), place("vm", result("a", [], "needs v1"))],
      [{ file: "a", reasons: ["native: needs v2", "vm: needs v1"] }],
    ],
  ];
  for (const [what, places, wanted] of cases) t.same(skippedEverywhere(places), wanted, what);
});

t.test("cells", async (t) => {
  const one = place("vm", result("a", []), result("b", ["x"]), result("c", [], "why"), {
    ...result("d", []),
    failed: 2,
  });
  t.equal(cell(one, "a", undefined), "3");
  t.equal(cell(one, "b", undefined), "3, 1 skipped");
  t.equal(cell(one, "c", undefined), "skipped");
  t.equal(cell(one, "d", undefined), "2 FAILED");
  t.equal(cell(one, "e", "a reason"), "left out");
  t.equal(cell(one, "e", undefined), "-");
});

t.test("totals", async (t) => {
  const sum = total([
    { passed: 1, failed: 2, skipped: 3 },
    { passed: 10, failed: 20, skipped: 30 },
  ]);
  t.equal(countsLine(sum), "11 passed, 22 failed, 33 skipped");
});

t.test("columns", async (t) => {
  t.same(
    aligned([
      ["a", "long", "x"],
      ["bcd", "e", ""],
    ]),
    ["a    long  x", "bcd  e"],
  );
});
