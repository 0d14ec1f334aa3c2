/** What of the caller's own state comes into a container, and what does not: the same as with runc, by create, run, exec and hooks. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { askingArgs } from "../support/answers.ts";
import { askIn, entered } from "../support/exec.ts";
import { hooksLog, STAGES } from "../support/hooks.ts";
import { answersOf, onlyTsrun, openHost } from "../support/host.ts";

const host = openHost();
const kind = await host.kind();

/** A caller in an odd state. */
const ODD_CALLER = [
  ...["sh", "-c", 'umask 077; echo 300 > /proc/self/oom_score_adj; exec "$@"', "sh"],
  ...[
    "nice",
    "-n",
    "5",
    "ionice",
    "-c",
    "3",
    "taskset",
    "1",
    "chrt",
    "-b",
    "0",
    "setpriv",
    "--groups",
    "7,8",
    "--",
  ],
];

/** Marks a test as skipped where the programs are missing that make a caller odd. */
function canBeOdd(t: Test): boolean {
  try {
    execFileSync("sh", ["-c", "command -v nice ionice taskset chrt setpriv"]);
    return true;
  } catch {
    t.pass("not applicable", { skip: "needs nice, ionice, taskset, chrt and setpriv" });
    return false;
  }
}

const QUESTIONS = ["ids", "sched", "ioprio", "oom", "fds", "signals", "cwd", "env", "nnp"] as const;

type Answered = ReturnType<typeof answersOf<typeof QUESTIONS>>;

/** How a program is to see itself, whatever the caller was like. */
function ordinary(
  t: Test,
  [ids, sched, ioprio, oom, fds, signals, cwd, env, nnp]: Answered,
  what: string,
): void {
  // runc 1.1.5 hands the caller's umask to exec.
  const umask = kind === "runc" && what === "exec" ? "0077" : "0022";
  t.same([ids.umask, ids.groups], [umask, []], `${what}: umask and groups are not the caller's`);
  t.same([sched.policy, sched.nice, sched.cpus], [3, 5, [0]], `${what}: scheduling, niceness and CPUs are`);
  t.equal(ioprio.class, 3, `${what}: the I/O class is`);
  t.equal(oom.oomScoreAdj, 300, `${what}: oom_score_adj is, where config.json has none`);
  t.same(Object.keys(fds), ["0", "1", "2"], `${what}: no descriptor`);
  t.same([signals.ignored, signals.caught], [[], []], `${what}: no disposition of a signal`);
  t.equal(cwd.cwd, "/", `${what}: not its folder`);
  t.notOk(
    env.some((text) => text.startsWith("CALLERS")),
    `${what}: not its environment`,
  );
  t.equal(nnp.parentDeathSignal, 0, `${what}: no signal when the runtime ends`);
}

const options = {
  through: ODD_CALLER,
  launch: ["ignore=13", "ignore=1", "ignore=2", "open=7:/etc/passwd", "open=23:/"],
  env: { PATH: process.env["PATH"] ?? "", CALLERS: "secret", TSRUN_TEST: host.tag },
};

t.test("run", async (t) => {
  if (canBeOdd(t)) ordinary(t, await host.ask(QUESTIONS, undefined, [], options), "run");
});

t.test("create and start", async (t) => {
  if (!canBeOdd(t)) return;
  const bundle = host.bundle((config) => {
    config.process.args = askingArgs(QUESTIONS);
  });
  const id = host.id();
  const create = host.start(["create", "-b", bundle.dir, id], options);
  await create.ended;
  await host.must(["start", id]);
  await host.reaches(id, "stopped");
  ordinary(t, answersOf(QUESTIONS, { ...(await create.ended), stdout: create.stdout() }), "create");
  await host.delete(id);
});

t.test("exec", async (t) => {
  if (!canBeOdd(t)) return;
  const id = await entered(host);
  ordinary(t, await askIn(host, id, QUESTIONS, [], options), "exec");
  await host.delete(id);
});

t.test("what config.json says of these goes before the caller's", async (t) => {
  if (!canBeOdd(t)) return;
  const [oom, ids] = await host.ask(
    ["oom", "ids"],
    (config) => {
      config.process.oomScoreAdj = 50;
      config.process.user = { uid: 5, gid: 6, umask: 0o27, additionalGids: [9] };
    },
    [],
    options,
  );
  t.equal(oom.oomScoreAdj, 50);
  t.same([ids.umask, ids.groups], ["0027", [9]]);
});

t.test("hooks: no descriptor of the runtime, no signal that an engine ignores or blocks", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.1.5 hands its own pipe and socket to createContainer
  const { bundle, log, write } = hooksLog(host, "caller");
  const look = (stage: string) =>
    `cat > /dev/null; ls -l /proc/self/fd > LOG/${stage}.fds; grep -E '^Sig(Ign|Blk)' /proc/self/status > LOG/${stage}.signals`;
  bundle.config.hooks = Object.fromEntries(STAGES.map((stage) => [stage, [write(stage, look(stage))]]));
  bundle.save();
  const outcome = await host.run(bundle, [], { env: options.env });
  t.equal(outcome.code, 0, outcome.stderr);
  for (const stage of STAGES) {
    const fds = [...log(`${stage}.fds`).matchAll(/ (\d+) -> (.*)$/gm)].map(([, fd, to]) => `${fd} ${to}`);
    // ls itself has the folder open.
    t.same(
      fds.filter((line) => !/^[012] |\/proc\/\d+\/fd$/.test(line)),
      [],
      `${stage}: ${fds.length} descriptors`,
    );
    t.match(log(`${stage}.signals`), /SigBlk:\s0+\n/, `${stage}: nothing is blocked`);
    // busybox's shell ignores SIGQUIT for its children, which it may.
    if (stage !== "startContainer")
      t.match(log(`${stage}.signals`), /SigIgn:\s0+\n/, `${stage}: nothing is ignored`);
  }
});

t.test("CVE-2016-9962: what waits for its start can be looked into by root of the host alone", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await host.created(
    host.bundle((config) => {
      config.process.user = { uid: 1000, gid: 1000 };
    }),
  );
  const { pid } = await host.state(id);
  // proc(5): the files of a process that is not dumpable are root's, whatever its ids are.
  t.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Uid:\t1000\t1000/m);
  t.equal(statSync(join("/proc", String(pid), "fd")).uid, 0, "not dumpable");
  await host.must(["start", id]);
  await host.delete(id);
});

await host.end();
