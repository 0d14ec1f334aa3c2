/**
 * The programs are run here, by an interpreter of the few instructions that they have, and compared with what the rules say,
 * letter by letter.
 */
import t from "tap";
import type { DeviceRule } from "../../../src/bundle/types.ts";
import { compileDeviceProgram, INSTRUCTION_SIZE } from "../../../src/cgroup/device-program.ts";
import { resources } from "./sample.ts";

/** `+c 1:3 rw` allows, `-a *:* rwm` denies. */
function rule(text: string): DeviceRule {
  const [, sign, type, major, minor, access] = /^([+-])([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(text) ?? [];
  if (type !== "a" && type !== "b" && type !== "c") throw new Error(`bad rule in the test: ${text}`);
  const number = (digits: string | undefined): number | undefined =>
    digits === "*" ? undefined : Number(digits);
  return { allow: sign === "+", type, major: number(major), minor: number(minor), access: access ?? "" };
}

const program = (rules: readonly DeviceRule[]): Uint8Array =>
  compileDeviceProgram(resources({ devices: rules })).instructions;
const count = (rules: readonly DeviceRule[]): number => program(rules).length / INSTRUCTION_SIZE;

interface Access {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  /** Of `rwm`, in any order. */
  readonly letters: string;
}

interface Decoded {
  readonly opcode: number;
  readonly to: number;
  readonly from: number;
  readonly offset: number;
  readonly value: number;
}

function decode(bytes: Uint8Array): readonly Decoded[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 8 }, (_, i) => ({
    opcode: view.getUint8(i * 8),
    to: view.getUint8(i * 8 + 1) & 15,
    from: view.getUint8(i * 8 + 1) >> 4,
    offset: view.getInt16(i * 8 + 2, true),
    value: view.getInt32(i * 8 + 4, true),
  }));
}

const LDX_MEM_W = 0x61;
const MOV_K = 0xb7;
const MOV_X = 0xbf;
const AND_K = 0x57;
const RSH_K = 0x77;
const JA = 0x05;
const JSET_K = 0x45;
const JNE_K = 0x55;
const EXIT = 0x95;

/** Runs a program as the kernel would; 1 grants. @throws Error for what its verifier would refuse */
function run(code: readonly Decoded[], { type, major, minor, letters }: Access): number {
  const asked = [...letters].reduce((mask, letter) => mask | ({ m: 1, r: 2, w: 4 }[letter] ?? 0), 0);
  const context = [(asked << 16) | { b: 1, c: 2 }[type], major, minor];
  const registers: (number | undefined)[] = [undefined, Number.NaN];
  const get = (register: number): number => {
    const value = registers[register];
    if (value === undefined) throw new Error(`register ${register} is read before it is written`);
    return value;
  };
  for (let at = 0; ; at++) {
    const one = code[at];
    if (one === undefined) throw new Error("the program runs out of its end");
    const { opcode, to, from, offset, value } = one;
    if (offset < 0 && opcode !== LDX_MEM_W) throw new Error("a jump backwards");
    if (opcode === LDX_MEM_W) {
      if (from !== 1 || offset % 4 !== 0) throw new Error("a read of something else than the context");
      registers[to] = context[offset / 4];
    } else if (opcode === MOV_K) registers[to] = value;
    else if (opcode === MOV_X) registers[to] = get(from);
    else if (opcode === AND_K) registers[to] = (get(to) & value) >>> 0;
    else if (opcode === RSH_K) registers[to] = get(to) >>> value;
    else if (opcode === JA) at += offset;
    else if (opcode === JSET_K) at += (get(to) & value) !== 0 ? offset : 0;
    else if (opcode === JNE_K) at += get(to) !== value ? offset : 0;
    else if (opcode === EXIT) return get(0);
    else throw new Error(`unknown instruction ${opcode.toString(16)}`);
  }
}

/** The instructions that nothing leads to, which the kernel refuses. */
function unreachable(code: readonly Decoded[]): readonly number[] {
  const seen = new Set<number>();
  const todo = [0];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const one = code[at];
    if (one === undefined) throw new Error(`a way leads to ${at}, behind the end`);
    if (seen.has(at)) continue;
    seen.add(at);
    if (one.opcode === EXIT) continue;
    if (one.opcode !== JA) todo.push(at + 1);
    if ([JA, JSET_K, JNE_K].includes(one.opcode)) todo.push(at + 1 + one.offset);
  }
  return code.map((_, at) => at).filter((at) => !seen.has(at));
}

/** runtime-spec config-linux.md, "Default Devices"; /dev/console and the others of 136 by their numbers, and making nodes. */
const DEFAULTS = [
  ...["+c *:* m", "+b *:* m", "+c 1:3 rwm", "+c 1:5 rwm", "+c 1:7 rwm", "+c 1:8 rwm", "+c 1:9 rwm"],
  ...["+c 5:0 rwm", "+c 5:2 rwm", "+c 136:* rwm", "+c 10:200 rwm"],
].map(rule);

/** The rules' meaning, straight from the words of the specification. */
function model(rules: readonly DeviceRule[], { type, major, minor, letters }: Access): number {
  const matches = (each: DeviceRule): boolean =>
    (each.type === "a" || each.type === type) &&
    (each.major ?? major) === major &&
    (each.minor ?? minor) === minor;
  const forAll = rules.findLast(
    (each) =>
      each.type === "a" && each.major === undefined && each.minor === undefined && each.access === "rwm",
  );
  // Where the config begins with "allow all", nodes that it denies cannot be made either.
  const always = forAll?.allow === true ? DEFAULTS.slice(2) : DEFAULTS;
  const granted = [...letters].every((letter) => {
    const last = [...rules, ...always].filter((each) => matches(each) && each.access.includes(letter)).at(-1);
    return last?.allow ?? false;
  });
  return granted ? 1 : 0;
}

/** `c 1:3 rw` */
function access(text: string): Access {
  const [, type, major, minor, letters] = /^([bc]) (\d+):(\d+) ([rwm]*)$/.exec(text) ?? [];
  if (type !== "b" && type !== "c") throw new Error(`bad access in the test: ${text}`);
  return { type, major: Number(major), minor: Number(minor), letters: letters ?? "" };
}

const DENY = "-a *:* rwm";
const ALLOW = "+a *:* rwm";

const TABLE: readonly [string, readonly string[], readonly string[], readonly string[]][] = [
  [
    "no rules: the default devices, and making any node",
    [],
    ["c 1:3 rw", "c 1:9 rwm", "c 136:77 rw", "c 1:11 m", "b 8:0 m", "c 1:11 "],
    ["c 1:11 r", "b 1:3 r", "c 1:11 rm", "b 8:0 rwm", "c 137:0 r"],
  ],
  ["one letter", ["+c 1:11 r"], ["c 1:11 r", "c 1:11 rm"], ["c 1:11 w", "c 1:11 rw", "b 1:11 r"]],
  ["letters of two rules together", ["+c 1:11 r", "+c *:11 w"], ["c 1:11 rw", "c 2:11 w"], ["c 2:11 rw"]],
  ["a hole in a wildcard", [DENY, "+c 1:* rwm", "-c 1:11 w"], ["c 1:12 rw", "c 1:11 r"], ["c 1:11 w"]],
  ["a hole in a wildcard, asked for with more", ["+c 1:* rwm", "-c 1:11 w"], [], ["c 1:11 rw", "c 1:11 rwm"]],
  ["the order decides: allowed last", ["-c 1:11 rwm", "+c 1:* rwm"], ["c 1:11 rwm"], []],
  ["the order decides: denied last", ["+c 1:11 rwm", "-c 1:* rwm"], ["c 1:3 rw"], ["c 1:11 r"]],
  ["a default device stays", ["-c 1:3 rwm", "-c *:* m"], ["c 1:3 rwm", "c 7:7 m"], []],
  [
    "all but one",
    [ALLOW, "-c 1:11 rwm"],
    ["b 8:0 rwm", "c 1:12 rwm", "c 1:3 rw"],
    ["c 1:11 r", "c 1:11 m", "c 1:11 rw"],
  ],
  ["all but writing one", [ALLOW, "-b 8:0 w"], ["b 8:0 r", "b 8:0 rm"], ["b 8:0 w", "b 8:0 rw", "b 8:0 wm"]],
  ["a rule for all ends what was before", ["+b 8:0 rwm", DENY, "+b 8:1 r"], ["b 8:1 r"], ["b 8:0 r"]],
  ["every type, one number", ["+a 8:0 rw"], ["b 8:0 rw", "c 8:0 rw"], ["b 8:1 r"]],
  ["every device, one letter", ["+a *:* r"], ["b 8:1 r", "c 200:1 rm"], ["b 8:1 rw"]],
  ["every minor", ["+b 8:* rw"], ["b 8:0 rw", "b 8:1048575 rw"], ["b 9:0 r", "c 8:0 r"]],
  ["every major", ["+b *:5 rw"], ["b 0:5 rw", "b 4095:5 rw"], ["b 0:4 r"]],
  ["number zero is no wildcard", ["+b 0:0 rw"], ["b 0:0 rw"], ["b 0:1 r", "b 1:0 r"]],
  ["numbers that no device has", ["+c 4294967295:2147483648 rw"], [], ["c 4095:0 r", "c 0:0 r"]],
];

for (const [name, rules, granted, refused] of TABLE) {
  t.test(`device program: ${name}`, async (t) => {
    const code = decode(program(rules.map(rule)));
    t.same(unreachable(code), []);
    for (const each of granted) t.equal(run(code, access(each)), 1, `${each} is granted`);
    for (const each of refused) t.equal(run(code, access(each)), 0, `${each} is refused`);
  });
}

t.test("device program: everything allowed takes none", async (t) => {
  for (const rules of [[ALLOW], [DENY, "+c 1:11 r", ALLOW], ["-c 1:11 rwm", ALLOW, "+c 1:11 r"]]) {
    t.equal(count(rules.map(rule)), 0, rules.join(", "));
  }
  t.ok(count(["+a *:* r", "+a *:* wm"].map(rule)) > 0, "not seen to be everything");
});

t.test("device program: what another rule decides anyway is not in it", async (t) => {
  const base = count([]);
  t.equal(count(DEFAULTS), base, "engines give the default devices as rules of their own");
  t.equal(count(["+c 9:9 r", "-c 9:9 rw", "+c 9:9 rw"].map(rule)), count(["+c 9:9 rw"].map(rule)));
  t.equal(count(["+b 1:2 rw", DENY].map(rule)), base);
});

/** Numbers that look random and are the same every time (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

t.test("device program: 400 random lists of rules mean what the specification says", async (t) => {
  const next = generator(20_260_101);
  const of = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  const LETTERS = ["", "r", "w", "rw", "m", "rm", "wm", "rwm"];
  const MAJORS = [0, 1, 5, 10, 136];
  const MINORS = [0, 2, 3, 200];
  const random = (): DeviceRule => ({
    allow: next(2) === 0,
    type: of(["a", "b", "c", "b", "c"] as const),
    major: of([undefined, ...MAJORS]),
    minor: of([undefined, ...MINORS]),
    access: of(LETTERS.slice(1)),
  });
  let checked = 0;
  for (let list = 0; list < 400; list++) {
    const rules = Array.from({ length: next(13) }, random);
    const code = decode(program(rules));
    if (code.length > 0 && unreachable(code).length > 0) t.fail(`unreachable: ${JSON.stringify(rules)}`);
    for (const type of ["b", "c"] as const)
      for (const major of [...MAJORS, 7])
        for (const minor of [...MINORS, 7])
          for (const letters of LETTERS) {
            const asked = { type, major, minor, letters };
            const got = code.length === 0 ? 1 : run(code, asked);
            if (got !== model(rules, asked)) t.fail(JSON.stringify({ got, asked, rules }));
            checked += 1;
          }
  }
  t.equal(checked, 400 * 2 * 6 * 5 * 8);
});

t.test("device program: more rules than the kernel takes", async (t) => {
  const many = Array.from({ length: 200_000 }, (_, i) => rule(`+c ${i}:${i} rw`));
  t.throws(() => program(many), {
    code: "limit",
    pointer: "/linux/resources/devices",
    message: /^200011 device rules make a program of \d+ instructions; the kernel takes 1000000$/,
  });
});
