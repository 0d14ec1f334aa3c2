import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { encode } from "../../../src/plan/encode.ts";
import type { Op, Plan, Step } from "../../../src/plan/ops.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";
import { bundle, decode, facts, hook, options } from "./support.ts";

function planOf(...ops: Op[]): Plan {
  return planOfAll(ops);
}

function planOfAll(ops: readonly Op[]): Plan {
  return { steps: ops.map((op): Step => ({ op, pointer: "/here" })), sources: [], warnings: [] };
}

t.test("every operation of a plan comes back as it was", async (t) => {
  const hooks = { createContainer: [{ ...hook("/h"), env: ["A=ä€𐍈"] }] };
  const plan = compile(bundle({ hooks, process: { oomScoreAdj: 1000 } }), facts(), options());
  const { header, ops } = decode(encode(plan));
  t.strictSame(header, [PLAN.magic, PLAN.version, encode(plan).length, plan.steps.length]);
  t.strictSame(
    ops,
    plan.steps.map(({ op }) => op),
  );
});

t.test("every field of plan.h is written, whatever the operation", async (t) => {
  const sample = {
    U32: 0xffffffff,
    U64: 0xfedcba9876543210n,
    STR: "x",
    STRS: ["", "abc"],
    U64S: [1n, 1n << 63n],
    BYTES: Uint8Array.from([1, 0, 255, 0, 9]),
  };
  for (const [name, { fields }] of Object.entries(PLAN.ops)) {
    const op = Object.fromEntries([["op", name], ...fields.map(([field, kind]) => [field, sample[kind]])]);
    t.strictSame(decode(encode(planOf(op as Op))).ops, [op], name);
  }
});

t.test("signed numbers are two's complement, texts are UTF-8 of any length", async (t) => {
  for (const value of [-1n, -(1n << 63n), (1n << 64n) - 1n, 1n << 32n]) {
    t.match(decode(encode(planOf({ op: "oomScoreAdj", value }))).ops, [{ value: BigInt.asUintN(64, value) }]);
  }
  for (const name of ["", "a", "abc", "abcd", "aé", "é", "x".repeat(70000), "€".repeat(30000)]) {
    t.strictSame(decode(encode(planOf({ op: "hostname", name }))).ops, [{ op: "hostname", name }]);
  }
});

t.test("what tsrun-init would refuse is refused here, with the place that asked for it", async (t) => {
  const refused = (op: Op) => () => encode(planOf(op));
  const limit = { name: "BundleError", code: "limit", pointer: "/here" };
  for (const name of ["a\0b", "é\0", "\0"]) {
    t.throws(refused({ op: "hostname", name }), { code: "format", pointer: "/here" }, JSON.stringify(name));
  }
  t.throws(refused({ op: "hostname", name: "x".repeat(PLAN.maxString + 1) }), limit);
  t.throws(refused({ op: "hostname", name: "é".repeat(PLAN.maxString / 2 + 1) }), limit);
  t.throws(refused({ op: "umask", mask: 2 ** 32 }), {
    ...limit,
    message: "mask 4294967296 does not fit into 32 bits",
  });
  t.throws(refused({ op: "umask", mask: -1 }), limit);
  const big: Op = { op: "hostname", name: "x".repeat(PLAN.maxString) };
  t.throws(() => encode(planOf(...Array.from({ length: 17 }, () => big))), limit);
  const many = Array.from({ length: PLAN.maxOps + 1 }, (): Op => ({ op: "session" }));
  t.throws(() => encode(planOfAll(many)), { ...limit, message: /more than 65536 operations/ });
  t.equal(decode(encode(planOfAll(many.slice(1)))).ops.length, PLAN.maxOps);
});
