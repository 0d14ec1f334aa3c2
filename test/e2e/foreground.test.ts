/** `run` in the foreground: the process that was started becomes a small supervisor, passes on, reaps, and cleans up. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { type Config, probe, script, share } from "./support/config.ts";
import { Host, messageOf, openHost, PROBE, PROJECT, type Running } from "./support/host.ts";
import { cgroupsOf, namesIn, textOf, until } from "./support/outside.ts";
import { patience, some, times } from "./support/slow.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost({ only: "tsrun" });

function status(pid: number, name: string): string {
  const text = textOf(`/proc/${pid}/status`) ?? "";
  return new RegExp(`^${name}:\\s+(.*)$`, "m").exec(text)?.[1] ?? "";
}

/** Waits until the process has become the supervisor. */
async function supervisor(call: Running, id: string): Promise<number> {
  const { pid } = call;
  await until("the supervisor", () => textOf(`/proc/${pid}/cmdline`) === `tsrun: run ${id}\0`);
  return pid;
}

function childrenOf(pid: number): readonly number[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`)?.trim() ?? "";
  return text === "" ? [] : text.split(" ").map(Number);
}

t.test("what waits is small, is the process that was started, and is called tsrun", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap"));
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  await until("the program", () => call.stdout().includes("ready"));
  const pid = await supervisor(call, id);
  await until("its name", () => textOf(`/proc/${pid}/comm`) === "tsrun\n");
  t.equal(status(pid, "Threads"), "1");
  const kib = Number.parseInt(status(pid, "VmRSS"), 10);
  t.ok(kib > 0 && kib < 150, `${kib} KiB are resident`);
  t.same(
    namesIn(`/proc/${pid}/fd`).filter((fd) => Number(fd) > 2).length,
    4,
    "a pidfd, two for signals, the state folder",
  );
  call.kill("SIGTERM");
  t.same(await call.ended, { ...(await call.ended), code: 0, stderr: "" });
  t.notOk(existsSync(join(host.stateRoot, id)));
  t.same(cgroupsOf(id), []);
});

/** A program that a signal reaches also before it has a handler: the first process of a pid namespace would ignore it. */
function trapping(config: Config): void {
  share(config, "pid");
  probe(config, "trap");
}

t.test("a signal that comes while the container is being made reaches its program", async (t) => {
  // The hook gives time to send it.
  const bundle = host.bundle((config) => {
    trapping(config);
    config.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "0.3"] }] };
  });
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  await until("the first process", () => existsSync(join(host.stateRoot, id, "init.json")));
  call.kill("SIGTERM");
  const { code } = await call.ended;
  t.ok(code === 0 || code === 143, `it ended with ${code}`);
  t.notOk(existsSync(join(host.stateRoot, id)));
});

t.test("no signal is lost, whenever it comes", async (t) => {
  const bundle = host.bundle(trapping);
  for (const round of some(t, [...Array(40).keys()], 7)) {
    const id = host.id();
    const call = host.start(["run", "-b", bundle.dir, id]);
    await until("the state folder", () => existsSync(join(host.stateRoot, id)));
    // From the middle of the set-up to after the supervisor has come.
    await new Promise((resolve) => setTimeout(resolve, patience(round / 4)));
    call.kill("SIGTERM");
    const { code } = await call.ended;
    t.ok(code === 0 || code === 143, `round ${round}: ${code}`);
    t.notOk(existsSync(join(host.stateRoot, id)));
  }
});

t.test("128 and the signal of a program that shares the host's pid namespace", async (t) => {
  for (const signal of [1, 15, 34]) {
    const bundle = host.bundle((config) => {
      share(config, "pid");
      probe(config, "signal", String(signal));
    });
    t.equal((await host.run(bundle)).code, 128 + signal);
  }
});

t.test("processes that lose their parent are reaped while the container runs", async (t) => {
  const bundle = host.bundle((config) => {
    share(config, "pid");
    script(config, "(sleep 0.1 & ) ; (sleep 0.1 & ) ; echo up; sleep 30");
  });
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  const pid = await supervisor(call, id);
  await until("the program", () => call.stdout().includes("up"));
  await until("its orphans are this process's children", () => childrenOf(pid).length === 3);
  await until("they are reaped", () => childrenOf(pid).length === 1);
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137);
  t.same(cgroupsOf(id), []);
});

t.test("--no-subreaper leaves them to others", async (t) => {
  const bundle = host.bundle((config) => {
    share(config, "pid");
    script(config, "(sleep 5 & ) ; echo up; sleep 30");
  });
  const id = host.id();
  const call = host.start(["run", "--no-subreaper", "-b", bundle.dir, id]);
  const pid = await supervisor(call, id);
  await until("the program", () => call.stdout().includes("up"));
  t.equal(childrenOf(pid).length, 1);
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137);
});

t.test("what is left in the container's cgroup goes with it", async (t) => {
  const bundle = host.bundle((config) => {
    share(config, "pid");
    script(config, "(sleep 1000 & ) ; exit 3");
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 3);
  t.equal(outcome.stderr, "");
  t.same(cgroupsOf(host.tag), []);
});

t.test("--keep writes down how it ended", async (t) => {
  for (const [words, code, wait] of [
    [["exit", "4"], 4, 4 << 8],
    [["true"], 0, 0],
  ] as const) {
    const bundle = host.bundle((config) => probe(config, ...words));
    const id = host.id();
    t.equal((await host.call(["run", "--keep", "-b", bundle.dir, id])).code, code);
    const { status: saved, time } = JSON.parse(
      readFileSync(join(host.stateRoot, id, "exit.json"), "utf8"),
    ) as { status: number; time: string };
    t.equal(saved, wait);
    t.ok(Math.abs(Date.now() - Date.parse(time)) < 20_000);
    t.equal((await host.must(["wait", id])).stdout, `${code}\n`);
    await host.must(["delete", id]);
  }
});

t.test("--keep of one that was killed says so too", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap", "stay"));
  const id = host.id();
  const call = host.start(["run", "--keep", "-b", bundle.dir, id]);
  await until("the program", () => call.stdout().includes("ready"));
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137);
  t.equal(
    (JSON.parse(readFileSync(join(host.stateRoot, id, "exit.json"), "utf8")) as { status: number }).status,
    9,
  );
  await host.must(["delete", id]);
});

t.test("poststop hooks run after the end, and one that fails is a warning", async (t) => {
  const file = join(host.dir, "poststop");
  const bundle = host.bundle((config) => {
    probe(config, "exit", "6");
    config.hooks = {
      poststop: [
        { path: "/bin/sh", args: ["sh", "-c", `cat > ${file}`] },
        { path: "/bin/sh", args: ["sh", "-c", "exit 5"] },
      ],
    };
  });
  const log = join(host.dir, "poststop.log");
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 6);
  t.match(outcome.stderr, /^warning: error running poststop hook #1: exit status 5/);
  t.equal((JSON.parse(readFileSync(file, "utf8")) as { status: string }).status, "stopped");
  const id = host.id();
  const logged = await host.call(["--log", log, "--log-format", "json", "run", "-b", bundle.dir, id]);
  t.equal(logged.code, 6);
  t.equal(logged.stderr, "");
  t.match(readFileSync(log, "utf8"), /"level":"warning","msg":"error running poststop hook #1/);
});

const COUNTS_GONE = BY_SYSTEMD && "systemd has removed the cgroup by then, and the kernel's counts with it";

t.test("the memory limit that killed the program is named", { skip: COUNTS_GONE }, async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "eat", String(64 << 20));
    config.linux.resources["memory"] = { limit: 16 << 20, swap: 16 << 20 };
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 137);
  t.match(outcome.stderr, /^warning: .*memory limit of 16777216 bytes/);
  t.equal(outcome.stderr.trim().split("\n").length, 1);
});

t.test("a container that another takes away meanwhile ends quietly", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap", "stay"));
  for (let round = times(t, 3); round > 0; round--) {
    const id = host.id();
    const call = host.start(["run", "-b", bundle.dir, id]);
    await until("the program", () => call.stdout().includes("ready"));
    await host.must(["delete", "--force", id]);
    const { code, stderr } = await call.ended;
    t.equal(code, 137);
    t.equal(stderr, "");
    t.notOk(existsSync(join(host.stateRoot, id)));
  }
});

t.test("a supervisor that is killed leaves what delete --force takes away", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap", "stay"));
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  await until("the program", () => call.stdout().includes("ready"));
  await supervisor(call, id);
  call.kill("SIGKILL");
  t.equal((await call.ended).signal, "SIGKILL");
  await host.must(["delete", "--force", id]);
  t.same(cgroupsOf(id), []);
});

t.test("the command for Node becomes the same supervisor, and loses no signal", async (t) => {
  const node = new Host(join(PROJECT, "dist/tsrun.js"));
  const bundle = node.bundle((config) => {
    trapping(config);
    config.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "0.2"] }] };
  });
  for (const early of [true, false]) {
    const id = node.id();
    const call = node.start(["run", "-b", bundle.dir, id]);
    if (early) await until("the first process", () => existsSync(join(node.stateRoot, id, "init.json")));
    else {
      const pid = await supervisor(call, id);
      t.ok(Number.parseInt(status(pid, "VmRSS"), 10) < 150);
    }
    call.kill("SIGTERM");
    const { code } = await call.ended;
    t.ok(code === 0 || code === 143, `it ended with ${code}`);
    t.notOk(existsSync(join(node.stateRoot, id)));
  }
  rmSync(node.dir, { recursive: true });
});

t.test("a terminal: its size, what is typed, and the host's modes", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    probe(config, "do", "tty", ",", "cat");
  });
  const id = host.id();
  const words = [host.runtime, "--root", host.stateRoot, "run", "-b", bundle.dir, id];
  const call = execa(PROBE, ["pty", "size=33x111", "--", ...words], {
    env: { TSRUN_TEST: host.tag },
    reject: false,
    timeout: 20_000,
  });
  let shown = "";
  call.stdout.on("data", (data: Buffer) => {
    shown += data.toString();
  });
  await until("the program", () => shown.includes('"size"'));
  call.stdin.write("typed line\n\u0004");
  const outcome = await call;
  call.stdin.end();
  t.equal(outcome.exitCode, 0);
  t.match(outcome.stdout, '"size":[33,111]');
  t.equal(outcome.stdout.split("typed line").length, 3, "the echo and the program's own");
  t.match(outcome.stderr, '{"restored":true}');
});

t.test("what is typed before the container runs is not lost", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    probe(config, "cat");
  });
  const words = [host.runtime, "--root", host.stateRoot, "run", "-b", bundle.dir, host.id()];
  const call = execa(PROBE, ["pty", "--", ...words], {
    env: { TSRUN_TEST: host.tag },
    reject: false,
    timeout: 20_000,
  });
  let shown = "";
  call.stdout.on("data", (data: Buffer) => {
    shown += data.toString();
  });
  call.stdin.write("typed early\n");
  // Once by the host's terminal, as it is not raw yet, once by the container's, once by the program.
  await until("the program's echo", () => shown.split("typed early").length >= 3);
  call.stdin.write("\u0004");
  t.equal((await call).exitCode, 0);
  call.stdin.end();
});

t.test("a terminal where the host has none", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.terminal = true;
    config.process.consoleSize = { height: 20, width: 70 };
    probe(config, "do", "tty", ",", "cat");
  });
  const outcome = await host.run(bundle, [], { input: "from a file\n" });
  t.equal(outcome.code, 0, messageOf(outcome));
  t.match(outcome.stdout, '"size":[20,70]');
  t.equal(outcome.stdout.split("from a file").length, 3);
});

await host.end();
