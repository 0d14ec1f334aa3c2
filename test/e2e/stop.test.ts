/** stop: asks, waits, kills; in every status; deletes nothing. */
import t from "tap";
import { type Patch, probe, share } from "./support/config.ts";
import { messageOf, openHost } from "./support/host.ts";
import { processesOf, until } from "./support/outside.ts";

const host = openHost({ only: "tsrun" });
const sleeping = host.bundle((config) => probe(config, "sleep", "1000"));
const STOP_SIGNAL = "org.opencontainers.image.stopSignal";

/** A container in the foreground that says which signals it gets; with `stay` it ends at none. */
async function trap(
  patch?: Patch,
  args: readonly string[] = ["trap", "stay"],
): Promise<{ id: string; signals(): number[]; ended: Promise<unknown> }> {
  const bundle = host.bundle((config) => {
    probe(config, ...args);
    patch?.(config);
  });
  const id = host.id();
  const call = host.start(["run", "--keep", "--bundle", bundle.dir, id]);
  call.ended.catch(() => undefined);
  await until("the trap is set", () => call.stdout().includes("ready"));
  const signals = (): number[] =>
    [...call.stdout().matchAll(/"signal":(\d+)/g)].map(([, number]) => Number(number));
  return { id, signals, ended: call.ended };
}

/** Calls stop; how it ended and how many milliseconds it took. */
async function stop(...args: readonly string[]) {
  const before = Date.now();
  const outcome = await host.call(["stop", ...args]);
  return { ...outcome, took: Date.now() - before };
}

t.test("a program that ends when it is asked to", async (t) => {
  const { id, signals, ended } = await trap(undefined, ["trap"]);
  const { code, took, stderr } = await stop(id);
  t.same({ code, stderr }, { code: 0, stderr: "" });
  t.ok(took < 5000, `${took} ms`);
  await ended;
  t.same(signals(), [15]);
  t.equal((await host.state(id)).status, "stopped", "it is not deleted");
  t.equal((await stop(id)).code, 0, "once more is no error");
  await host.must(["delete", id]);
});

t.test("a program that does not is killed after the time", async (t) => {
  const { id, signals } = await trap();
  const { code, took } = await stop("--time", "1", id);
  t.equal(code, 0);
  t.ok(took >= 1000 && took < 6000, `${took} ms`);
  t.equal((await host.state(id)).status, "stopped", "it is gone when stop returns");
  t.same(signals(), [15]);
  await host.delete(id);
});

t.test("which signal asks: the option, the image's annotation, TERM", async (t) => {
  const annotated: Patch = (config) => {
    config.annotations = { [STOP_SIGNAL]: "SIGRTMIN+3" };
  };
  const cases: readonly (readonly [string, Patch | undefined, readonly string[], number])[] = [
    ["the annotation", annotated, [], 37],
    ["the option goes before it", annotated, ["--signal", "int"], 2],
    ["the option alone, as a number", undefined, ["-s", "12"], 12],
  ];
  for (const [name, patch, options, number] of cases) {
    const { id, signals } = await trap(patch);
    t.equal((await stop("-t", "0", ...options, id)).code, 0);
    // With no time left the program may be killed before it says what it got.
    t.ok(signals().length === 0 || signals()[0] === number, name);
    await host.delete(id);
    const slow = await trap(patch);
    const call = host.start(["stop", "-t", "60", ...options, slow.id]);
    await until(name, () => slow.signals().length > 0);
    t.same(slow.signals(), [number], name);
    call.kill("SIGINT");
    t.equal((await call.ended).signal, "SIGINT", "a signal ends the stop");
    t.equal((await host.state(slow.id)).status, "running", "and leaves the container to itself");
    await host.delete(slow.id);
  }
});

t.test("an annotation that names no signal", async (t) => {
  const { id } = await trap((config) => {
    config.annotations = { [STOP_SIGNAL]: "SIGFOO" };
  });
  const outcome = await stop(id);
  t.equal(outcome.code, 1);
  t.equal(
    messageOf(outcome),
    `annotation ${STOP_SIGNAL}: unknown signal "SIGFOO"; hint: name another signal with --signal`,
  );
  t.equal((await stop("-t", "0", "--signal", "KILL", id)).code, 0);
  await host.delete(id);
});

t.test("--all asks every process", async (t) => {
  const { id, signals } = await trap(undefined, ["crew", "2"]);
  const call = host.start(["stop", "--all", "--time", "2", id]);
  const { code } = await call.ended;
  t.equal(code, 0);
  t.same(signals(), [15, 15, 15]);
  t.equal((await host.state(id)).status, "stopped");
  await host.delete(id);
});

t.test("a created container is killed at once", async (t) => {
  const id = await host.created(sleeping);
  const { code, took } = await stop("--time", "60", id);
  t.equal(code, 0);
  t.ok(took < 10_000, `${took} ms`);
  t.equal((await host.state(id)).status, "stopped");
  await host.must(["delete", id]);
});

t.test("a paused container", async (t) => {
  for (const args of [["trap"], ["trap", "stay"]]) {
    const { id, signals } = await trap(undefined, args);
    await host.must(["pause", id]);
    t.equal((await host.state(id)).status, "paused");
    t.equal((await stop("--time", "1", id)).code, 0);
    t.same(signals(), [15], "it was thawed to hear the signal");
    t.equal((await host.state(id)).status, "stopped");
    await host.must(["delete", id]);
  }
});

t.test("without a pid namespace, all processes are gone", async (t) => {
  for (const args of [
    ["crew", "3"],
    ["tree", "3"],
    ["orphan", "1000"],
  ]) {
    const bundle = host.bundle((config) => {
      share(config, "pid");
      probe(config, ...args);
    });
    const id = await host.running(bundle);
    if (args[0] === "orphan") await host.reaches(id, "stopped");
    else await until("all four", () => processesOf(id).length === 4);
    t.equal((await stop("--time", "1", id)).code, 0, args.join(" "));
    t.same(processesOf(id), [], args.join(" "));
    await host.must(["delete", id]);
  }
});

t.test("several at once take no longer than one, and one that fails does not keep the others", async (t) => {
  const ids = [await host.running(sleeping), await host.running(sleeping), await host.running(sleeping)];
  const outcome = await stop("--time", "1", ids[0] ?? "", "nosuch", ...ids.slice(1));
  t.equal(outcome.code, 1);
  t.equal(
    messageOf(outcome),
    "container does not exist: nosuch; hint: tsrun list shows the containers there are",
  );
  t.ok(outcome.took < 2900, `${outcome.took} ms`);
  for (const id of ids) {
    t.equal((await host.state(id)).status, "stopped");
    await host.must(["delete", id]);
  }
});

t.test("what the options take", async (t) => {
  const id = await host.created(sleeping);
  for (const time of ["-1", "x", "1.5", "9999999"]) {
    const outcome = await stop(`--time=${time}`, id);
    t.equal(outcome.code, 1, time);
    t.equal(
      messageOf(outcome),
      `invalid value "${time}" for --time; hint: it takes a whole number of seconds`,
    );
  }
  const unknown = await stop("--signal", "FOO", id);
  t.equal(messageOf(unknown), 'unknown signal "FOO"; hint: kill -l lists the names; numbers go from 0 to 64');
  t.equal((await host.state(id)).status, "created");
  await host.delete(id);
});

await host.end();
