/** wait: the exit code of a container's first process, whoever started it, for everybody who asks. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, openHost, type Running } from "./support/host.ts";
import { hasEnded, until } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });
const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));

/** Linux keeps the exit status with the pidfd since 6.15. */
const [major = 0, minor = 0] = readFileSync("/proc/sys/kernel/osrelease", "utf8").split(".").map(Number);
const old = (major < 6 || (major === 6 && minor < 15)) && "needs Linux 6.15: PIDFD_INFO_EXIT";

/** Waits until these calls sit in their wait: they have opened their pidfd. */
async function waiting(calls: readonly Running[]): Promise<void> {
  await until("the waits have begun", () =>
    calls.every(({ pid }) => /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
}

function waits(id: string, count: number): Running[] {
  return Array.from({ length: count }, () => host.start(["wait", id]));
}

async function answers(calls: readonly Running[]): Promise<string[]> {
  const outcomes = await Promise.all(calls.map(({ ended }) => ended));
  return outcomes.map(({ code, stdout, stderr }) => `${code}: ${stdout}${stderr}`);
}

t.test("through start to the end, for several at once", { skip: old }, async (t) => {
  const bundle = host.bundle((config) => probe(config, "exit", "7"));
  const id = await host.created(bundle);
  const calls = waits(id, 3);
  await waiting(calls);
  await host.must(["start", id]);
  t.same(await answers(calls), ["0: 7\n", "0: 7\n", "0: 7\n"]);
  t.match(JSON.parse(readFileSync(join(host.stateRoot, id, "exit.json"), "utf8")), { status: 7 << 8 });
  t.same(await answers(waits(id, 1)), ["0: 7\n"], "later ones read what the first wrote down");
  await host.must(["delete", id]);
});

t.test("a signal is 128 and its number", { skip: old }, async (t) => {
  const id = await host.running(sleeping);
  const calls = waits(id, 1);
  await waiting(calls);
  await host.must(["kill", id, "KILL"]);
  t.same(await answers(calls), ["0: 137\n"]);
  await host.must(["delete", id]);
});

t.test("of a container that is deleted meanwhile", { skip: old }, async (t) => {
  for (const make of ["created", "running"] as const) {
    const id = await host[make](sleeping);
    const calls = waits(id, 2);
    await waiting(calls);
    await host.must(["delete", "--force", id]);
    t.same(await answers(calls), ["0: 137\n", "0: 137\n"], make);
    t.notOk(existsSync(join(host.stateRoot, id)), "nothing was written after it was gone");
  }
});

t.test("of one that runs in the foreground elsewhere", { skip: old }, async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap"));
  const id = host.id();
  const run = host.start(["run", "-b", bundle.dir, id]);
  await until("it runs", () => run.stdout().includes("ready"));
  const calls = waits(id, 2);
  await waiting(calls);
  await host.must(["kill", id, "TERM"]);
  t.same(await answers(calls), ["0: 0\n", "0: 0\n"]);
  t.equal((await run.ended).code, 0);
});

t.test("while it is still being created", { skip: old }, async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "exit", "3");
    config.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "0.5"] }] };
  });
  const id = host.id();
  const create = host.start(["create", "-b", bundle.dir, id]);
  await until("its folder", () => existsSync(join(host.stateRoot, id)));
  const calls = waits(id, 1);
  t.equal((await create.ended).code, 0);
  await waiting(calls);
  await host.must(["start", id]);
  t.same(await answers(calls), ["0: 3\n"]);
  await host.must(["delete", id]);
});

t.test("of one that has ended and that nobody saw", async (t) => {
  const bundle = host.bundle((config) => probe(config, "exit", "9"));
  const id = host.id();
  const pidFile = join(host.dir, "ended.pid");
  await host.must(["run", "-d", "--pid-file", pidFile, "-b", bundle.dir, id]);
  const pid = Number(readFileSync(pidFile, "utf8"));
  await until("it has ended", () => hasEnded(pid));
  // Whoever has become its parent may reap it at any moment, or never.
  const before = existsSync(`/proc/${pid}`);
  const outcome = await host.call(["wait", id]);
  const after = existsSync(`/proc/${pid}`);
  if (outcome.code === 0) {
    t.equal(outcome.stdout, "9\n");
    t.ok(before, "the ended process was still there to ask");
  } else {
    t.equal(outcome.code, 1);
    t.notOk(after, "its parent has reaped it");
    t.equal(
      messageOf(outcome),
      `container ${id} has ended, but its exit code is unknown: only its parent process was told; hint: wait before it ends ` +
        "(this needs Linux 6.15), or run it in the foreground with --keep, which writes the code down",
    );
  }
  await host.must(["delete", id]);
});

t.test("of one that ran in the foreground with --keep", async (t) => {
  for (const [args, code] of [
    [["exit", "4"], 4],
    [["signal", "9"], 137],
  ] as const) {
    const bundle = host.bundle((config) => probe(config, "pid1", ...args));
    const id = host.id();
    const run = await host.call(["run", "--keep", "-b", bundle.dir, id]);
    t.equal(run.code, code);
    t.same(await answers(waits(id, 2)), [`0: ${code}\n`, `0: ${code}\n`]);
    await host.must(["delete", id]);
  }
});

t.test("one that does not exist", async (t) => {
  const outcome = await host.call(["wait", "nosuch"]);
  t.equal(outcome.code, 1);
  t.equal(
    messageOf(outcome),
    "container does not exist: nosuch; hint: tsrun list shows the containers there are",
  );
});

t.test("a signal ends the wait and leaves the container alone", async (t) => {
  const id = await host.running(sleeping);
  const calls = waits(id, 1);
  await waiting(calls);
  calls[0]?.kill("SIGINT");
  t.equal((await calls[0]?.ended)?.signal, "SIGINT");
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
});

await host.end();
