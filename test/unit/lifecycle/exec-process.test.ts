import t from "tap";
import type { Warning } from "../../../src/bundle/types.ts";
import { BundleError, UsageError } from "../../../src/error.ts";
import { execProcess, type ProcessChanges } from "../../../src/lifecycle/exec-process.ts";
import { bundle, type Change } from "../plan/support.ts";

const ARGS = ["true"];

function made(changes: ProcessChanges, of: Change = {}) {
  const warnings: Warning[] = [];
  return { process: execProcess(bundle(of), changes, (warning) => void warnings.push(warning)), warnings };
}

function described(json: object, of: Change = {}) {
  const text = JSON.stringify({ cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 }, ...json });
  return made({ process: { text, name: "p.json" } }, of);
}

t.test("what is not said is the container's", async (t) => {
  const own = bundle().process;
  const { process } = made({ args: ARGS });
  t.same(process, { ...own, args: ARGS });
  t.equal(made({ args: ARGS }, { process: { terminal: true } }).process.terminal, false, "but its terminal");
  t.equal(made({ args: ARGS, tty: true }).process.terminal, true);
});

t.test("options", async (t) => {
  const { process } = made(
    {
      args: ARGS,
      cwd: "/tmp",
      env: ["A=1", "B="],
      user: "7:8",
      additionalGids: ["9", "0"],
      noNewPrivs: true,
    },
    { process: { noNewPrivileges: false, user: { uid: 1, gid: 2, umask: 0o77, additionalGids: [3] } } },
  );
  t.equal(process.cwd, "/tmp");
  t.same(process.env.slice(-2), ["A=1", "B="]);
  t.same(process.user, { uid: 7, gid: 8, umask: 0o77, additionalGids: [3, 9, 0] });
  t.equal(process.noNewPrivileges, true);
  const { user } = made(
    { args: ARGS, user: "5" },
    { process: { user: { uid: 1, gid: 2, umask: undefined, additionalGids: [] } } },
  ).process;
  t.same([user.uid, user.gid], [5, 2], "the group stays");
});

for (const text of [
  "",
  " ",
  " 1",
  "1 ",
  "+1",
  "-1",
  "0x1",
  "1:",
  ":1",
  ":",
  "1:2:3",
  "4294967295",
  "99999999999",
  "root",
  "1\n",
  "1.0",
  "1e3",
  "١",
]) {
  t.test(`--user ${JSON.stringify(text)}`, async (t) => {
    const error = t.throws(() => made({ args: ARGS, user: text })) as UsageError;
    t.ok(error instanceof UsageError);
    t.match(error.message, `invalid value ${JSON.stringify(text)} for --user`);
    t.equal(error.hint, "it takes UID or UID:GID in digits, up to 4294967294");
  });
}

t.test("the largest ids", async (t) => {
  const { user } = made({ args: ARGS, user: "4294967294:0000000000" }).process;
  t.same([user.uid, user.gid], [4294967294, 0]);
});

for (const gid of ["", "x", "-1", "4294967295", "1:2"]) {
  t.test(`--additional-gids ${JSON.stringify(gid)}`, async (t) => {
    t.throws(() => made({ args: ARGS, additionalGids: ["1", gid] }), {
      message: `invalid value ${JSON.stringify(gid)} for --additional-gids: ${JSON.stringify(gid)} is no id`,
    });
  });
}

t.test("--cap", async (t) => {
  const sets = {
    bounding: ["CAP_KILL"],
    effective: ["CAP_KILL"],
    permitted: ["CAP_KILL"],
    inheritable: [],
    ambient: [],
  } as const;
  const { capabilities } = made(
    { args: ARGS, caps: ["CAP_CHOWN", "CAP_KILL"] },
    { process: { capabilities: sets } },
  ).process;
  t.same(capabilities, {
    bounding: ["CAP_KILL", "CAP_CHOWN"],
    effective: ["CAP_KILL", "CAP_CHOWN"],
    permitted: ["CAP_KILL", "CAP_CHOWN"],
    inheritable: [],
    ambient: [],
  });
  const ambient = { ...sets, ambient: ["CAP_KILL"] } as const;
  t.same(
    made({ args: ARGS, caps: ["CAP_CHOWN"] }, { process: { capabilities: ambient } }).process.capabilities
      .ambient,
    ["CAP_KILL", "CAP_CHOWN"],
    "ambient where the container uses that",
  );
  t.throws(() => made({ args: ARGS, caps: ["CAP_SYS_ADMN"] }), {
    message: 'unknown capability "CAP_SYS_ADMN" for --cap',
    hint: /CAP_SYS_ADMIN/,
  });
});

const REFUSED: readonly [what: string, changes: ProcessChanges, message: string][] = [
  ["no args", { args: [] }, "process args cannot be empty"],
  ["none at all", {}, "process args cannot be empty"],
  ["a relative folder", { args: ARGS, cwd: "tmp" }, 'Cwd must be an absolute path, not "tmp"'],
  ["an empty folder", { args: ARGS, cwd: "" }, 'Cwd must be an absolute path, not ""'],
  ["a variable without a value", { args: ARGS, env: ["A"] }, 'invalid environment variable: "A"'],
  ["a variable without a name", { args: ARGS, env: ["=a"] }, 'invalid environment variable: "=a"'],
];

for (const [what, changes, message] of REFUSED) {
  t.test(what, async (t) => t.throws(() => made(changes), { name: "UsageError", message }));
}

t.test("a container without a process", async (t) => {
  const without = { ...bundle(), process: undefined };
  t.throws(() => execProcess(without, { args: ARGS }, () => undefined), {
    message: "the container's config.json has no process to take the rest from",
  });
  const text = JSON.stringify({ cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } });
  t.same(execProcess(without, { process: { text, name: "p" } }, () => undefined).args, ["sh"]);
});

t.test("a file: what it leaves out", async (t) => {
  const of: Change = {
    process: {
      oomScoreAdj: 5,
      noNewPrivileges: true,
      user: { uid: 1, gid: 1, umask: 0o77, additionalGids: [9] },
    },
  };
  const own = bundle(of).process;
  const { process } = described({}, of);
  t.same(process.capabilities, own?.capabilities);
  t.same(process.rlimits, own?.rlimits);
  t.equal(process.oomScoreAdj, 5);
  t.same(process.env, [], "the environment is the file's");
  t.same(process.user, { uid: 0, gid: 0, umask: undefined, additionalGids: [] }, "and so is the user");
  t.equal(process.noNewPrivileges, false);
  const empty = described({ capabilities: {} }, of).process;
  t.same(empty.capabilities.bounding, [], "empty capabilities are not left out");
});

t.test("a file: errors name it, and the place in it", async (t) => {
  const error = t.throws(() => described({ args: [1] })) as BundleError;
  t.ok(error instanceof BundleError);
  t.same([error.document, error.pointer], ["p.json", "/args/0"]);
  const syntax = t.throws(() => made({ process: { text: "{", name: "p.json" } })) as BundleError;
  t.equal(syntax.document, "p.json");
});

t.test("a file: what is odd is told", async (t) => {
  const { warnings } = described({ nosuch: 1 });
  t.same(
    warnings.map(({ pointer }) => pointer),
    ["/nosuch"],
  );
});

t.test("a file: --tty adds a terminal", async (t) => {
  const text = JSON.stringify({ cwd: "/", args: ["sh"], user: { uid: 0, gid: 0 } });
  t.equal(made({ process: { text, name: "p" }, tty: true }).process.terminal, true);
});
