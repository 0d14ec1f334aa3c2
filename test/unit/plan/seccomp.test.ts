/** The filter in a plan: its description, when it is installed, and what is held in reserve for it. */
import t from "tap";
import type { Process, Seccomp } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import { details } from "../../../src/plan/details.ts";
import { explain } from "../../../src/plan/explain.ts";
import { answersNewer, filterDescription, filterSummary } from "../../../src/plan/seccomp.ts";
import { PLAN, SECCOMP_FILTER_FLAG } from "../../../src/sys/constants.gen.ts";
import { bundle, type Change, facts, names, only, options } from "./support.ts";

const PROGRAM = Uint8Array.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
const SYS_ADMIN = 1n << 21n;

function seccomp(change: Partial<Seccomp> = {}): Seccomp {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrno: 1,
    architectures: [],
    flags: [],
    listenerPath: undefined,
    listenerMetadata: undefined,
    rules: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ALLOW", errno: 1, args: [] }],
    ...change,
  };
}

const asking = (): Seccomp =>
  seccomp({
    listenerPath: "/run/agent",
    rules: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY", errno: 1, args: [] }],
  });

function planned(filter: Seccomp, process: Partial<Process> = {}, linux: Change["linux"] = {}) {
  const made = bundle({ process, linux: { ...linux, seccomp: filter } });
  return compile(made, facts({ filter: PROGRAM }), options());
}

t.test("a description has everything that decides, and nothing else", async (t) => {
  const bytes = Buffer.from(
    filterDescription(
      seccomp({
        architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_MIPSEL64N32"],
        rules: [
          {
            names: ["a", "bc"],
            action: "SCMP_ACT_TRACE",
            errno: 7,
            args: [{ index: 5, op: "SCMP_CMP_MASKED_EQ", value: 2n ** 64n - 1n, valueTwo: 3n }],
          },
        ],
      }),
    ),
  );
  const word = (value: number): Buffer => Buffer.from(new Uint32Array([value]).buffer);
  const long = (value: bigint): Buffer => Buffer.from(new BigUint64Array([value]).buffer);
  const wanted = [
    ...[word(1), word(0x50001), word(1)],
    ...[word(2), Buffer.from("x86_64\0mipsel64n32\0")],
    ...[word(1), word(0x7ff00007), word(1), word(5), word(7), long(2n ** 64n - 1n), long(3n)],
    ...[word(2), Buffer.from("a\0bc\0")],
  ];
  t.equal(bytes.toString("hex"), Buffer.concat(wanted).toString("hex"));
  const many = Array.from({ length: 5000 }, (_, at) => `call_${at}`);
  const large = filterDescription(
    seccomp({ rules: [{ names: many, action: "SCMP_ACT_ALLOW", errno: 1, args: [] }] }),
  );
  t.ok(Buffer.from(large).toString().endsWith("call_4998\0call_4999\0"), "however long");
  for (const listenerPath of [undefined, "/a"])
    t.same(filterDescription(seccomp({ listenerPath })), filterDescription(seccomp()), "not who listens");
});

t.test("actions are the kernel's numbers", async (t) => {
  for (const [action, value] of [
    ["SCMP_ACT_KILL", 0],
    ["SCMP_ACT_KILL_THREAD", 0],
    ["SCMP_ACT_KILL_PROCESS", 0x80000000],
    ["SCMP_ACT_TRAP", 0x30000],
    ["SCMP_ACT_ERRNO", 0x50005],
    ["SCMP_ACT_TRACE", 0x7ff00005],
    ["SCMP_ACT_NOTIFY", 0x7fc00000],
    ["SCMP_ACT_LOG", 0x7ffc0000],
    ["SCMP_ACT_ALLOW", 0x7fff0000],
  ] as const) {
    const bytes = filterDescription(seccomp({ defaultAction: action, defaultErrno: 5 }));
    t.equal(new DataView(bytes.buffer).getUint32(4, true), value, action);
  }
});

t.test("newer calls get ENOSYS where the default would refuse them otherwise", async (t) => {
  for (const [defaultAction, defaultErrno, wanted] of [
    ["SCMP_ACT_ERRNO", 1, true],
    ["SCMP_ACT_ERRNO", 38, false],
    ["SCMP_ACT_KILL_PROCESS", 1, true],
    ["SCMP_ACT_TRAP", 1, true],
    ["SCMP_ACT_ALLOW", 1, false],
    ["SCMP_ACT_LOG", 1, false],
    ["SCMP_ACT_TRACE", 1, false],
  ] as const) {
    t.equal(
      answersNewer(seccomp({ defaultAction, defaultErrno })),
      wanted,
      `${defaultAction} ${defaultErrno}`,
    );
  }
});

t.test("it comes last before ready, to be installed by exec", async (t) => {
  const plan = planned(seccomp());
  const op = only(plan, "seccomp");
  t.equal(op.when, PLAN.seccompExec);
  t.equal(op.flags, 0);
  t.equal(op.program, PROGRAM);
  const order = names(plan);
  t.same(order.slice(order.indexOf("seccomp")), ["seccomp", "ready", "awaitStart", "exec"]);
  t.equal(plan.steps.find((step) => step.op === op)?.pointer, "/linux/seccomp");
  t.equal(only(plan, "capabilities").reserve, 0n, "no_new_privs is enough");
  t.notOk(names(compile(bundle(), facts(), options())).includes("seccomp"));
});

t.test("without no_new_privs CAP_SYS_ADMIN is kept until then", async (t) => {
  const without = { noNewPrivileges: false };
  const plan = planned(seccomp(), without);
  const caps = only(plan, "capabilities");
  t.equal(caps.reserve, SYS_ADMIN);
  t.equal(caps.permitted & SYS_ADMIN, 0n);
  t.match(details(caps).at(-1), /CAP_SYS_ADMIN until the filter is installed/);
  t.equal(only(plan, "seccomp").when, PLAN.seccompExec);
  const own = ["CAP_SYS_ADMIN"] as const;
  const capabilities = { bounding: own, effective: own, permitted: own, inheritable: [], ambient: [] };
  t.equal(only(planned(seccomp(), { ...without, capabilities }), "capabilities").reserve, 0n, "it has it");
  t.equal(
    only(compile(bundle({ process: without }), facts(), options()), "capabilities").reserve,
    0n,
    "no filter",
  );
});

t.test(
  "it is installed at once where somebody waits for its listener, or could trace the process",
  async (t) => {
    const asked = only(planned(asking()), "seccomp");
    t.equal(asked.when, PLAN.seccompNow);
    t.equal(asked.flags, SECCOMP_FILTER_FLAG.NEW_LISTENER);
    const joined = {
      namespaces: [
        { type: "mount", path: undefined },
        { type: "pid", path: "/proc/1/ns/pid" },
      ] as const,
    };
    t.equal(only(planned(seccomp(), { noNewPrivileges: false }, joined), "seccomp").when, PLAN.seccompNow);
    t.equal(only(planned(seccomp(), {}, joined), "seccomp").when, PLAN.seccompExec, "nothing is kept");
  },
);

t.test("flags", async (t) => {
  const flags = (...words: Seccomp["flags"]): number =>
    only(planned({ ...asking(), flags: words }), "seccomp").flags;
  const { NEW_LISTENER, LOG, SPEC_ALLOW, WAIT_KILLABLE_RECV } = SECCOMP_FILTER_FLAG;
  t.equal(flags("SECCOMP_FILTER_FLAG_TSYNC"), NEW_LISTENER, "there is one thread");
  t.equal(
    flags("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
    NEW_LISTENER | LOG | SPEC_ALLOW,
  );
  t.equal(flags("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"), NEW_LISTENER | WAIT_KILLABLE_RECV);
});

t.test("a filter in a sentence", async (t) => {
  t.equal(
    filterSummary(
      seccomp({
        architectures: ["SCMP_ARCH_X86"],
        rules: [
          { names: ["a", "b"], action: "SCMP_ACT_ALLOW", errno: 1, args: [] },
          { names: ["c"], action: "SCMP_ACT_ERRNO", errno: 38, args: [] },
          {
            names: ["d"],
            action: "SCMP_ACT_ALLOW",
            errno: 1,
            args: [{ index: 0, op: "SCMP_CMP_EQ", value: 1n, valueTwo: 0n }],
          },
        ],
      }),
    ),
    "by default SCMP_ACT_ERRNO 1, 2 system calls SCMP_ACT_ALLOW, 1 system call SCMP_ACT_ERRNO 38, 1 system call SCMP_ACT_ALLOW under conditions, newer ones ENOSYS, SCMP_ARCH_X86",
  );
});

t.test("explained: in words, as instructions, and as a note in the script", async (t) => {
  const plan = planned(seccomp(), { noNewPrivileges: false });
  const host = [
    { what: "filter", path: "libseccomp 9", value: "by default x", pointer: "/linux/seccomp" },
  ] as const;
  const text = explain(plan, host, "text");
  t.match(text, /^ {2}compile the seccomp filter with libseccomp 9: by default x +\/linux\/seccomp$/m);
  t.match(text, /^ {2}install the seccomp filter of 1 instructions \(at the execution of the program\)/m);
  const { steps } = JSON.parse(explain(plan, host, "json")) as {
    steps: { op: string; program?: string[] }[];
  };
  t.same(steps.find(({ op }) => op === "seccomp")?.program, ["060000000000ff7f"]);
  const script = explain(plan, host, "sh");
  t.match(script, /^# \(libseccomp 9 would compile/m);
  t.notMatch(script, /cap_sys_admin[a-z_,]*\+/, "the reserve is not the program's");
});
