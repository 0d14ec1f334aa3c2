/** tsrun is killed in the middle of create, run and delete: `gc` leaves nothing of it, and leaves everything else alone. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { sh } from "./support/hooks.ts";
import { openHost } from "./support/host.ts";
import { cgroupsOf, mountsOf, processesOf, until } from "./support/outside.ts";
import { callsOfCreate, createKilledAt, NO_STRACE } from "./support/strace.ts";

const host = openHost({ only: "tsrun" });
const bundle = host.bundle((config) => {
  probe(config, "sleep", "1000");
  config.linux.resources["memory"] = { limit: 1 << 27 };
});

interface Report {
  readonly garbage: readonly {
    readonly kind: string;
    readonly id?: string;
    readonly path: string;
    readonly removed: boolean;
  }[];
  readonly stopped: readonly string[];
  readonly damaged: readonly string[];
}

async function gc(...args: string[]): Promise<Report> {
  return JSON.parse((await host.must(["gc", "--format", "json", ...args])).stdout) as Report;
}

/** Everything of an id that there still is, in words. */
function left(id: string): string[] {
  const names = existsSync(host.stateRoot) ? readdirSync(host.stateRoot) : [];
  return [
    ...processesOf(id).map((process) => `process ${process}`),
    ...cgroupsOf(id).map((folder) => `cgroup ${folder}`),
    ...mountsOf(id).map((line) => `mount ${line}`),
    ...names.filter((name) => name === id || name.includes(`~${id}~`)).map((name) => `state ${name}`),
  ];
}

/** What stays whatever is collected. */
const running = await host.running(bundle);
const created = await host.created(bundle);
const kept = async (): Promise<unknown> => [
  (await host.state(running)).pid,
  (await host.state(created)).status,
];
const before = await kept();

/** A container whose creation was interrupted may have come to its end before, and then is somebody's. */
async function collected(id: string): Promise<string[]> {
  await until("what was killed is over", () => processesOf(`create -b ${bundle.dir} ${id}`).length === 0);
  const complete = existsSync(join(host.stateRoot, id, "process.json"));
  await gc();
  if (complete) {
    const { status } = await host.state(id);
    if (status === "creating") return [`${id} is ${status}`];
    await host.delete(id);
  }
  await until("nothing", () => left(id).length === 0, 2000).catch(() => undefined);
  return left(id);
}

t.test("create, killed after 0 to 20 ms", async (t) => {
  for (let delay = 0; delay < 20; delay += 1) {
    const id = host.id();
    const call = host.start(["create", "-b", bundle.dir, id]);
    await new Promise((resolve) => setTimeout(resolve, delay));
    call.kill("SIGKILL");
    await call.ended;
    t.strictSame(await collected(id), [], `killed after ${delay} ms`);
  }
});

t.test("create, killed at each of its system calls", { skip: NO_STRACE }, async (t) => {
  const { id: counting, calls } = await callsOfCreate(host, bundle);
  // Each of those that name the container's folder, where most can go wrong, and some of the others.
  const points = calls.filter(({ line, number }) => line.includes(counting) || number % 12 === 0);
  let interrupted = 0;
  for (const point of points) {
    const id = createKilledAt(host, bundle, point);
    if (existsSync(join(host.stateRoot, id, "state.json"))) interrupted += 1;
    t.strictSame(
      await collected(id),
      [],
      `killed at system call ${point.number}: ${point.line.slice(0, 60)}`,
    );
  }
  t.ok(interrupted > 0, `${interrupted} of ${points.length} had begun`);
});

t.test("delete, killed: --stopped takes what has stopped, and nothing that lives", async (t) => {
  for (let delay = 2; delay < 8; delay += 0.5) {
    const id = await host.running(bundle);
    const call = host.start(["delete", "--force", id]);
    await new Promise((resolve) => setTimeout(resolve, delay));
    call.kill("SIGKILL");
    await call.ended;
    // Once killed, the container's first process may take a moment.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const alive = processesOf(id).length > 0;
    const { garbage } = await gc("--stopped");
    if (alive) {
      t.notOk(
        garbage.some((each) => each.id === id),
        `a living one stays, killed after ${delay} ms`,
      );
      await host.delete(id);
    }
    t.strictSame(left(id), [], `killed after ${delay} ms`);
  }
});

t.test("what is asked for, and nothing else", async (t) => {
  const stopped = await host.running(bundle);
  await host.must(["kill", stopped, "KILL"]);
  await host.reaches(stopped, "stopped");
  const dead = spawnSync("true").pid;
  const hidden = join(host.stateRoot, `~${host.tag}-x~${dead}~1`);
  mkdirSync(hidden);
  const damaged = join(host.stateRoot, `${host.tag}-damaged`);
  mkdirSync(damaged);
  const images = join(host.dir, "images");
  const partial = join(images, `.box.partial-${dead}`);
  mkdirSync(join(partial, "rootfs"), { recursive: true });
  writeFileSync(join(partial, "rootfs/file"), "");

  const text = await host.must(["gc", "--dry-run", "--stopped", images]);
  t.strictSame(text.stdout.split("\n"), [
    `would remove container ${stopped}, which has stopped`,
    `would remove ${hidden}, left of a container that was being created or deleted`,
    `would remove ${partial}, an image that was being unpacked`,
    `the state of ${host.tag}-damaged cannot be read: tsrun delete --force removes what is left of it`,
    "",
  ]);
  for (const path of [hidden, damaged, partial]) t.ok(existsSync(path), "dry-run changes nothing");
  t.equal((await host.state(stopped)).status, "stopped");

  const first = await host.must(["gc"]);
  t.strictSame(first.stdout.split("\n"), [
    `removing ${hidden}, left of a container that was being created or deleted`,
    `stopped containers stay, --stopped removes them too: ${stopped}`,
    `the state of ${host.tag}-damaged cannot be read: tsrun delete --force removes what is left of it`,
    "",
  ]);
  t.notOk(existsSync(hidden));
  t.ok(existsSync(partial), "folders only where they are named");
  t.strictSame(await gc("--stopped", images), {
    garbage: [
      { kind: "stopped", id: stopped, path: join(host.stateRoot, stopped), removed: true },
      { path: partial, kind: "unpacking", removed: true },
    ],
    stopped: [],
    damaged: [`${host.tag}-damaged`],
  });
  t.strictSame([existsSync(partial), left(stopped)], [false, []]);
  t.ok(existsSync(damaged));
  await host.must(["delete", "--force", `${host.tag}-damaged`]);
  t.equal((await host.must(["gc"])).stdout, "nothing to remove\n");

  const missing = await host.call(["gc", join(host.dir, "missing")]);
  t.equal(missing.code, 1);
  t.match(missing.stderr, /missing: ENOENT/);
});

t.test("a creation under way is not disturbed", async (t) => {
  const slow = host.bundle((config) => {
    probe(config, "sleep", "1000");
    config.hooks = { createRuntime: [sh("sleep 2")] };
  });
  const id = host.id();
  const call = host.start(["create", "-b", slow.dir, id]);
  await until("the creation is under way", () => existsSync(join(host.stateRoot, id, "init.json")));
  for (let times = 0; times < 5; times += 1) t.strictSame((await gc("--stopped")).garbage, []);
  t.equal((await call.ended).code, 0);
  t.equal((await host.state(id)).status, "created");
  await host.delete(id);
});

t.test("many creations beside many collections", async (t) => {
  const ids = Array.from({ length: 12 }, () => host.id());
  let over = false;
  const collecting = (async () => {
    while (!over) await gc();
  })();
  const outcomes = await Promise.all(ids.map((id) => host.call(["create", "-b", bundle.dir, id])));
  over = true;
  await collecting;
  t.strictSame(
    outcomes.map(({ code, stderr }) => [code, stderr]),
    ids.map(() => [0, ""]),
  );
  for (const id of ids) await host.delete(id);
});

t.test("the containers that were there before are as they were", async (t) => {
  t.strictSame(await kept(), before);
});

await host.end();
