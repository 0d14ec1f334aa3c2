/** Filters compiled by libseccomp: what they answer, found out by running them here, and how they are kept. */
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { dockerFilter } from "../../../scripts/docker-filter.ts";
import type { Seccomp } from "../../../src/bundle/types.ts";
import { processState } from "../../../src/spawn/listener.ts";
import { compileFilter, libseccompVersion } from "../../../src/spawn/seccomp.ts";
import { SPEC_VERSION } from "../../../src/version.ts";
import { type Json, parse, small, withValue } from "../bundle/configs.ts";
import { noLibrary } from "../native.ts";

if (noLibrary || libseccompVersion() === undefined || process.arch !== "x64") {
  t.plan(0, noLibrary || "needs libseccomp and x86_64");
  process.exit(0);
}

const [X86_64, X86, ARM] = [0xc000003e, 0x40000003, 0x40000028];
const [ALLOW, EPERM, ENOSYS, KILL] = [0x7fff0000, 0x50001, 0x50026, 0];

function seccomp(value: object): Seccomp {
  const found = parse(withValue(small(), "/linux/seccomp", value as Json)).bundle.linux.seccomp;
  if (found === undefined) throw new Error("no filter");
  return found;
}

/** What a filter answers a call: classic BPF, as far as seccomp(2) has it. */
function answer(program: Uint8Array, arch: number, call: number, ...args: readonly bigint[]): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call >>> 0, true);
  data.setUint32(4, arch, true);
  args.forEach((arg, at) => {
    data.setBigUint64(16 + at * 8, arg, true);
  });
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let a = 0;
  for (let at = 0; at < program.length / 8; at++) {
    const code = view.getUint16(at * 8, true);
    const [jt, jf, k] = [
      view.getUint8(at * 8 + 2),
      view.getUint8(at * 8 + 3),
      view.getUint32(at * 8 + 4, true),
    ];
    const jump = (met: boolean): void => {
      at += met ? jt : jf;
    };
    switch (code) {
      case 0x20:
        a = data.getUint32(k, true);
        break;
      case 0x54:
        a = (a & k) >>> 0;
        break;
      case 0x05:
        at += k;
        break;
      case 0x15:
        jump(a === k);
        break;
      case 0x25:
        jump(a > k);
        break;
      case 0x35:
        jump(a >= k);
        break;
      case 0x45:
        jump((a & k) !== 0);
        break;
      case 0x06:
        return k;
      default:
        throw new Error(`an instruction of code ${code.toString(16)}`);
    }
  }
  throw new Error("the program does not return");
}

t.test("an engine's filter: allowed, left out, newer, on each way to call", async (t) => {
  const program = compileFilter(seccomp(dockerFilter()), "");
  const [read, reboot] = [0, 169];
  t.equal(answer(program, X86_64, read), ALLOW);
  t.equal(answer(program, X86_64, reboot), EPERM);
  t.equal(answer(program, X86_64, 450), ENOSYS);
  t.equal(answer(program, X86_64, 0x3fffffff), ENOSYS);
  t.equal(answer(program, X86_64, -1), ENOSYS);
  t.equal(answer(program, X86_64, 0x40000000 + read), ALLOW, "x32");
  t.equal(answer(program, X86_64, 0x40000000 + 5000), ENOSYS, "x32");
  t.equal(answer(program, X86, 3), ALLOW, "i386: read");
  t.equal(answer(program, X86, 88), EPERM, "i386: reboot");
  t.equal(answer(program, X86, 5000), ENOSYS, "i386");
  t.equal(answer(program, ARM, read), KILL, "another architecture");
  const [clone, clone3] = [56, 435];
  t.equal(answer(program, X86_64, clone, 0x11n), ALLOW);
  t.equal(answer(program, X86_64, clone, 0x10000011n), EPERM, "a new user namespace");
  t.equal(answer(program, X86_64, clone3), ENOSYS);
});

t.test("the machine's own architecture is in every filter; x32 is not, unless named", async (t) => {
  for (const architectures of [[], ["SCMP_ARCH_X86"], ["SCMP_ARCH_X86_64"]]) {
    const program = compileFilter(
      seccomp({
        defaultAction: "SCMP_ACT_ERRNO",
        architectures,
        syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
      }),
      "",
    );
    t.equal(answer(program, X86_64, 0), ALLOW);
    t.equal(answer(program, X86_64, 1), ENOSYS, "beyond all that is named");
    t.equal(answer(program, X86_64, 0x40000000), KILL);
  }
});

t.test("a default that lets through answers newer calls too", async (t) => {
  for (const defaultAction of ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG"]) {
    const program = compileFilter(
      seccomp({ defaultAction, syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO" }] }),
      "",
    );
    t.equal(answer(program, X86_64, 0), EPERM);
    t.not(answer(program, X86_64, 5000), ENOSYS);
  }
});

t.test("calls that nobody knows, and rules that repeat the default, are left out", async (t) => {
  const rules = (...syscalls: object[]): Uint8Array =>
    compileFilter(seccomp({ defaultAction: "SCMP_ACT_ERRNO", syscalls }), "");
  const read = { names: ["read"], action: "SCMP_ACT_ALLOW" };
  t.same(rules(read, { names: ["no_such_call"], action: "SCMP_ACT_ALLOW" }), rules(read));
  t.same(rules(read, { names: ["close"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }).length, rules(read).length);
});

t.test("what libseccomp cannot do is told with its place", async (t) => {
  const fails = (
    value: object,
    wanted: { code: string; pointer: string; message: RegExp; hint?: RegExp },
  ): void => {
    t.throws(() => compileFilter(seccomp(value), ""), wanted);
  };
  const allow = { defaultAction: "SCMP_ACT_ALLOW" };
  fails(
    { ...allow, architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_MIPS"] },
    { code: "unsupported", pointer: "/linux/seccomp/architectures/1", message: /EDOM/, hint: /byte order/ },
  );
  const args = (count: number): object[] =>
    Array.from({ length: count }, (_, value) => ({ index: 0, op: "SCMP_CMP_EQ", value }));
  fails(
    { ...allow, syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO", args: args(65) }] },
    { code: "limit", pointer: "/linux/seccomp", message: /4096 instructions/ },
  );
});

t.test("a filter is kept, and taken only where it fits", async (t) => {
  const folder = join(t.testdir(), "kept");
  const filter = seccomp(dockerFilter());
  const made = compileFilter(filter, folder);
  const [name = ""] = readdirSync(folder);
  const file = join(folder, name);
  t.match(name, /^[0-9a-f]{16}$/);
  const { ino, mode } = statSync(file);
  t.equal(mode & 0o777, 0o600);
  t.same(compileFilter(filter, folder), made);
  t.equal(statSync(file).ino, ino, "the kept one was taken");
  for (const content of ["", "x", "x".repeat(100_000)]) {
    writeFileSync(file, content);
    t.same(compileFilter(filter, folder), made);
  }
  t.not(statSync(file).ino, ino, "a damaged one is replaced");
});

t.test("a folder that others may write, or a link to one, is not used", async (t) => {
  const dir = t.testdir({ open: {}, real: {} });
  chmodSync(join(dir, "open"), 0o777);
  symlinkSync(join(dir, "real"), join(dir, "link"));
  const filter = seccomp({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG" }],
  });
  for (const name of ["open", "link", "missing/deeper"])
    t.equal(answer(compileFilter(filter, join(dir, name)), X86_64, 0), 0x7ffc0000, name);
  t.same([...readdirSync(join(dir, "open")), ...readdirSync(join(dir, "real"))], []);
});

t.test("no more than 64 are kept, the oldest go", async (t) => {
  const folder = join(t.testdir(), "many");
  mkdirSync(folder, { mode: 0o700 });
  for (let at = 0; at < 90; at++) writeFileSync(join(folder, `old-${at}`), "");
  for (let errnoRet = 1; errnoRet < 4; errnoRet++)
    compileFilter(
      seccomp({
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["read"], action: "SCMP_ACT_ERRNO", errnoRet }],
      }),
      folder,
    );
  const names = readdirSync(folder);
  t.equal(names.length, 64);
  t.equal(names.filter((name) => !name.startsWith("old")).length, 3);
});

t.test("what an agent reads", async (t) => {
  const state = { ociVersion: "1.0.2", id: "c", status: "creating", pid: 7, bundle: "/b" } as const;
  t.same(processState("words", state, 7), {
    ociVersion: SPEC_VERSION,
    fds: ["seccompFd"],
    pid: 7,
    metadata: "words",
    state,
  });
  t.notOk("metadata" in processState(undefined, state, 7));
});
