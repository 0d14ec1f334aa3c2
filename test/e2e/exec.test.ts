/** `exec`: a further program in a container that lives, described by options or by a file. */
import { spawn } from "node:child_process";
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askIn, entered, execProbe, processJson, staying, stillRuns } from "./support/exec.ts";
import { answersOf, intended, messageOf, onlyTsrun, openHost, RUNTIME } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();
const kind = await host.kind();
const id = await entered(host, (config) => {
  config.process.noNewPrivileges = false;
  config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 88 }];
  config.process.oomScoreAdj = 345;
});

t.test("args, streams and exit codes go through", async (t) => {
  const outcome = await host.call(["exec", id, "/bin/probe", "args", "", "a b", "--x", "-t"]);
  t.same(JSON.parse(outcome.stdout), ["/bin/probe", "args", "", "a b", "--x", "-t"]);
  t.equal(outcome.code, 0);
  t.equal((await host.call(["exec", id, "probe", "exit", "3"])).code, 3, "found in PATH");
  const dashes = await host.call(["exec", id, "--", "probe", "exit", "4"]);
  t.equal(
    dashes.code,
    intended(kind, { runc: 255, tsrun: 4, why: "nobody's program is called --, and people write it" }),
    "after --",
  );
  const cat = await host.call(["exec", id, "/bin/probe", "cat"], { input: "through\n" });
  t.equal(cat.stdout, "through\n");
  t.equal((await execProbe(host, id, [], "exit", "255")).code, 255);
  t.equal((await execProbe(host, id, [], "exit", "137")).code, 137);
});

for (const signal of [1, 6, 9, 11, 15, 34, 64]) {
  t.test(`a program that ends by signal ${signal}`, async (t) => {
    const outcome = await execProbe(host, id, [], "signal", String(signal));
    t.equal(outcome.code, 128 + signal);
    t.equal(outcome.stderr, "");
  });
}

t.test("what nothing is said about is the container's own", async (t) => {
  const [ids, caps, nnp, limits, oom, cwd, env, signals, fds, proc] = await askIn(host, id, [
    "ids",
    "caps",
    "nnp",
    "limits",
    "oom",
    "cwd",
    "env",
    "signals",
    "fds",
    "proc",
  ]);
  t.same(ids, { uid: [0, 0, 0, 0], gid: [0, 0, 0, 0], groups: [], umask: "0022" });
  t.same([caps.bounding, caps.effective, caps.permitted], Array(3).fill("0000000020000420"));
  t.same([caps.inheritable, caps.ambient], Array(2).fill("0".repeat(16)));
  t.equal(nnp.noNewPrivileges, 0);
  // Go raises the soft limit of its own process, and runc 1.1 forgets to take that back.
  t.equal(limits["RLIMIT_NOFILE"]?.[1], 88);
  if (kind === "tsrun") t.equal(limits["RLIMIT_NOFILE"]?.[0], 77);
  t.equal(oom.oomScoreAdj, 345);
  t.equal(cwd.cwd, "/");
  t.ok(env.includes(`TSRUN_TEST=${host.tag}`));
  t.ok(env.includes("HOME=/root"), "HOME comes from the image's passwd");
  t.same(signals, { blocked: [], ignored: [], caught: [] });
  t.same(Object.keys(fds), ["0", "1", "2"]);
  t.equal(proc.sid, proc.pid, "a session of its own");
  t.equal(proc.ppid, 0, "nobody of the container is its parent");
});

t.test("signals that the caller blocks or ignores are at their defaults", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const [signals] = await askIn(host, id, ["signals"], [], { launch: ["ignore=13", "ignore=2", "block=10"] });
  t.same(signals, { blocked: [], ignored: [], caught: [] });
});

t.test("the caller's umask and working folder are not the program's", async (t) => {
  const [ids, cwd] = await askIn(host, id, ["ids", "cwd"], [], { cwd: "/usr", launch: ["umask=077"] });
  t.equal(
    ids.umask,
    intended(kind, {
      runc: "0077",
      tsrun: "0022",
      why: "the caller's must not decide, as it does not in create",
    }),
  );
  t.equal(cwd.cwd, "/");
});

t.test("--cwd", async (t) => {
  const [cwd] = await askIn(host, id, ["cwd"], ["--cwd", "/home/user"]);
  t.equal(cwd.cwd, "/home/user");
});

t.test("--env: of several with one name the last stays", async (t) => {
  const [env] = await askIn(host, id, ["env"], ["-e", "A=1", "-e", "A=2", "-e", "B=", "-e", "A=3=4"]);
  if (kind === "tsrun")
    t.same(
      env.filter((entry) => /^[AB]=/.test(entry)),
      ["B=", "A=3=4"],
    );
  else t.ok(env.includes("A=3=4"));
  const [path] = await askIn(host, id, ["env"], ["-e", "TSRUN_TEST=other", "-e", "HOME=/h"]);
  t.ok(path.includes("TSRUN_TEST=other"), "over the container's own");
  t.ok(path.includes("HOME=/h"));
  const searched = await host.call(["exec", "-e", "PATH=/nowhere", id, "probe", "true"]);
  t.match(messageOf(searched), "executable file not found in $PATH", "PATH is that of the new process");
});

t.test("--user and --additional-gids", async (t) => {
  const [one] = await askIn(host, id, ["ids"], ["-u", "1000"]);
  t.same(one.uid, [1000, 1000, 1000, 1000]);
  t.same(one.gid, [0, 0, 0, 0], "the group stays the container's");
  const [both, caps] = await askIn(host, id, ["ids", "caps"], ["--user", "65534:100", "-g", "7", "-g", "8"]);
  t.same(both, {
    uid: [65534, 65534, 65534, 65534],
    gid: [100, 100, 100, 100],
    groups: [7, 8],
    umask: "0022",
  });
  t.equal(caps.bounding, "0000000020000420");
  const [home] = await askIn(host, id, ["env"], ["-u", "1000"]);
  t.ok(home.includes("HOME=/home/user"));
  const [largest] = await askIn(host, id, ["ids"], ["-u", "2147483647:2147483647"]);
  t.equal(largest.uid[0], 2147483647);
});

t.test("--cap adds to what it may have and has, never to what others inherit", async (t) => {
  const [caps] = await askIn(host, id, ["caps"], ["--cap", "CAP_CHOWN", "--cap", "CAP_SYS_TIME"]);
  const wanted = "0000000022000421";
  t.same([caps.bounding, caps.effective, caps.permitted], [wanted, wanted, wanted]);
  t.equal(caps.inheritable, "0".repeat(16));
  t.equal(caps.ambient, "0".repeat(16));
});

t.test("--no-new-privs", async (t) => {
  const [nnp] = await askIn(host, id, ["nnp"], ["--no-new-privs"]);
  t.equal(nnp.noNewPrivileges, 1);
});

t.test("--detach returns while the program runs, and the pid file is complete by then", async (t) => {
  const folder = join(host.dir, "pids");
  mkdirSync(folder);
  await host.must(["exec", "-d", "--pid-file", "here.pid", id, "/bin/probe", "sleep", "600"], {
    cwd: folder,
  });
  const text = readFileSync(join(folder, "here.pid"), "utf8");
  t.match(text, /^[1-9][0-9]*$/);
  t.match(readFileSync(`/proc/${text}/cmdline`, "utf8"), /sleep.600/, "it runs the program already");
  const first = (await host.state(id)).pid;
  t.equal(
    readFileSync(`/proc/${text}/cgroup`, "utf8"),
    readFileSync(`/proc/${first}/cgroup`, "utf8"),
    "it is in the container's cgroups",
  );
  process.kill(Number(text), "SIGKILL");
  const absolute = join(folder, "there.pid");
  const outcome = await host.call(["exec", "--pid-file", absolute, id, "/bin/probe", "exit", "9"]);
  t.equal(outcome.code, 9);
  t.match(readFileSync(absolute, "utf8"), /^[1-9][0-9]*$/, "in the foreground too");
});

t.test("a pid file that cannot be written fails the exec, and nothing runs", async (t) => {
  const outcome = await host.call([
    "exec",
    "-d",
    "--pid-file",
    "/no/such/dir/pid",
    id,
    "/bin/probe",
    "write",
    "/tmp/ran",
    "x",
  ]);
  t.equal(outcome.code, 255);
  t.match(messageOf(outcome), /no such file or directory/);
  if (kind === "tsrun")
    t.match((await host.call(["exec", id, "/bin/probe", "stat", "/tmp/ran"])).stdout, "ENOENT");
});

t.test("--preserve-fds", async (t) => {
  const fd = openSync("/etc/hostname", "r");
  const [fds] = await askIn(host, id, ["fds"], ["--preserve-fds", "2"], { fds: [fd, fd, fd] });
  t.same(Object.keys(fds), ["0", "1", "2", "3", "4"]);
  t.equal(fds["3"], "/etc/hostname");
  const [none] = await askIn(host, id, ["fds"], [], { fds: [fd, fd, fd] });
  t.same(Object.keys(none), ["0", "1", "2"], "none without it");
  const missing = await execProbe(host, id, ["--preserve-fds", "2"], "true");
  if (kind === "tsrun") {
    t.equal(missing.code, 255);
    t.match(messageOf(missing), /unable to preserve file descriptor 3/);
  }
});

t.test("closed standard streams stay closed", async (t) => {
  const outcome = await host.call(["exec", id, "/bin/probe", "write", "/tmp/closed", "x"], {
    launch: ["close=0"],
  });
  t.equal(outcome.code, 0, outcome.stderr);
});

t.test("--process: a file, a fifo, a pipe", async (t) => {
  const file = join(host.dir, "process.json");
  writeFileSync(file, processJson({ args: ["/bin/probe", "do", "env", ",", "args"], env: ["A=b"] }));
  const outcome = await host.call(["exec", "--process", file, id]);
  t.match(outcome.stdout, '"A=b"');
  t.notMatch(outcome.stdout, "TSRUN_TEST", "the environment is the file's alone");
  const beside = await host.call(["exec", "-p", "process.json", id]);
  t.equal(beside.code, 0, "relative to the caller's folder");
  const shell = spawn(
    "bash",
    [
      "-c",
      'exec "$0" --root "$1" exec -p <(printf %s "$2") "$3"',
      host.runtime,
      host.stateRoot,
      processJson({ args: ["/bin/probe", "exit", "11"] }),
      id,
    ],
    { stdio: "ignore" },
  );
  t.equal(await new Promise((settle) => shell.on("exit", settle)), 11, "a pipe");
  const fifo = join(host.dir, "process.fifo");
  const both = spawn(
    "sh",
    [
      "-c",
      'mkfifo "$0"; printf %s "$1" >"$0" & exec "$2" --root "$3" exec -p "$0" "$4"',
      fifo,
      processJson({ args: ["/bin/probe", "exit", "12"] }),
      host.runtime,
      host.stateRoot,
      id,
    ],
    { stdio: "ignore" },
  );
  t.equal(await new Promise((settle) => both.on("exit", settle)), 12, "a fifo");
});

t.test("--process: what the file leaves out is the container's", async (t) => {
  // runc 1.1 takes limits from itself, and oomScoreAdj always from the container.
  if (!(await onlyTsrun(host, t))) return;
  const file = join(host.dir, "least.json");
  writeFileSync(file, processJson({ args: ["/bin/probe", "do", "caps", ",", "limits", ",", "oom"] }));
  const [caps, limits, oom] = answersOf(["caps", "limits", "oom"], await host.call(["exec", "-p", file, id]));
  t.equal(caps.effective, "0000000020000420");
  t.same(limits["RLIMIT_NOFILE"], [77, 88]);
  t.equal(oom.oomScoreAdj, 345);
  writeFileSync(
    file,
    processJson({
      args: ["/bin/probe", "do", "caps", ",", "limits", ",", "oom", ",", "ids", ",", "nnp", ",", "cwd"],
      capabilities: { bounding: ["CAP_CHOWN"] },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 55, hard: 66 }],
      oomScoreAdj: 500,
      noNewPrivileges: true,
      user: { uid: 5, gid: 6, additionalGids: [7], umask: 0o77 },
      cwd: "/tmp",
    }),
  );
  const own = answersOf(
    ["caps", "limits", "oom", "ids", "nnp", "cwd"],
    await host.call(["exec", "-p", file, id]),
  );
  t.equal(own[0].bounding, "0000000000000001");
  t.equal(own[0].effective, "0".repeat(16));
  t.same(own[1]["RLIMIT_NOFILE"], [55, 66]);
  t.equal(own[2].oomScoreAdj, 500);
  t.same(own[3], { uid: [5, 5, 5, 5], gid: [6, 6, 6, 6], groups: [7], umask: "0077" });
  t.equal(own[4].noNewPrivileges, 1);
  t.equal(own[5].cwd, "/tmp");
});

t.test("a container that is created and not started lets a process in", async (t) => {
  const waiting = await host.created(host.bundle(staying()));
  t.equal((await execProbe(host, waiting, [], "exit", "21")).code, 21);
  t.equal((await host.state(waiting)).status, "created");
  await host.must(["start", waiting]);
  t.equal((await execProbe(host, waiting, [], "exit", "22")).code, 22);
  await host.delete(waiting);
});

t.test("a stopped and an unknown container", async (t) => {
  const stopped = await host.running(host.bundle());
  await host.reaches(stopped, "stopped");
  const outcome = await execProbe(host, stopped, [], "true");
  t.equal(outcome.code, 255);
  t.match(messageOf(outcome), "cannot exec in a stopped container");
  await host.delete(stopped);
  const unknown = await execProbe(host, "nosuch", [], "true");
  t.equal(unknown.code, 255);
  t.match(messageOf(unknown), /does not exist/);
});

t.test("the bundle may be gone", async (t) => {
  const bundle = host.bundle(staying());
  const gone = await host.running(bundle);
  rmSync(join(bundle.dir, "config.json"));
  t.equal(
    (await execProbe(host, gone, [], "exit", "5")).code,
    intended(kind, { runc: 255, tsrun: 5, why: "tsrun keeps what it made the container of" }),
    "config.json",
  );
  rmSync(bundle.dir, { recursive: true });
  const outcome = await execProbe(host, gone, [], "true");
  t.equal(outcome.code, 255, "its rootfs: no program is left");
  t.match(messageOf(outcome), /no such file or directory/);
  t.equal((await host.state(gone)).status, "running");
  await host.delete(gone);
});

t.test("a signal to the foreground exec reaches the program", async (t) => {
  const running = host.start(["exec", id, "/bin/probe", "trap"]);
  await until("the program is ready", () => running.stdout().includes("ready"));
  for (const signal of ["SIGHUP", "SIGUSR1", "SIGINT"] as const) running.kill(signal);
  await until(
    "the signals",
    () => /"signal":10/.test(running.stdout()) && /"signal":2\b/.test(running.stdout()),
  );
  running.kill("SIGTERM");
  const outcome = await running.ended;
  t.equal(outcome.code, 0, "it ended by itself, and its code came back");
  t.match(outcome.stdout, '"signal":1}');
});

t.test("the container is unharmed", async (t) => {
  t.comment(RUNTIME);
  await stillRuns(host, t, id);
});

await host.end();
