/** kill: signals by name and number, to the first process or to all, in every status. */
import t from "tap";
import { probe, share } from "./support/config.ts";
import { messageOf, openHost, type TestBundle } from "./support/host.ts";
import { hasEnded, processesOf, textOf, until } from "./support/outside.ts";

const host = openHost();
const trapping = host.bundle((config) => probe(config, "trap", "stay"));
const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));

async function trap(bundle: TestBundle = trapping): Promise<{ id: string; said(): string[] }> {
  const id = host.id();
  const call = host.start(["run", "--bundle", bundle.dir, id]);
  // The foreground call ends with the container; a test that fails before then has its own message.
  call.ended.catch(() => undefined);
  const said = (): string[] => call.stdout().trim().split("\n");
  await until(
    "the trap is set",
    () =>
      call.stdout().includes("ready") || (call.stderr() !== "" && Promise.reject(new Error(call.stderr()))),
  );
  return { id, said };
}

t.test("kill by name, by name with SIG, by number, in any case", async (t) => {
  const { id, said } = await trap();
  const sent: [string, number][] = [
    ["TERM", 15],
    ["SIGUSR1", 10],
    ["usr2", 12],
    ["sighup", 1],
    ["28", 28],
    ["34", 34],
  ];
  const seen: number[] = [];
  for (const [name, number] of sent) {
    await host.must(["kill", id, name]);
    seen.push(number);
    await until(`signal ${name}`, () => said().includes(`{"signal":${number}}`));
  }
  t.same(
    said().slice(1),
    seen.map((signal) => `{"signal":${signal}}`),
  );
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped").catch(() => undefined);
  await host.delete(id);
});

t.test("without a name the signal is TERM; 0 only looks", async (t) => {
  const { id, said } = await trap();
  await host.must(["kill", id, "0"]);
  await host.must(["kill", id]);
  await until("TERM", () => said().includes('{"signal":15}'));
  t.same(said().slice(1), ['{"signal":15}']);
  await host.delete(id);
});

t.test("a signal that does not exist", async (t) => {
  const id = await host.running(sleeping);
  for (const name of ["FOO", "SIGFOO", "-1", "65", "999999999999", "9x"]) {
    const outcome = await host.call(["kill", id, ...(name.startsWith("-") ? ["--", name] : [name])]);
    t.equal(outcome.code, 1, `"${name}" is refused`);
  }
  t.match(messageOf(await host.call(["kill", id, "FOO"])), 'unknown signal "FOO"');
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
});

t.test("kill in each status", async (t) => {
  const id = await host.created(sleeping);
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  const again = await host.call(["kill", id, "KILL"]);
  t.equal(again.code, 1);
  t.match(messageOf(again), "container not running");
  await host.must(["kill", "-a", id, "KILL"]);
  await host.must(["kill", "--all", id, "9"]);
  await host.must(["delete", id]);
  const gone = await host.call(["kill", id]);
  t.equal(gone.code, 1);
  t.match(messageOf(gone), "container does not exist");
});

t.test("--all reaches every process of the container, the plain form only the first", async (t) => {
  const bundle = host.bundle((config) => probe(config, "tree", "3"));
  const id = await host.running(bundle);
  const { pid } = await host.state(id);
  const path =
    textOf(`/proc/${pid}/cgroup`)
      ?.split("\n")
      .find((line) => line.includes(id)) ?? "";
  await until("four processes", () => processesOf(path).length === 4);
  await host.must(["kill", id, "TERM"]);
  t.equal(processesOf(path).length, 4, "the first process of a pid namespace ignores TERM");
  await host.must(["kill", "--all", id, "TERM"]);
  await until("only the first is left", () => processesOf(path).length === 1);
  await host.must(["kill", "--all", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
  t.pass("all gone");
});

t.test("who gets what: a signal goes to the first process alone, with --all to each once", async (t) => {
  for (const own of [true, false]) {
    const bundle = host.bundle((config) => {
      if (!own) share(config, "pid");
      probe(config, "crew", "3");
    });
    const id = host.id();
    const call = host.start(["run", "--bundle", bundle.dir, id]);
    const said = (): string[] => call.stdout().trim().split("\n").sort();
    await until("the crew is there", () => call.stdout().includes('{"ready":3}'));
    await host.must(["kill", id, "TERM"]);
    await until("TERM", () => said().length === 2);
    await host.must(["kill", "--all", id, "USR1"]);
    await until("USR1", () => said().length === 6);
    await host.must(["kill", id, "HUP"]);
    await until("HUP", () => said().length === 7);
    t.same(
      said(),
      [
        '{"member":0,"signal":10}',
        '{"member":0,"signal":15}',
        '{"member":0,"signal":1}',
        '{"member":1,"signal":10}',
        '{"member":2,"signal":10}',
        '{"member":3,"signal":10}',
        '{"ready":3}',
      ],
      own ? "in a pid namespace of its own" : "in the host's pid namespace",
    );
    await host.must(["kill", "--all", id, "KILL"]);
    await call.ended;
  }
});

t.test("without a pid namespace, KILL ends every process", async (t) => {
  const bundle = host.bundle((config) => {
    share(config, "pid");
    probe(config, "tree", "3");
  });
  const id = await host.running(bundle);
  const { pid } = await host.state(id);
  await until("four processes", () => processesOf(id).length === 4);
  await host.must(["kill", id, "KILL"]);
  await until("the first has ended", () => hasEnded(pid));
  await host.must(["delete", "--force", id]);
  t.same(processesOf(id), []);
});

t.test("without a pid namespace, what the first process leaves behind ends with delete", async (t) => {
  const bundle = host.bundle((config) => {
    share(config, "pid");
    probe(config, "orphan", "1000");
  });
  const id = await host.running(bundle);
  await host.reaches(id, "stopped");
  await until("the orphan is alone", () => processesOf(id).length === 1);
  await host.must(["kill", "--all", id, "KILL"]);
  await until("the orphan has ended", () => processesOf(id).length === 0);
  await host.must(["delete", id]);
  t.pass("deleted");
});

await host.end();
