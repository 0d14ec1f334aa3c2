import t from "tap";
import type { Linux, Process } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import type { CreateOptions } from "../../../src/plan/facts.ts";
import { bitMask } from "../../../src/plan/process.ts";
import { MPOL, RLIMIT, SCHED } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, names, only, options } from "./support.ts";

function compiled(
  process: Partial<Process>,
  linux: Partial<Linux> = {},
  change: Partial<CreateOptions> = {},
) {
  return compile(bundle({ process, linux, mounts: [] }), facts(), options(change));
}

t.test("env: the last of a name wins, the command line's come last, an empty HOME makes room", async (t) => {
  const program = (env: readonly string[], extraEnv: readonly string[] = []) => {
    const { env: got, fillHome } = only(compiled({ env }, {}, { extraEnv }), "program");
    return [got, fillHome];
  };
  t.strictSame(program(["A=1", "B=2", "A=3", "HOME=/root"]), [["B=2", "A=3", "HOME=/root"], 0]);
  t.strictSame(program(["LISTEN_FDS=9", "A=1"], ["LISTEN_FDS=2"]), [["A=1", "LISTEN_FDS=2"], 1]);
  t.strictSame(program(["HOME=/x", "HOME="]), [[], 1]);
  t.strictSame(program(["A", "A=1", "AB=1"]), [["A=1", "AB=1"], 1]);
});

t.test("rlimits: config.json's, and the caller's open files where it has none", async (t) => {
  const caller = { callerNofile: { soft: 1024n, hard: 4096n } };
  t.strictSame(all(compiled({ rlimits: [] }, {}, caller), "rlimit"), [
    { op: "rlimit", resource: RLIMIT.RLIMIT_NOFILE, soft: 1024n, hard: 4096n },
  ]);
  const rlimits = [
    { type: "RLIMIT_CORE" as const, soft: 0n, hard: 18446744073709551615n },
    { type: "RLIMIT_NOFILE" as const, soft: 5n, hard: 6n },
  ];
  const plan = compiled({ rlimits }, {}, caller);
  t.strictSame(all(plan, "rlimit"), [
    { op: "rlimit", resource: RLIMIT.RLIMIT_CORE, soft: 0n, hard: 18446744073709551615n },
    { op: "rlimit", resource: RLIMIT.RLIMIT_NOFILE, soft: 5n, hard: 6n },
  ]);
  t.equal(plan.steps.filter(({ op }) => op.op === "rlimit")[1]?.pointer, "/process/rlimits/1");
});

t.test("scheduler, I/O priority, personality and memory policy", async (t) => {
  const scheduler = {
    policy: "SCHED_DEADLINE" as const,
    nice: -3,
    priority: 0,
    flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"] as const,
    runtime: 10n,
    deadline: 20n,
    period: 30n,
  };
  const plan = compiled(
    { scheduler, ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 } },
    {
      personality: { domain: "LINUX32" },
      memoryPolicy: { mode: "MPOL_BIND", nodes: [0, 1, 64], flags: ["MPOL_F_STATIC_NODES"] },
    },
  );
  t.strictSame(only(plan, "scheduler"), {
    op: "scheduler",
    policy: SCHED.SCHED_DEADLINE,
    flags: 5n,
    nice: -3n,
    priority: 0,
    runtime: 10n,
    deadline: 20n,
    period: 30n,
  });
  t.equal(only(plan, "ioPriority").value, (2 << 13) | 4);
  t.equal(only(plan, "personality").persona, 8n);
  t.strictSame(only(plan, "memoryPolicy"), {
    op: "memoryPolicy",
    mode: MPOL.MPOL_BIND | MPOL.MPOL_F_STATIC_NODES,
    nodes: [3n, 1n],
  });
});

t.test("bitMask", async (t) => {
  t.strictSame(bitMask([]), []);
  t.strictSame(bitMask([63]), [1n << 63n]);
  t.strictSame(bitMask([128]), [0n, 0n, 1n]);
});

t.test("capabilities become masks; what the kernel does not know is left out and warned about", async (t) => {
  const capabilities = {
    bounding: ["CAP_CHOWN", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"],
    effective: ["CAP_KILL"],
    inheritable: ["CAP_KILL"],
    permitted: ["CAP_KILL", "CAP_CHOWN"],
    ambient: ["CAP_KILL", "CAP_CHOWN"],
  } as const;
  const plan = compile(bundle({ process: { capabilities } }), facts({ lastCap: 39 }), options());
  t.equal(only(plan, "boundingSet").mask, 1n | (1n << 30n) | (1n << 31n) | (1n << 39n));
  t.strictSame(only(plan, "capabilities"), {
    op: "capabilities",
    effective: 32n,
    permitted: 33n,
    inheritable: 32n,
    ambient: 32n,
    reserve: 0n,
  });
  t.match(plan.warnings, [
    { pointer: "/process/capabilities/bounding", text: /does not know CAP_CHECKPOINT_RESTORE/ },
  ]);
});

t.test("the order from root's last acts to the program's ids", async (t) => {
  const plan = compiled({ cwd: "/home", user: { uid: 5, gid: 6, umask: 0o77, additionalGids: [7, 8, 7] } });
  const inside = names(plan).slice(names(plan).indexOf("umask"));
  t.strictSame(inside, [
    "umask",
    "noNewPrivs",
    "stdioOwner",
    "boundingSet",
    "chdir",
    "user",
    "capabilities",
    "program",
    "closeFrom",
    "ready",
    "awaitStart",
    "exec",
  ]);
  t.equal(only(plan, "umask").mask, 0o77);
  t.strictSame(only(plan, "user"), { op: "user", uid: 5, gid: 6, setGroups: 1, groups: [7n, 8n] });
  t.equal(only(compiled({}, {}, { preserveFds: 3 }), "closeFrom").first, 6);
});

t.test("a missing working folder is made inside, before the root becomes read-only", async (t) => {
  const plan = compiled({ cwd: "/work/dir" });
  const made = plan.steps.findIndex(({ op }) => op.op === "mkdir" && op.target === "/work/dir");
  t.ok(made > names(plan).indexOf("pivotRoot") && made < names(plan).indexOf("rootReadonly"));
  t.equal(plan.steps[made]?.pointer, "/process/cwd");
});
