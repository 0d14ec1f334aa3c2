/**
 * linux.resources.devices as a program for cgroup v2, which has no devices controller: the kernel runs an eBPF program of type
 * BPF_PROG_TYPE_CGROUP_DEVICE at each access to a device (kernel Documentation/admin-guide/cgroup-v2.rst, Device
 * controller). Pure. The rules are walked from the last to the first; each decides those of the asked letters that no later
 * one has decided, so that a letter has the answer of the last rule which speaks of it.
 */

import type { DeviceRule, Resources } from "../bundle/types.ts";
import { BundleError, type Pointer } from "../error.ts";
import { append } from "../lists.ts";
import { isForAll, rulesInOrder } from "./devices.ts";
import { AT } from "./write.ts";

/** The program for a container's device rules. */
export interface DeviceProgram {
  /** `struct bpf_insn`, {@link INSTRUCTION_SIZE} bytes each; none where everything is allowed, which takes no program. */
  readonly instructions: Uint8Array;
  readonly pointer: Pointer;
}

/** Bytes of one instruction (kernel include/uapi/linux/bpf.h, struct bpf_insn). */
export const INSTRUCTION_SIZE = 8;

/** What the kernel takes from root (include/linux/bpf.h, BPF_COMPLEXITY_LIMIT_INSNS). */
const MOST_INSTRUCTIONS = 1_000_000;

// enum of include/uapi/linux/bpf.h: BPF_DEVCG_DEV_*, BPF_DEVCG_ACC_*.
const TYPE = { b: 1, c: 2 } as const;
const LETTERS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const ALL_LETTERS = 7;

// Registers: the answer, and numbers that are looked at once; the context on entry; the device's type, the letters
// undecided.
const ANSWER = 0;
const CONTEXT = 1;
const KIND = 2;
const ASKED = 3;

// struct bpf_cgroup_dev_ctx: letters << 16 | type, major, minor.
const AT_ACCESS = 0;
const AT_MAJOR = 4;
const AT_MINOR = 8;

// Opcodes: class, operation, source (include/uapi/linux/bpf_common.h, bpf.h).
const LOAD_WORD = 0x61; // LDX | MEM | W
const MOVE = 0xb7; // ALU64 | MOV | K
const COPY = 0xbf; // ALU64 | MOV | X
const AND = 0x57; // ALU64 | AND | K
const SHIFT_RIGHT = 0x77; // ALU64 | RSH | K
const JUMP_NOT_EQUAL = 0x55; // JMP | JNE | K
const JUMP_ANY_BIT = 0x45; // JMP | JSET | K
const JUMP = 0x05; // JMP | JA
const EXIT = 0x95; // JMP | EXIT

/** An instruction: opcode, destination, source, offset, immediate. */
type Instruction = readonly [number, number, number, number, number];

/**
 * The program that decides as the rules say in their order, the default devices last; what no rule speaks of is denied.
 * An access that asks for nothing, such as access(F_OK), is granted, as by the default rules on v1.
 * @throws BundleError `limit` for more rules than a program can hold
 */
export function compileDeviceProgram(resources: Resources): DeviceProgram {
  const at = `${AT}/devices`;
  const rules = rulesInOrder(resources);
  // No rule before one for every device and access counts.
  const last = rules.findLastIndex(isForAll);
  const otherwise = rules[last]?.allow ?? false;
  const holding = rules.slice(last + 1);
  if (otherwise && holding.every(({ allow }) => allow)) {
    return { instructions: new Uint8Array(), pointer: at };
  }
  const list: Instruction[] = [
    [LOAD_WORD, KIND, CONTEXT, AT_ACCESS, 0],
    [COPY, ASKED, KIND, 0, 0],
    [SHIFT_RIGHT, ASKED, 0, 0, 16],
    [AND, KIND, 0, 0, 0xffff],
    [JUMP_NOT_EQUAL, ASKED, 0, 2, 0],
    ...answer(true),
  ];
  // The letters that later rules have decided for exactly the same devices.
  const decided = new Map<string, number>();
  for (const rule of holding.reverse()) {
    const key = `${rule.type} ${rule.major ?? "*"}:${rule.minor ?? "*"}`;
    const before = decided.get(key) ?? 0;
    const letters = maskOf(rule.access) & ~before;
    if (letters === 0) continue;
    decided.set(key, before | letters);
    for (const instruction of instructionsOf(rule, letters)) list.push(instruction);
  }
  append(list, answer(otherwise));
  if (list.length > MOST_INSTRUCTIONS) {
    throw new BundleError(
      "limit",
      at,
      `${holding.length} device rules make a program of ${list.length} instructions; the kernel takes ${MOST_INSTRUCTIONS}`,
      "give wildcards instead of single devices",
    );
  }
  return { instructions: encode(list), pointer: at };
}

function maskOf(access: string): number {
  let mask = 0;
  for (const letter of access) mask |= LETTERS[letter] ?? 0;
  return mask;
}

/** `letters` are those that the rule still has to decide. */
function instructionsOf({ allow, type, major, minor }: DeviceRule, letters: number): Instruction[] {
  const verdict = answer(allow);
  const decision: Instruction[] =
    letters === ALL_LETTERS
      ? verdict
      : allow
        ? [[AND, ASKED, 0, 0, ~letters], [JUMP_NOT_EQUAL, ASKED, 0, verdict.length, 0], ...verdict]
        : // JSET has no opposite.
          [[JUMP_ANY_BIT, ASKED, 0, 1, letters], [JUMP, 0, 0, verdict.length, 0], ...verdict];
  // Numbers are read anew for each rule: the verifier would follow each value that a rule has compared one with through all
  // rules after it, and give up at some hundred.
  const checks: Instruction[] = [];
  if (type !== "a") checks.push([JUMP_NOT_EQUAL, KIND, 0, 0, TYPE[type]]);
  for (const [place, number] of [
    [AT_MAJOR, major],
    [AT_MINOR, minor],
  ] as const) {
    if (number === undefined) continue;
    checks.push([LOAD_WORD, ANSWER, CONTEXT, place, 0], [JUMP_NOT_EQUAL, ANSWER, 0, 0, number]);
  }
  const length = checks.length + decision.length;
  const placed = checks.map((check, i): Instruction => {
    const [opcode, to, from, offset, value] = check;
    return opcode === JUMP_NOT_EQUAL
      ? [opcode, to, from, length - 1 - i, value]
      : [opcode, to, from, offset, value];
  });
  return [...placed, ...decision];
}

function answer(allow: boolean): Instruction[] {
  return [
    [MOVE, ANSWER, 0, 0, allow ? 1 : 0],
    [EXIT, 0, 0, 0, 0],
  ];
}

/** In the order of bytes of x86-64 and arm64. A number above what a device can have is one that never matches. */
function encode(list: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(list.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, [opcode, destination, source, offset, immediate]] of list.entries()) {
    const at = i * INSTRUCTION_SIZE;
    view.setUint8(at, opcode);
    view.setUint8(at + 1, (source << 4) | destination);
    view.setInt16(at + 2, offset, true);
    view.setInt32(at + 4, immediate, true);
  }
  return bytes;
}
