import t from "tap";
import { parseBundle } from "../../../src/bundle/parse.ts";
import { errorLine } from "../../../src/error.ts";
import type { Op, Step } from "../../../src/plan/ops.ts";
import type { Failure } from "../../../src/spawn/conversation.ts";
import { failed } from "../../../src/spawn/failure.ts";

const PROGRAM: Op = { op: "program", args: ["x"], env: [], fillHome: 0 };
const HOOK: Op = {
  op: "hook",
  stage: "createContainer",
  index: 1,
  path: "/h",
  args: ["h"],
  hasEnv: 0,
  env: [],
  timeout: 0,
  stateHead: "",
  stateTail: "",
};

/** The error for a failure of one operation, which is the third of the plan. */
function errorOf(op: Op, failure: Partial<Failure>, pointer: string | undefined = "/here") {
  const steps: readonly Step[] = [{ op, pointer }];
  return failed(steps, 2, {
    kind: "error",
    op: 2,
    reason: "SYSCALL",
    value: 0,
    call: "",
    subject: "",
    ...failure,
  });
}

const ENOENT = 2;
const EACCES = 13;
const ENOTDIR = 20;

t.test("the program: the words that engines turn into 127 and 126", async (t) => {
  const cases: readonly (readonly [string, number, string])[] = [
    [
      "nosuch",
      ENOENT,
      'unable to start container process: exec: "nosuch": executable file not found in $PATH',
    ],
    [
      "/no/such",
      ENOENT,
      'unable to start container process: exec: "/no/such": stat /no/such: no such file or directory',
    ],
    ["./x/y", ENOTDIR, 'unable to start container process: exec: "./x/y": stat ./x/y: not a directory'],
    ["/etc", EACCES, 'unable to start container process: exec: "/etc": permission denied'],
    ["sh", EACCES, 'unable to start container process: exec: "sh": permission denied'],
  ];
  for (const [subject, value, message] of cases) {
    const error = errorOf(PROGRAM, { reason: "NOT_FOUND", value, subject }, "/process/args/0");
    t.match(
      error,
      { name: "LaunchError", code: "exec", message, pointer: "/process/args/0", syscall: "execve" },
      subject,
    );
    t.ok(error.hint, "and what to do");
  }
});

t.test("a refused call: the operation, the call, what it was about, the errno and its meaning", async (t) => {
  const op: Op = { op: "hostname", name: "h" };
  const error = errorOf(op, { value: 1, call: "sethostname", subject: "h" }, "/hostname");
  t.match(error, {
    name: "LaunchError",
    code: "op",
    pointer: "/hostname",
    syscall: "sethostname",
    errno: "EPERM",
  });
  t.match(error.message, /: sethostname h: EPERM: operation not permitted$/);
  t.notMatch(errorOf(op, { value: 1, call: "sethostname" }).message, / {2}| :/, "no subject leaves no gap");
  t.equal(
    errorOf({ op: "exec" }, { value: 8, call: "execve", subject: "/x" }).code,
    "exec",
    "the last one is the program's",
  );
  t.match(errorOf(op, { value: 38, call: "sethostname" }), {
    errno: "ENOSYS",
    hint: "this kernel has no sethostname: tsrun needs Linux 5.12 or newer",
  });
});

t.test("hooks: runc's words, how they ended, and what they said", async (t) => {
  const cases: readonly (readonly [Partial<Failure>, string])[] = [
    [
      { reason: "HOOK_EXIT", value: 7, subject: " oh no\n" },
      "error running createContainer hook #1: exit status 7, output: oh no",
    ],
    [{ reason: "HOOK_EXIT", value: 1 }, "error running createContainer hook #1: exit status 1, no output"],
    [
      { reason: "HOOK_SIGNAL", value: 9 },
      "error running createContainer hook #1: ended by signal 9, no output",
    ],
    [
      { reason: "HOOK_TIMEOUT", value: 1500 },
      "error running createContainer hook #1: took longer than its timeout of 1.5 s and was killed, no output",
    ],
  ];
  for (const [failure, message] of cases)
    t.match(errorOf(HOOK, failure), { code: "hook", message, pointer: "/here" }, message);
});

t.test("what should never happen says so", async (t) => {
  const build = "tsrun and tsrun-init must be of the same build";
  t.match(errorOf(PROGRAM, { reason: "PLAN", call: "no such", subject: "field" }), {
    code: "protocol",
    hint: build,
    message: /^tsrun-init refused the plan at .*: no such field$/,
  });
  for (const op of [0, 1, 3, 99]) {
    const error = failed([{ op: PROGRAM, pointer: "/x" }], 2, {
      kind: "error",
      op,
      reason: "SYSCALL",
      value: 1,
      call: "a",
      subject: "b",
    });
    t.match(
      error,
      { code: "protocol", message: "tsrun-init refused the plan: a b", pointer: undefined, hint: build },
      `operation ${op}`,
    );
  }
  t.match(errorOf(PROGRAM, { reason: "HOST_GONE" }), { code: "died", message: /: tsrun itself went away$/ });
  t.match(
    errorOf(
      { op: "mkdir", target: "/a", mode: 0 },
      { reason: "UNSAFE", call: "openat2", subject: "a magic link" },
    ),
    { code: "op", message: /: refused: openat2: a magic link$/ },
  );
});

t.test("what tsrun-init refuses to mount: the part of the mount, and what to do", async (t) => {
  const attributes = { attrSet: 0n, attrClear: 0n, recAttrSet: 0n, recAttrClear: 0n, propagation: [] };
  const op: Op = { ...attributes, op: "bind", target: "/proc", source: "/x", sourceIndex: 0, recursive: 0 };
  const config = { ociVersion: "1.0.2", root: { path: "r" }, linux: { namespaces: [{ type: "mount" }] } };
  const mounts = [{ destination: "/proc", type: "bind", source: "/x" }];
  const { bundle } = parseBundle(JSON.stringify({ ...config, mounts }), "/b");
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["the source", "/mounts/0/source", /^bind a whole procfs there/],
    ["the destination", "/mounts/0/destination", /^name the place itself/],
    ["openat2", "/mounts/0/destination", /^make it an ordinary folder/],
  ];
  for (const [call, pointer, hint] of cases) {
    const failure: Failure = { kind: "error", op: 2, reason: "UNSAFE", value: 22, call, subject: "why" };
    t.match(failed([{ op, pointer: "/mounts/0" }], 2, failure, bundle), { pointer, hint }, call);
  }
  t.match(errorOf(op, { value: ENOENT, call: "open_tree" }), {
    hint: "the source does not exist on the host",
  });
  t.match(errorOf(op, { value: ENOENT, call: "move_mount" }), {
    hint: "its place in the root has been removed meanwhile, by whoever else uses the same root file system",
  });
});

t.test("the whole line names place and hint", async (t) => {
  const error = errorOf(PROGRAM, { reason: "NOT_FOUND", value: ENOENT, subject: "sh" }, "/process/args/0");
  t.match(
    errorLine(error),
    /^unable to start container process: exec: "sh": executable file not found in \$PATH \(config\.json#\/process\/args\/0\); hint: /,
  );
});
