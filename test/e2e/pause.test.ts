/** pause and resume: in every status, with processes that fork or cannot be stopped, and what still works meanwhile. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { cpuUsage, folderOf, freezerState, setFrozen } from "./support/cgroup-files.ts";
import { probe, script } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, type TestBundle } from "./support/host.ts";
import { cgroupsOfProcess, hasEnded, processesOf, textOf, until } from "./support/outside.ts";
import { patience, times } from "./support/slow.ts";
import { stuckContainer, withoutStuck } from "./support/stuck.ts";

const host = openHost({ busybox: true });
const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));
const forking = host.bundle((config) => script(config, "while :; do /bin/true & /bin/true; done"));

async function freezer(id: string): Promise<string | undefined> {
  return freezerState(cgroupsOfProcess((await host.state(id)).pid));
}

async function refused(t: Test, verb: string, id: string, words: string): Promise<void> {
  const outcome = await host.call([verb, id]);
  t.equal(outcome.code, 1, `${verb} is refused`);
  t.match(messageOf(outcome), words);
}

t.test("in every status", async (t) => {
  const id = await host.created(sleeping);
  await refused(t, "resume", id, "container not paused");
  await host.must(["pause", id]);
  t.equal((await host.state(id)).status, "paused", "a created container is paused");
  await refused(t, "start", id, "cannot start a container in the paused state");
  await refused(t, "pause", id, "container not running");
  await host.must(["resume", id]);
  t.equal((await host.state(id)).status, "created", "and created again");
  await host.must(["start", id]);
  await host.must(["pause", id]);
  t.equal(await freezer(id), "FROZEN");
  t.equal((await host.state(id)).status, "paused");
  await refused(t, "pause", id, "container not running");
  await refused(t, "delete", id, `cannot delete container ${id} that is not stopped: paused`);
  await host.must(["resume", id]);
  t.equal(await freezer(id), "THAWED");
  t.equal((await host.state(id)).status, "running");
  await refused(t, "resume", id, "container not paused");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await refused(t, "pause", id, "container not running");
  await refused(t, "resume", id, "container not paused");
  await host.must(["delete", id]);
  await refused(t, "pause", id, "container does not exist");
  await refused(t, "resume", id, "container does not exist");
});

t.test("nothing runs while it is paused, also where processes keep appearing", async (t) => {
  const id = await host.running(forking);
  const cgroups = cgroupsOfProcess((await host.state(id)).pid);
  for (let round = times(t, 15); round > 0; round--) {
    await host.must(["pause", id]);
    const before = cpuUsage(cgroups);
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.equal(cpuUsage(cgroups), before, `no processor time in round ${round}`);
    await host.must(["resume", id]);
    await until("it goes on", () => cpuUsage(cgroups) !== before);
  }
  await host.delete(id);
});

t.test("a signal waits for resume, KILL does not", async (t) => {
  const trapping = host.bundle((config) => probe(config, "trap", "stay"));
  const id = host.id();
  const call = host.start(["run", "--bundle", trapping.dir, id]);
  await until("the trap is set", () => call.stdout().includes("ready"));
  await host.must(["pause", id]);
  await host.must(["kill", id, "USR1"]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.notMatch(call.stdout(), '{"signal":10}');
  await host.must(["resume", id]);
  await until("the signal", () => call.stdout().includes('{"signal":10}'));
  await host.must(["pause", id]);
  await host.must(["kill", id, "KILL"]);
  t.equal((await call.ended).code, 137, "it ends without a resume");
});

for (const verb of ["kill", "delete --force"]) {
  t.test(`${verb} of a paused container`, async (t) => {
    const id = await host.running(forking);
    const { pid } = await host.state(id);
    await host.must(["pause", id]);
    if (verb === "kill") {
      await host.must(["kill", id, "KILL"]);
      await host.reaches(id, "stopped");
    }
    await host.must(["delete", ...(verb === "kill" ? [] : ["--force"]), id]);
    t.ok(hasEnded(pid));
    t.same(processesOf(id), []);
  });
}

/** Moves one of the container's processes into a cgroup below the container's, as a container's own manager would. */
async function nest(id: string): Promise<string> {
  const folder = await folderOf(host, id, "freezer");
  const inner = join(folder, "inner");
  mkdirSync(inner);
  const pids = await until("a second process", () => {
    const found = (textOf(join(folder, "cgroup.procs")) ?? "").trim().split("\n");
    return found.length > 1 && found;
  });
  writeFileSync(join(inner, "cgroup.procs"), pids.at(-1) ?? "");
  return inner;
}

const tree = host.bundle((config) => probe(config, "tree", "3"));

t.test("cgroups below the container's are paused with it", async (t) => {
  const id = await host.running(tree);
  await nest(id);
  const cgroups = cgroupsOfProcess((await host.state(id)).pid);
  await host.must(["pause", id]);
  t.equal(freezerState(cgroups, "inner"), "FROZEN");
  t.equal((await host.state(id)).status, "paused");
  await host.must(["resume", id]);
  t.equal(freezerState(cgroups, "inner"), "THAWED");
  await host.delete(id);
  t.same(processesOf(id), []);
});

for (const verb of ["kill", "delete --force"]) {
  t.test(`${verb} where the container has frozen a cgroup of its own`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const id = await host.running(tree);
    const inner = await nest(id);
    setFrozen(inner, true);
    t.equal((await host.state(id)).status, "running", "the container is not paused");
    if (verb === "kill") {
      await host.must(["kill", id, "KILL"]);
      await host.reaches(id, "stopped");
    }
    await host.must(["delete", "--force", id]);
    t.same(processesOf(id), []);
  });
}

const unstoppable = { skip: withoutStuck() ?? false };

t.test(
  "a process that cannot be stopped: an error in time, and the container runs on",
  unstoppable,
  async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const id = await stuckContainer(host);
    const begun = Date.now();
    const call = host.start(["pause", id]);
    await until("it is under way", async () => (await freezer(id)) === "FREEZING");
    const update = await host.call(["update", "--pids-limit", "20", id]);
    t.equal(update.code, 0, "an update waits for it");
    const outcome = await call.ended;
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), /^unable to freeze \S+: a process did not stop within 5000 ms; hint: /);
    t.ok(Date.now() - begun < patience(8000), "in time");
    t.equal(await freezer(id), "THAWED");
    t.equal((await host.state(id)).status, "running");
    await host.delete(id);
  },
);

t.test("pause dies half-way: resume and delete take what is left as paused", unstoppable, async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const verb of ["resume", "delete"]) {
    const id = await stuckContainer(host);
    const call = host.start(["pause", id]);
    await until("it is under way", async () => (await freezer(id)) === "FREEZING");
    call.kill("SIGKILL");
    await call.ended;
    // The last thing it did may have been to let go for a moment.
    if ((await freezer(id)) === "THAWED") setFrozen(await folderOf(host, id, "freezer"), true);
    t.equal((await host.state(id)).status, "paused");
    if (verb === "resume") {
      await host.must(["resume", id]);
      t.equal((await host.state(id)).status, "running");
    }
    await host.delete(id);
    t.same(processesOf(id), []);
  }
});

t.test("delete --force while a pause is under way waits for it", unstoppable, async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await stuckContainer(host);
  const call = host.start(["pause", id]);
  await until("it is under way", async () => (await freezer(id)) === "FREEZING");
  const outcome = await host.call(["delete", "--force", id]);
  t.equal(outcome.code, 0, outcome.stderr);
  t.equal((await call.ended).code, 1);
  t.same(processesOf(id), []);
});

async function race(t: Test, bundle: TestBundle, first: string[], second: string[]): Promise<void> {
  const id = await host.running(bundle);
  const { pid } = await host.state(id);
  const calls = [
    host.call([first[0] ?? "", id, ...first.slice(1)]),
    host.call([second[0] ?? "", id, ...second.slice(1)]),
  ];
  await Promise.all(calls);
  await until(`the end after ${first.join(" ")} and ${second.join(" ")}`, () => hasEnded(pid));
  await host.delete(id);
  t.same(processesOf(id), []);
}

t.test("pause and kill at the same time: the container ends", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (let round = times(t, 10, 2); round > 0; round--) {
    await race(t, round % 2 === 0 ? forking : sleeping, ["pause"], ["kill", "KILL"]);
    await race(t, round % 2 === 0 ? sleeping : forking, ["kill", "KILL"], ["pause"]);
  }
});

t.test("many pauses and resumes at the same time: each works or says why not", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await host.running(forking);
  const outcomes = await Promise.all(
    Array.from({ length: 16 }, (_, i) => host.call([i % 2 === 0 ? "pause" : "resume", id])),
  );
  for (const outcome of outcomes) {
    const verb = outcome.args.at(-2);
    const words = verb === "pause" ? "container not running" : "container not paused";
    if (outcome.code !== 0) t.match(messageOf(outcome), words);
  }
  const count = (verb: string): number =>
    outcomes.filter(({ args, code }) => args.at(-2) === verb && code === 0).length;
  const paused = (await host.state(id)).status === "paused";
  t.equal(count("pause") - count("resume"), paused ? 1 : 0, "they have taken turns");
  await host.delete(id);
});

await host.end();
