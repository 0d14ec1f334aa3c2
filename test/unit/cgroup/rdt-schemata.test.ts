import t from "tap";
import { differingLine, schemataLines } from "../../../src/cgroup/rdt-schemata.ts";

t.test("the lines of both schemas", async (t) => {
  const rows: readonly (readonly [string | undefined, string | undefined, readonly string[]])[] = [
    [undefined, undefined, []],
    ["L3:0=f;1=f", undefined, ["L3:0=f;1=f"]],
    ["L3:0=f\nMB:0=10", undefined, ["L3:0=f", "MB:0=10"]],
    ["L3:0=f\nMB:0=10\n", "MB:0=20", ["L3:0=f", "MB:0=20"]],
    [undefined, "MB:0=20", ["MB:0=20"]],
  ];
  for (const [l3CacheSchema, memBwSchema, lines] of rows) {
    t.strictSame(schemataLines({ l3CacheSchema, memBwSchema }), lines);
  }
});

t.test("what a schemata file does not hold", async (t) => {
  const file = "    MB:0= 20;1=100\n    L3:0=007F0;1=0\n";
  for (const line of ["L3:0=7f0", "L3:1=0;0=07F0", "MB:1=100", "MB:0=20;1=100", "L3:"]) {
    t.equal(differingLine([line], file), undefined, line);
  }
  for (const line of ["L3:0=7f", "L3:2=1", "L2:0=1", "MB:0=2"]) {
    t.equal(differingLine(["L3:1=0", line], file), line, line);
  }
});
