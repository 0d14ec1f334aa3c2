/**
 * Filters of system calls by the executable's helper, tsrun-filter: what libtsrun makes in its own process, to the byte, and no
 * harm from a description that is none.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { dockerFilter } from "../../../scripts/docker-filter.ts";
import { filterDescription } from "../../../src/plan/seccomp.ts";
import { cstring } from "../../../src/sys/bytes.ts";
import { lib } from "../../../src/sys/lib.ts";
import { type Json, parse, small, withValue } from "../../unit/bundle/configs.ts";
import { noLibrary } from "../../unit/native.ts";
import { executableOf, folderFor, lacks, made } from "./engine.ts";
import { randomFrom } from "./inside/random.ts";

const skip = lacks || noLibrary;

function described(value: object): Uint8Array {
  const { seccomp } = parse(withValue(small(), "/linux/seccomp", value as Json)).bundle.linux;
  if (seccomp === undefined) throw new Error("no filter");
  return filterDescription(seccomp);
}

const RULES = [
  { names: ["mkdir", "openat2"], action: "SCMP_ACT_ERRNO", errnoRet: 1 },
  {
    names: ["personality"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }],
  },
  {
    names: ["clone"],
    action: "SCMP_ACT_KILL",
    args: [{ index: 0, value: 2114060288, valueTwo: 1, op: "SCMP_CMP_MASKED_EQ" }],
  },
];

const ALLOW = { defaultAction: "SCMP_ACT_ALLOW", syscalls: RULES };

/** Right ones and, behind them, such as libseccomp does not take. */
function filters(): readonly Uint8Array[] {
  const twice = { names: ["mkdir"], action: "SCMP_ACT_ALLOW" };
  const many = Array.from({ length: 3000 }, (_, value) => ({
    names: ["personality"],
    action: "SCMP_ACT_ALLOW",
    args: [{ index: 0, value, op: "SCMP_CMP_EQ" }],
  }));
  return [
    dockerFilter(),
    ALLOW,
    { ...ALLOW, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { ...ALLOW, architectures: ["SCMP_ARCH_AARCH64"] },
    { defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38, syscalls: [twice] },
    { ...ALLOW, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_S390X"] },
    { ...ALLOW, syscalls: [twice, ...RULES] },
    { ...ALLOW, syscalls: many },
  ].map(described);
}

/** Descriptions that were right and have been cut short, made longer, or changed by chance. */
function broken(count: number, seed: number): readonly Uint8Array[] {
  const random = randomFrom(seed);
  const right = described(ALLOW);
  const all = [Uint8Array.from([...right, 0]), new Uint8Array(4), new Uint8Array([1, 0, 0, 0])];
  for (let length = 1; length < right.length; length += 3) all.push(right.slice(0, length));
  for (let round = 0; round < count; round++) {
    const bytes = right.slice();
    for (let changes = random(3) + 1; changes > 0; changes--) bytes[random(bytes.length)] = random(256);
    all.push(random(2) === 0 ? bytes : bytes.subarray(0, random(bytes.length) + 1));
  }
  return all;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What libtsrun makes of it, in this process. */
function inProcess(description: Uint8Array): string {
  const [program, failed] = [new Uint8Array(4096 * 8), new Int32Array(3)];
  const length = description.length;
  const answer = lib().ts_filter(cstring(""), description, length, program, program.length, failed);
  return `${answer} ${failed.join(",")} ${hex(program.subarray(0, Math.max(0, answer)))}`;
}

t.test("the helper compiles what libtsrun compiles", { skip }, async (t) => {
  const folder = folderFor(t);
  const path = await executableOf("filter.ts", folder);
  const version = new Int32Array(3);
  const known = `${lib().ts_filter_library(version)} ${version.join(".")}`;
  const [right, wrong] = [filters(), broken(100, 1)];
  const file = join(folder, "descriptions");
  writeFileSync(file, [...right, ...wrong].map((each) => `${hex(each)}\n`).join(""));
  const { stdout, stderr } = await execa(path, [file], { stripFinalNewline: true });
  t.equal(stderr, "");
  const [library, ...answers] = stdout.split("\n");
  t.equal(library, known, "the same library");
  t.strictSame(answers, [...right, ...wrong].map(inProcess));
  const taken = answers.filter((line) => !line.startsWith("-")).length;
  t.ok(taken >= 4, `${taken} of ${answers.length} were compiled`);
  t.ok(
    new Set(answers.map((line) => line.split(" ").slice(0, 2).join(" "))).size >= 4,
    "and errors of several kinds",
  );
});

/** struct filter_answer (native/filter/filter.h). */
const ANSWER = { magic: 0x4e415354, count: 32, size: 36 + 256 };

t.test("the helper under sanitizers takes any description", { skip }, async (t) => {
  const filter = await made("tsrun-filter-sanitized");
  const run = async (input: Uint8Array | undefined): Promise<readonly [error: number, program: string]> => {
    // The sanitizer's own report goes to standard error, and its exit code is not 0.
    const from = input === undefined ? { stdin: "ignore" as const } : { input };
    const { stdout, stderr } = await execa(filter, { ...from, encoding: "buffer", stripFinalNewline: false });
    t.equal(Buffer.from(stderr).toString(), "");
    const view = new DataView(stdout.buffer, stdout.byteOffset, stdout.byteLength);
    t.equal(view.getUint32(0, true), ANSWER.magic);
    t.equal(stdout.length, ANSWER.size + 8 * view.getUint32(ANSWER.count, true));
    return [view.getInt32(4, true), hex(stdout.subarray(ANSWER.size))];
  };
  for (const each of [...filters(), ...broken(60, 2)]) {
    const [answer = "", , program = ""] = inProcess(each).split(" ");
    t.strictSame(await run(each), [Math.min(0, Number(answer)), program], `${each.length} bytes`);
  }
  t.strictSame(await run(undefined), [0, ""], "nothing: the library alone");
  const large = new Uint8Array((32 << 20) + 1);
  t.match(await run(large), [-27, ""], "too long");
  t.match(await run(large.subarray(1)), [Number, ""], "as long as it reads");
  const full = await execa("sh", ["-c", 'exec "$0" < /dev/null > /dev/full', filter], { reject: false });
  t.equal(full.exitCode, 1, "an answer that cannot be written");
});
