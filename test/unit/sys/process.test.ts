import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import t from "tap";
import { startTimeOf } from "../../../src/state/status.ts";
import { PLAN, RLIMIT } from "../../../src/sys/constants.gen.ts";
import { clock, environment, ids, kill, Pidfd, rlimitOf, run, sleep } from "../../../src/sys/process.ts";
import { Socket } from "../../../src/sys/socket.ts";
import { noLibrary } from "../native.ts";

if (noLibrary) {
  t.plan(0, noLibrary);
  process.exit(0);
}

const shell = (script: string, timeout = 0) =>
  run({ path: "/bin/sh", args: ["sh", "-c", script], env: ["A=1"], cwd: "/", input: "in", timeout });

t.test("ids, clocks, limits, environment", async (t) => {
  t.strictSame(ids(), { euid: process.geteuid?.(), pid: process.pid, ppid: process.ppid });
  t.ok(Math.abs(Number(clock("realtime") / 1_000_000n) - Date.now()) < 1000);
  const before = clock("monotonic");
  sleep(20);
  t.ok(clock("monotonic") - before >= 20_000_000n);
  const [, soft, hard] =
    /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
  t.strictSame(rlimitOf(0, RLIMIT.RLIMIT_NOFILE), { soft: BigInt(soft ?? 0), hard: BigInt(hard ?? 0) });
  t.equal(rlimitOf(0x7ffffffe, RLIMIT.RLIMIT_NOFILE), undefined);
  process.env["TSRUN_TEST"] = "a=b";
  t.ok(environment().includes("TSRUN_TEST=a=b"));
});

t.test("run(): input, output of both streams, environment and how it ended", async (t) => {
  t.strictSame(shell("cat; echo $A; echo err >&2; exit 5"), {
    kind: "ended",
    exit: { code: 5 },
    output: "in1\nerr\n",
  });
  t.strictSame(shell("kill -9 $$"), { kind: "ended", exit: { signal: 9 }, output: "" });
  t.strictSame(run({ path: "/no/such", args: ["x"], env: [], cwd: "/", input: "", timeout: 0 }), {
    kind: "not-started",
    errno: "ENOENT",
  });
  t.strictSame(run({ path: "/bin/true", args: ["x"], env: [], cwd: "/no/such", input: "", timeout: 0 }), {
    kind: "not-started",
    errno: "ENOENT",
  });
  t.strictSame(
    run({ path: "/bin/true", args: [], env: [], cwd: "/", input: "", timeout: 0 }).kind,
    "ended",
    "argv may be empty",
  );
  t.match(
    shell("ls /proc/self/fd | tr '\\n' ' '"),
    { output: "0 1 2 3 " },
    "nothing else is inherited; 3 is the folder that ls reads",
  );
});

t.test("run(): past its time the whole group is killed", async (t) => {
  const before = Date.now();
  const ran = shell("sleep 100 & echo $!; wait", 100);
  t.ok(Date.now() - before < 5000);
  t.match(ran, { kind: "timeout", output: /^\d+\n$/ });
  const pid = Number(ran.kind === "timeout" ? ran.output : 0);
  for (let tries = 0; tries < 100 && startTimeOf(pid) !== undefined; tries++) sleep(10);
  t.equal(startTimeOf(pid), undefined, "its child has ended as well");
});

t.test("Pidfd: of a living process, its end, and of none", async (t) => {
  const child = spawn("sleep", ["100"]);
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const process = Pidfd.of(child.pid ?? -1);
  t.ok(process?.signal(0));
  t.equal(process?.awaitExit(10), false);
  t.equal(process?.exitStatus(), undefined, "it has none yet");
  t.ok(process?.signal(9));
  t.equal(process?.awaitExit(5000), true);
  await ended;
  t.equal(process?.signal(9), false, "it has ended");
  t.equal(process?.reap(), undefined, "Node has reaped it");
  t.ok([9, undefined].includes(process?.exitStatus()), "kept with the descriptor since Linux 6.15");
  process?.close();
  process?.close();
  for (const pid of [child.pid ?? -1, 0, -1]) t.equal(Pidfd.of(pid), undefined);
  t.throws(() => kill(1, 99), { code: "EINVAL", syscall: "kill" });
});

t.test("Socket: whole messages, the other side's end, and no wait without an end", async (t) => {
  const [ours, theirs] = Socket.pair();
  t.ok(ours.send(new Uint8Array([1, 2, 3])));
  t.ok(ours.send(new Uint8Array(PLAN.messageMax).fill(7), [ours.fd, 1]));
  t.strictSame(theirs.receive(-1, 0), new Uint8Array([1, 2, 3]));
  t.equal((theirs.receive(-1, 0) as Uint8Array).length, PLAN.messageMax);
  t.equal(theirs.receive(-1, 10), "timeout");
  const child = spawn("sleep", ["100"]);
  const process = Pidfd.of(child.pid ?? -1);
  child.kill("SIGKILL");
  t.equal(theirs.receive(process?.fd ?? -1, 5000), "died");
  t.ok(ours.send(new Uint8Array([4])));
  t.strictSame(
    theirs.receive(process?.fd ?? -1, 5000),
    new Uint8Array([4]),
    "what was said before comes first",
  );
  process?.close();
  ours.close();
  t.equal(theirs.receive(-1, 5000), "eof");
  t.equal(theirs.send(new Uint8Array([1])), false);
  theirs.close();
});

t.test("Socket: at a path of any length", async (t) => {
  const path = `${t.testdir({ [`${"d".repeat(200)}`]: {} })}/${"d".repeat(200)}/s`;
  t.equal(Socket.connect(path), undefined, "nobody is there");
  const listening = Socket.listen(path);
  t.throws(() => Socket.listen(path), { code: "EADDRINUSE", syscall: "listen", subject: path });
  const connected = Socket.connect(path);
  t.ok(connected);
  connected?.close();
  listening.close();
  t.equal(Socket.connect(path), undefined, "nobody listens any more");
});

t.test(
  "no signal to what has no pid here: to kill(2) 0 is our own process group, and -1 everybody",
  async (t) => {
    for (const pid of [0, -1, -process.pid]) {
      t.throws(() => kill(pid, 0), {
        code: "EINVAL",
        message: /outside of this pid namespace: it is not ours to kill/,
      });
      t.equal(Pidfd.of(pid), undefined);
      t.equal(new Pidfd(pid, -1).reap(), undefined);
    }
  },
);
