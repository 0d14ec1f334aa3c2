/** What `exec` refuses: with 255, in words that engines know, with nothing run and the container unharmed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { entered, execProbe, processJson, stillRuns } from "./support/exec.ts";
import { messageOf, type Outcome, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();
const bundleMarks = (name: string): string => `/tmp/${name}`;
const id = await entered(host);

let marks = 0;

/** An exec that must be refused; its program would leave a mark. */
async function refused(
  t: Test,
  extra: readonly string[],
  words: string | RegExp,
  code = 255,
): Promise<Outcome> {
  marks += 1;
  const mark = bundleMarks(`mark-${marks}`);
  const outcome = await execProbe(host, id, extra, "write", mark, "x");
  t.equal(outcome.code, code, outcome.stderr);
  t.match(messageOf(outcome), words);
  t.equal(outcome.stdout, "");
  t.match((await execProbe(host, id, [], "stat", mark)).stdout, "ENOENT", "nothing has run");
  return outcome;
}

const USERS = [
  "",
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
  "4294967296",
  "0:4294967295",
  "99999999999999999999",
  "root",
  "user:user",
  "1\n",
  "\n1",
  "1:2\n",
  "1.0",
  "1e3",
  "١",
];

for (const user of USERS) {
  t.test(`--user ${JSON.stringify(user)}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const { stderr } = await refused(
      t,
      [`--user=${user}`],
      `invalid value ${JSON.stringify(user)} for --user`,
    );
    t.match(stderr, "UID:GID in digits");
  });
}

for (const gid of ["", "x", "-1", "4294967295", "1:2", "1,2"]) {
  t.test(`--additional-gids ${JSON.stringify(gid)}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    await refused(t, [`--additional-gids=${gid}`], /invalid value ".*" for --additional-gids/);
  });
}

t.test("capabilities that do not exist", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  await refused(t, ["--cap", "CAP_NOSUCH"], 'unknown capability "CAP_NOSUCH" for --cap');
  await refused(t, ["--cap", "CAP_SYS_ADMN"], /did you mean.*CAP_SYS_ADMIN/);
  await refused(t, ["--cap", "cap_chown"], /unknown capability.*CAP_CHOWN/);
  await refused(t, ["--cap", ""], 'unknown capability ""');
});

t.test("--cwd that is relative, missing, a file, or leads out", async (t) => {
  await refused(t, ["--cwd", "tmp"], "Cwd must be an absolute path");
  await refused(t, ["--cwd", "/etc/passwd"], /not a directory/);
  if (!(await onlyTsrun(host, t))) return;
  await refused(t, ["--cwd", "/nowhere"], /no such file or directory/);
  for (const fd of [0, 3, 5, 7, 8, 9, 10, 11, 12]) {
    await refused(t, ["--cwd", `/proc/self/fd/${fd}`], /\/proc\/self\/fd|process\.cwd/);
  }
  await refused(t, ["--cwd", "/proc/self/cwd"], /cwd/);
});

t.test("--env without a name or a value", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  await refused(t, ["--env", "NAME"], /invalid environment variable: "NAME"/);
  await refused(t, ["--env", "=x"], /invalid environment variable/);
  await refused(t, ["--env", ""], /invalid environment variable/);
});

t.test("numbers of descriptors", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const count of ["x", "-1", "1.5", "1000000"]) {
    await refused(t, [`--preserve-fds=${count}`], /preserve-fds/);
  }
  await refused(t, ["--preserve-fds=1"], /unable to preserve file descriptor 3/);
});

t.test("terminals without a socket when detached, and sockets without a terminal", async (t) => {
  await refused(
    t,
    ["-d", "-t"],
    /cannot allocate tty if (runc|tsrun) will detach without setting console socket/,
  );
  await refused(
    t,
    ["--console-socket", "/tmp/x"],
    /cannot use console socket if (runc|tsrun) will not detach or allocate tty/,
  );
  await refused(t, ["-d", "--console-socket", "/tmp/x"], /cannot use console socket if/);
});

t.test("an unknown option", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  // What is wrong in the command line is found before the command is: 1, as everywhere.
  const outcome = await execProbe(host, id, ["--nosuch"], "true");
  t.not(outcome.code, 0);
  t.match(outcome.stderr, /nosuch/);
});

t.test("no program", async (t) => {
  const outcome = await host.call(["exec", id]);
  t.not(outcome.code, 0);
  t.match(outcome.stderr, /process args cannot be empty/);
  const none = await host.call(["exec"]);
  t.not(none.code, 0);
});

const PROGRAMS: readonly [what: string, args: readonly string[], words: string | RegExp][] = [
  ["a name that is not in PATH", ["nosuch"], 'exec: "nosuch": executable file not found in $PATH'],
  ["an absolute path", ["/no/such"], /"\/no\/such".*no such file or directory/],
  ["a relative path", ["./nosuch"], /nosuch".*no such file or directory/],
  ["a folder", ["/etc"], /"\/etc".*(is a directory|permission denied)/],
  ["a file without the execute bit", ["/etc/passwd"], /"\/etc\/passwd".*permission denied/],
  ["an empty name", [""], /not found|no such file|permission denied|cannot be empty/],
];

for (const [what, args, words] of PROGRAMS) {
  t.test(`a program that is not there: ${what}`, async (t) => {
    for (const extra of [[], ["-d"]]) {
      const outcome = await host.call(["exec", ...extra, id, ...args]);
      t.equal(outcome.code, 255, extra.join(" "));
      t.match(messageOf(outcome), words);
      t.equal(outcome.stderr.trim().split("\n").length, 1, "said once");
    }
  });
}

t.test("what the kernel refuses to execute", async (t) => {
  await host.must(["exec", id, "/bin/probe", "write", "/tmp/garbage", "\u007fELF but not really"]);
  await host.must(["exec", id, "/bin/probe", "write", "/tmp/script", "#!/no/such/interpreter\n"]);
  if (!(await onlyTsrun(host, t))) return;
  await host.must([
    "exec",
    "--cap",
    "CAP_FOWNER",
    id,
    "/bin/busybox",
    "chmod",
    "755",
    "/tmp/garbage",
    "/tmp/script",
  ]);
  for (const extra of [[], ["-d"]]) {
    const garbage = await host.call(["exec", ...extra, id, "/tmp/garbage"]);
    t.equal(garbage.code, 255);
    t.match(messageOf(garbage), /exec format error/);
    const script = await host.call(["exec", ...extra, id, "/tmp/script"]);
    t.equal(script.code, 255);
    t.match(messageOf(script), /no such file or directory/);
  }
});

const FILES: readonly [what: string, text: string, pointer: RegExp][] = [
  ["not JSON", "{", /process\.json/],
  ["empty", "", /process\.json/],
  ["a list", "[]", /process\.json/],
  ["null", "null", /process\.json/],
  ["no args", processJson({ args: undefined }), /process\.json#\/args|process\.json.*args/],
  ["empty args", processJson({ args: [] }), /process\.json#\/args/],
  ["args of numbers", processJson({ args: ["/bin/probe", 1] }), /process\.json#\/args\/1/],
  ["a relative cwd", processJson({ cwd: "tmp" }), /process\.json#\/cwd/],
  ["no cwd", processJson({ cwd: undefined }), /process\.json/],
  ["a uid that is none", processJson({ user: { uid: -1, gid: 0 } }), /process\.json#\/user\/uid/],
  ["a name as uid", processJson({ user: { uid: "root", gid: 0 } }), /process\.json#\/user\/uid/],
  ["a uid of 2^32-1", processJson({ user: { uid: 4294967295, gid: 0 } }), /process\.json#\/user\/uid/],
  ["a NUL in an argument", processJson({ args: ["/bin/probe", "a\0b"] }), /process\.json#\/args\/1/],
  ["a NUL in the environment", processJson({ env: ["A=\0"] }), /process\.json#\/env\/0/],
  [
    "an unknown limit",
    processJson({ rlimits: [{ type: "RLIMIT_X", soft: 1, hard: 1 }] }),
    /process\.json#\/rlimits\/0\/type/,
  ],
  [
    "a soft limit above the hard one",
    processJson({ rlimits: [{ type: "RLIMIT_CORE", soft: 2, hard: 1 }] }),
    /process\.json#\/rlimits\/0/,
  ],
  [
    "an affinity of nonsense",
    processJson({ execCPUAffinity: { initial: "x" } }),
    /process\.json#\/execCPUAffinity\/initial/,
  ],
  [
    "an affinity of cpus that are not there",
    processJson({ execCPUAffinity: { initial: "500" } }),
    /process\.json#\/execCPUAffinity\/initial/,
  ],
  [
    "the final one",
    processJson({ execCPUAffinity: { final: "500" } }),
    /process\.json#\/execCPUAffinity\/final/,
  ],
  [
    "an unknown io class",
    processJson({ ioPriority: { class: "X", priority: 1 } }),
    /process\.json#\/ioPriority\/class/,
  ],
  ["oomScoreAdj out of range", processJson({ oomScoreAdj: 1001 }), /process\.json#\/oomScoreAdj/],
  ["a program that is not there", processJson({ args: ["/nosuch"] }), /process\.json#\/args\/0/],
  ["a folder that is not there", processJson({ cwd: "/nosuch" }), /process\.json#\/cwd/],
];

for (const [what, text, pointer] of FILES) {
  t.test(`--process: ${what}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    writeFileSync(join(host.dir, "process.json"), text);
    const outcome = await host.call(["exec", "-p", "process.json", id]);
    t.equal(outcome.code, 255);
    t.match(messageOf(outcome), pointer);
    t.notMatch(outcome.stderr, /config\.json/, "the other file is not blamed");
    t.equal(outcome.stderr.trim().split("\n").length, 1, outcome.stderr);
  });
}

t.test("--process: what is odd but no error", async (t) => {
  writeFileSync(
    join(host.dir, "process.json"),
    processJson({ args: ["/bin/probe", "exit", "6"], capabilities: { bounding: ["CAP_X"] }, nosuch: 1 }),
  );
  const outcome = await host.call(["exec", "-p", "process.json", id]);
  t.equal(outcome.code, 6);
  t.match(outcome.stderr, "CAP_X");
  if (!(await onlyTsrun(host, t))) return;
  t.match(outcome.stderr, "process.json#/capabilities/bounding/0");
  t.match(outcome.stderr, "process.json#/nosuch");
});

t.test("--process of what is no file", async (t) => {
  for (const path of ["/no/such.json", "/etc"]) {
    const outcome = await host.call(["exec", "-p", path, id]);
    t.not(outcome.code, 0);
    t.match(messageOf(outcome), /no such file or directory|is a directory/);
    t.match(messageOf(outcome), path);
  }
  if (!(await onlyTsrun(host, t))) return;
  writeFileSync(join(host.dir, "large.json"), " ".repeat((16 << 20) + 1));
  const large = await host.call(["exec", "-p", "large.json", id]);
  t.equal(large.code, 255);
  t.match(messageOf(large), /large\.json/);
});

t.test("errors go to --log too", async (t) => {
  const log = join(host.dir, "log.json");
  const outcome = await host.call(["--log", log, "--log-format", "json", "exec", id, "nosuch"]);
  t.equal(outcome.code, 255);
  const { readFileSync } = await import("node:fs");
  const entry = JSON.parse(readFileSync(log, "utf8").trim().split("\n").at(-1) ?? "") as {
    level: string;
    msg: string;
  };
  t.equal(entry.level, "error");
  t.match(entry.msg, "executable file not found in $PATH");
});

t.test("the container is unharmed", (t) => stillRuns(host, t, id));

await host.end();
