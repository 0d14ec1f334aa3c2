/** run: exit codes, signals, detached, kept; what is left afterwards. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { intended, messageOf, openHost } from "./support/host.ts";
import { cgroupsOf, hasEnded, until } from "./support/outside.ts";

const host = openHost();

t.test("the exit code is the program's", async (t) => {
  for (const code of [0, 1, 9, 125, 126, 127, 255]) {
    const bundle = host.bundle((config) => probe(config, "exit", String(code)));
    const outcome = await host.run(bundle);
    t.equal(outcome.code, code);
    t.equal(outcome.stderr, "");
  }
});

t.test("a program that a signal ended gives 128 and the signal's number", async (t) => {
  // The first process of a pid namespace is safe from its own signals, but not from the host's.
  const bundle = host.bundle((config) => probe(config, "trap", "stay"));
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  await until("the trap is set", () => call.stdout().includes("ready"));
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137);
  t.same(cgroupsOf(id), []);
});

t.test("run takes the container away when it ends", async (t) => {
  const bundle = host.bundle();
  const id = host.id();
  await host.must(["run", "-b", bundle.dir, id]);
  t.equal((await host.call(["state", id])).code, 1);
  t.notOk(existsSync(join(host.stateRoot, id)));
  t.same(cgroupsOf(id), []);
});

t.test("signals sent to run reach the program", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap", "stay"));
  const id = host.id();
  const call = host.start(["run", "-b", bundle.dir, id]);
  await until("the trap is set", () => call.stdout().includes("ready"));
  const sent: [NodeJS.Signals, number][] = [
    ["SIGTERM", 15],
    ["SIGINT", 2],
    ["SIGHUP", 1],
    ["SIGQUIT", 3],
    ["SIGUSR1", 10],
    ["SIGUSR2", 12],
  ];
  for (const [name, number] of sent) {
    call.kill(name);
    await until(`${name} inside`, () => call.stdout().includes(`{"signal":${number}}`));
  }
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137);
});

t.test("a program that TERM ends orderly gives its own code through run", async (t) => {
  const bundle = host.bundle((config) => probe(config, "trap"));
  const call = host.start(["run", "-b", bundle.dir, host.id()]);
  await until("the trap is set", () => call.stdout().includes("ready"));
  call.kill("SIGTERM");
  t.equal((await call.ended).code, 0);
});

t.test("-d returns with the container running; --detach is the same", async (t) => {
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  for (const word of ["-d", "--detach"]) {
    const id = host.id();
    const outcome = await host.must(["run", word, "-b", bundle.dir, id]);
    t.equal(outcome.stdout, "");
    const state = await host.state(id);
    t.equal(state.status, "running");
    t.notOk(hasEnded(state.pid));
    await host.delete(id);
  }
});

t.test("-d leaves no helper behind: the container's process is its starter's orphan", async (t) => {
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const id = host.id();
  const pidFile = join(host.dir, "detached.pid");
  await host.must(["run", "-d", "--pid-file", pidFile, "-b", bundle.dir, id]);
  const pid = Number(readFileSync(pidFile, "utf8"));
  const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  t.not(readFileSync(`/proc/${parent}/comm`, "utf8").trim(), "tsrun");
  await host.delete(id);
});

t.test("--keep leaves the stopped container to be asked and deleted", async (t) => {
  const bundle = host.bundle((config) => probe(config, "exit", "4"));
  const id = host.id();
  const outcome = await host.call(["run", "--keep", "-b", bundle.dir, id]);
  t.equal(outcome.code, 4);
  t.equal((await host.state(id)).status, "stopped");
  await host.must(["delete", id]);
  t.same(cgroupsOf(id), []);
});

t.test("a run that fails leaves nothing", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = ["nosuch"];
  });
  const id = host.id();
  const outcome = await host.call(["run", "-b", bundle.dir, id]);
  t.equal(outcome.code, intended(await host.kind(), { runc: 1, tsrun: 1, why: "an error is 1" }));
  t.match(messageOf(outcome), "executable file not found in $PATH");
  t.notOk(existsSync(join(host.stateRoot, id)));
  t.same(cgroupsOf(id), []);
});

t.test("output and input pass through", async (t) => {
  const bundle = host.bundle((config) => probe(config, "cat"));
  const outcome = await host.run(bundle, [], { input: "one\ntwo\0three\n" });
  t.equal(outcome.stdout, "one\ntwo\0three\n");
});

await host.end();
