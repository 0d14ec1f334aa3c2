import t from "tap";
import type { Op, Step } from "../../../src/plan/ops.ts";
import { opSpans, type Span, timesTable, traceJson } from "../../../src/plan/trace.ts";
import { CLONE, PLAN } from "../../../src/sys/constants.gen.ts";

/** One entry of tsrun-init's memory. */
type Entry = readonly [begin: bigint, end: bigint, failed?: number, value?: number];

function memory(...entries: readonly Entry[]): Uint8Array {
  const { size, begin, end, failed, value } = PLAN.trace;
  const view = new DataView(new ArrayBuffer(entries.length * size));
  for (const [index, entry] of entries.entries()) {
    view.setBigUint64(index * size + begin, entry[0], true);
    view.setBigUint64(index * size + end, entry[1], true);
    view.setUint32(index * size + failed, entry[2] ?? 0, true);
    view.setUint32(index * size + value, entry[3] ?? 0, true);
  }
  return new Uint8Array(view.buffer);
}

function steps(...ops: readonly Op[]): readonly Step[] {
  return ops.map((op) => ({ op, pointer: op.op === "hostname" ? "/hostname" : undefined }));
}

const LIFE = steps(
  { op: "trace" },
  { op: "unshare", flags: CLONE.NEWTIME },
  { op: "fork" },
  { op: "hostname", name: "box" },
  { op: "ready" },
  { op: "awaitStart" },
  { op: "exec" },
);

/** What matters of a span. */
function short({ track, begin, end, result, op }: Span): readonly unknown[] {
  return [op?.name, track, begin, end, result];
}

t.test("operations with their tracks, times and results", async (t) => {
  const noted = memory([1n, 2n], [3n, 4n], [5n, 8n], [9n, 10n], [11n, 12n], [13n, 14n], [15n, 0n]);
  t.strictSame(opSpans(LIFE, noted, 20n).map(short), [
    ["trace", "stage one", 1n, 2n, "ok"],
    ["unshare", "stage one", 3n, 4n, "ok"],
    ["fork", "stage one", 5n, 8n, "ok"],
    ["hostname", "first process", 9n, 10n, "ok"],
    ["ready", "first process", 11n, 12n, "ok"],
    ["awaitStart", "first process", 13n, 14n, "ok"],
    ["exec", "first process", 15n, 20n, "executed"],
  ]);
  const [, , , hostname] = opSpans(LIFE, noted, 20n);
  t.strictSame(hostname?.op, { name: "hostname", index: 3, stage: "rootfs", pointer: "/hostname" });
});

t.test("what failed, what has not ended, what has not begun", async (t) => {
  const { SYSCALL, HOOK_EXIT, UNSAFE } = PLAN.failures;
  for (const [detail, value, text] of [
    [SYSCALL, 13, "EACCES"],
    [SYSCALL, 9999, "errno 9999"],
    [HOOK_EXIT, 7, "HOOK_EXIT 7"],
    [UNSAFE, 0, "UNSAFE"],
    [77, 0, "failure 77"],
  ] as const) {
    const noted = memory([1n, 2n], [3n, 4n], [5n, 8n], [9n, 10n, detail + 1, value]);
    const spans = opSpans(LIFE, noted, 20n);
    t.equal(spans.length, 4, "nothing is told of what has not begun");
    t.strictSame(spans.at(-1)?.result, text);
  }
  const waits = memory([1n, 2n], [3n, 4n], [5n, 8n], [9n, 10n], [11n, 0n], [12n, 0n]);
  t.strictSame(
    opSpans(LIFE, waits, 20n)
      .slice(4)
      .map(({ result, end }) => [result, end]),
    [
      ["ok", 20n],
      ["still waiting", 20n],
    ],
  );
  t.equal(opSpans(LIFE, memory([1n, 2n], [3n, 0n]), 20n)[1]?.result, "no end");
  t.equal(opSpans(LIFE, memory([1n, 2n]).subarray(0, 20), 20n).length, 0, "memory that is cut short");
  t.strictSame(opSpans(LIFE, memory([5n, 4n]), 20n).map(short), [["trace", "stage one", 5n, 5n, "ok"]]);
});

t.test("a time namespace's clock is brought back to the host's", async (t) => {
  const noted = memory([1n, 2n], [3n, 4n], [5n, 1008n], [1009n, 1010n]);
  t.strictSame(
    opSpans(LIFE, noted, 20n, 1000n).map(({ begin, end }) => [begin, end]),
    [
      [1n, 2n],
      [3n, 4n],
      [5n, 8n],
      [9n, 10n],
    ],
  );
  const joins = steps({ op: "enter", flags: CLONE.NEWTIME | CLONE.NEWNS }, { op: "fork" });
  t.strictSame(
    opSpans(joins, memory([1n, 1002n], [1003n, 1004n]), 20n, 1000n).map(({ begin, end }) => [begin, end]),
    [
      [1n, 2n],
      [3n, 4n],
    ],
  );
});

const SPANS: readonly Span[] = [
  { track: "host", text: "start tsrun-init", begin: 1_000_001n, end: 1_500_002n, result: "ok" },
  ...opSpans(LIFE.slice(0, 2), memory([2_000_000n, 2_000_123n], [3_000_000n, 5_000_000n, 1, 1]), 9n),
];

t.test("the trace as JSON", async (t) => {
  const facts = {
    title: "tsrun create x",
    begin: 1_000_000n,
    end: 9_000_000n,
    pids: { host: 7, "stage one": 8, "first process": 9 },
    error: "it failed",
  };
  const trace = JSON.parse(traceJson(SPANS, facts));
  t.strictSame(trace.otherData, {
    title: "tsrun create x",
    begin: "1000000",
    clock: "CLOCK_MONOTONIC",
    ns: 8_000_000,
    error: "it failed",
  });
  const names = trace.traceEvents.filter(({ name }: { name: string }) => name === "thread_name");
  t.strictSame(
    names.map(({ tid, args }: { tid: number; args: { name: string } }) => [tid, args.name]),
    [
      [7, "host"],
      [8, "stage one"],
    ],
  );
  const events = trace.traceEvents.filter(({ ph }: { ph: string }) => ph === "X");
  t.strictSame(events[0], {
    ph: "X",
    name: "start tsrun-init",
    cat: "host",
    pid: 7,
    tid: 7,
    ts: 0.001,
    dur: 500.001,
    args: { result: "ok", ns: 500_001 },
  });
  t.match(events[1], { ts: 1000, dur: 0.123, tid: 8, args: { op: "trace", index: 0, stage: "namespaces" } });
  t.match(events[2], { name: "unshare CLONE_NEWTIME", args: { result: "EPERM" } });
});

t.test("the table, slowest first", async (t) => {
  const lines = timesTable(SPANS, 4_000_000n).trimEnd().split("\n");
  t.match(lines[1], /^ {2}2\.000000 {2}#{30} {2}stage one: unshare CLONE_NEWTIME: EPERM$/);
  t.match(lines[2], /^ {2}0\.500001 {2}#{8} {22} {2}host: start tsrun-init$/);
  t.match(lines[3], /^ {2}0\.000123 {2}# {29} {2}stage one: note the times of the operations$/);
  t.match(lines[4], /^ {2}4\.000000 {34}from the first step to the last$/);
});
