import t from "tap";
import type { Sample } from "../../../src/observe/sample.ts";
import { bar, humanBytes, statsTable } from "../../../src/observe/stats-table.ts";

t.test("bytes for people", async (t) => {
  for (const [bytes, text] of [
    [0, "0B"],
    [999, "999B"],
    [1000, "0.98KiB"],
    [1024, "1.00KiB"],
    [12.5 * 1024, "12.5KiB"],
    [128 * 1024, "128KiB"],
    [32 << 20, "32.0MiB"],
    [1023 * 1024, "1.00MiB"],
    [2 ** 62, "4.00EiB"],
  ] as const) {
    t.equal(humanBytes(bytes), text, String(bytes));
  }
});

t.test("bars are ten wide, whatever is asked", async (t) => {
  t.equal(bar(0, true), "░░░░░░░░░░");
  t.equal(bar(0.55, true), "█████▌░░░░");
  t.equal(bar(7, true), "██████████");
  t.equal(bar(-1, true), "░░░░░░░░░░");
  t.equal(bar(0.5, false), "[#####.....]");
  t.equal(bar(2, false), "[##########]");
});

const sample: Sample = {
  id: "web",
  cpuPercent: 12.34,
  cpu: { usage: 1, user: 1, system: 0, throttled: 0, quota: 0.5 },
  memory: { used: 16 << 20, total: 20 << 20, inactiveFile: 4 << 20, limit: 32 << 20, oomKills: 2 },
  pids: { current: 3, limit: 20 },
  io: { read: 4096, written: 0 },
  pressure: { cpu: 0, memory: 1.5, io: 100 },
};
const { quota: _, ...cpu } = sample.cpu;
const { limit: __, ...memory } = sample.memory;
const { pressure: ___, ...rest } = sample;
const free: Sample = {
  ...rest,
  id: "a-long-id",
  cpuPercent: undefined,
  cpu,
  memory,
  pids: { current: 1 },
};

t.test("the whole table", async (t) => {
  t.same(statsTable([sample, free], { unicode: false }), [
    "ID            CPU  OF QUOTA     MEMORY / LIMIT                PIDS / LIMIT     READ  WRITTEN  PSI CPU    MEM     IO  OOM KILLS",
    "web         12.3%     24.7%  16.0MiB / 32.0MiB  [#####.....]        3 / 20  4.00KiB       0B     0.0%   1.5%   100%          2",
    "a-long-id       -         -        16.0MiB / -                       1 / -  4.00KiB       0B        -      -      -          2",
  ]);
});

t.test("no container: the headers alone", async (t) => {
  const [line, ...more] = statsTable([], { unicode: true });
  t.match(line, /^ID +CPU +OF QUOTA +MEMORY \/ LIMIT +PIDS \/ LIMIT +READ .*OOM KILLS$/);
  t.same(more, []);
});

t.test("where there is no room, the least worth goes first, and no line is too long", async (t) => {
  for (let width = 4; width < 140; width++) {
    const lines = statsTable([sample, free], { unicode: true, width });
    t.equal(lines.length, 3);
    for (const line of lines) t.ok([...line].length <= width, `${width}: ${line}`);
  }
  const header = (width: number): string => statsTable([sample, free], { unicode: true, width })[0] ?? "";
  t.notMatch(header(110), "PSI");
  t.match(header(110), "READ");
  t.equal(header(66).replaceAll(/ {2,}/g, "  "), "ID  CPU  MEMORY / LIMIT  PIDS / LIMIT  OOM KILLS");
  t.same(statsTable([{ ...sample, id: "x".repeat(90) }], { unicode: true, width: 20 }), [
    "ID               CPU",
    `${"x".repeat(11)}…   12.3%`,
  ]);
  const [engines] = statsTable([{ ...sample, id: "a".repeat(64) }], { unicode: true, width: 80 });
  t.match(engines, /OF QUOTA .*OOM KILLS/, "a long id is cut before a column is left out");
});
