/**
 * native/plan.h and the Op union say the same. Names, fields and kinds are compared by the compiler: if they differ, this
 * file does not compile. The bytes are compared by having C read what TypeScript wrote.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { encode } from "../../src/plan/encode.ts";
import type { Op, OpName } from "../../src/plan/ops.ts";
import { PLAN } from "../../src/sys/constants.gen.ts";

type Table = typeof PLAN.ops;

/** The TypeScript type of each kind of field. */
interface Kinds {
  readonly U32: number;
  readonly U64: bigint;
  readonly STR: string;
  readonly STRS: readonly string[];
  readonly U64S: readonly bigint[];
  readonly BYTES: Uint8Array;
}

type FromTable<Name extends keyof Table> = {
  readonly [Field in Table[Name]["fields"][number] as Field[0]]: Kinds[Field[1]];
};
type FromUnion<Name extends OpName> = Omit<Extract<Op, { op: Name }>, "op">;
type Same<A, B> = [A, B, keyof A, keyof B] extends [B, A, keyof B, keyof A] ? true : false;

const sameNames: Same<keyof Table, OpName> = true;
const sameFields: {
  readonly [Name in keyof Table]: Name extends OpName ? Same<FromTable<Name>, FromUnion<Name>> : false;
} = Object.fromEntries(Object.keys(PLAN.ops).map((name) => [name, true])) as { [Name in keyof Table]: true };

const NAMES = Object.keys(PLAN.ops) as OpName[];

/** Each field gets a value of its own, so that none can be taken for another. */
function sampler(): (name: string, kind: keyof Kinds) => Kinds[keyof Kinds] {
  let next = 0x1234;
  return (name, kind) => {
    next += 1;
    switch (kind) {
      case "U32":
        // The one number that the reader looks at: a namespace's type, CLONE_NEWNS.
        return name === "ns" ? 0x20000 : 0xf0000000 + next;
      case "U64":
        return (BigInt(next) << 40n) + BigInt(next);
      case "STR":
        return `/text ${next} ä€𐍈`;
      case "STRS":
        return [`one ${next}`, "", `three ${next}`];
      case "U64S":
        return [BigInt(next), (1n << 64n) - BigInt(next)];
      case "BYTES":
        return Uint8Array.from([next & 0xff, 0, 0xff, next >> 8, 7]);
      default:
        return kind satisfies never;
    }
  };
}

function samples(names: readonly OpName[]): readonly Op[] {
  const sample = sampler();
  return names.map((name) => {
    const fields = PLAN.ops[name].fields.map(([field, kind]) => [field, sample(field, kind)]);
    return { op: name, ...Object.fromEntries(fields) } as Op;
  });
}

/** What dump-plan prints of an operation. */
function printed(op: Op): string {
  const values = op as unknown as Readonly<Record<string, Kinds[keyof Kinds]>>;
  const lines = [`op ${op.op}`];
  for (const [field, kind] of PLAN.ops[op.op].fields) {
    const value = values[field];
    lines.push(`field ${field} ${kind}`);
    if (value instanceof Uint8Array) lines.push(`value ${Buffer.from(value).toString("hex")}`);
    else
      for (const each of Array.isArray(value) ? value : [value]) {
        lines.push(`value ${typeof each === "string" ? Buffer.from(each).toString("hex") : String(each)}`);
      }
  }
  return lines.map((line) => `${line}\n`).join("");
}

t.test("names, fields and kinds are the same in plan.h and in the Op union", async (t) => {
  t.ok(sameNames, "the compiler has compared the names");
  t.strictSame(new Set(Object.values(sameFields)), new Set([true]), "and the fields");
  const codes = NAMES.map((name) => PLAN.ops[name].code);
  t.equal(new Set(codes).size, codes.length, "each has a number of its own");
});

const has = (program: string): boolean => spawnSync(program, ["--version"]).error === undefined;

t.test(
  "C reads each operation as TypeScript wrote it",
  { skip: !(has("make") && has("gcc")) && "needs make and gcc" },
  async (t) => {
    await execa("make", ["-s", "-C", join(PROJECT, "native"), "../build/native/dump-plan"]);
    // The reader wants the operations in an order that makes sense, which that of their numbers is, and one way to
    // change the root.
    for (const other of ["moveRoot", "pivotRoot"] as const) {
      const ops = samples(NAMES.filter((name) => name !== other));
      const steps = ops.map((op) => ({ op, pointer: undefined }));
      const bytes = encode({ steps, sources: [], warnings: [] });
      const { stdout, stderr } = await execa(join(PROJECT, "build/native/dump-plan"), {
        input: bytes,
        reject: false,
        stripFinalNewline: false,
      });
      t.equal(stderr, "", `without ${other}: the reader takes it`);
      t.strictSame(stdout.split(/(?=^op )/m), ops.map(printed), `without ${other}: every field came over`);
    }
  },
);
