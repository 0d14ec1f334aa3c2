/** Containers of an ordinary user: every command, as he calls it, with nothing set up for him. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Config } from "./support/config.ts";
import { messageOf, onlyTsrun, type State } from "./support/host.ts";
import { cgroupsOfProcess, hasEnded, until } from "./support/outside.ts";
import { give, openUser, USER } from "./support/user.ts";

const user = openUser({ busybox: true });
const { host } = user;

const OWN_MAP = (id: number) => [`0 ${id} 1`];

/** Fields of a map's line apart. */
const tidy = (lines: readonly string[]): string[] => lines.map((line) => line.trim().replace(/\s+/g, " "));

const sleeping = (config: Config): void => {
  config.process.args = ["/bin/probe", "sleep", "1000"];
};

t.test("he is root in the container, with a map of his own id alone", async (t) => {
  const [ids, maps, caps, mounts] = await user.ask(["ids", "maps", "caps", "mounts"]);
  t.same([ids.uid[0], ids.gid[0]], [0, 0]);
  t.same(tidy(maps.uid), OWN_MAP(USER.uid));
  t.same(tidy(maps.gid), OWN_MAP(USER.gid));
  t.same(maps.setgroups, ["deny"], "CVE-2014-8989");
  t.match(caps.bounding, /./);
  t.ok(mounts.some(({ mountpoint, type }) => mountpoint === "/proc" && type === "proc"));
});

t.test("the default devices are the host's, bound one by one", async (t) => {
  const [devices, mounts] = await user.ask(["devices", "mounts"]);
  for (const path of ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]) {
    t.equal(devices[path.slice(5)]?.type, "char", path);
    t.ok(
      mounts.some(({ mountpoint }) => mountpoint === path),
      `${path} is a mount`,
    );
  }
});

t.test("the exit code of run is the program's", async (t) => {
  const bundle = user.bundle((config) => {
    config.process.args = ["/bin/sh", "-c", "exit 7"];
  });
  t.equal((await user.run(bundle)).code, 7);
});

t.test("create, state, start, kill, delete; state lies in XDG_RUNTIME_DIR, sticky", async (t) => {
  const id = await user.created(user.bundle(sleeping));
  t.equal((await user.state(id)).status, "created");
  const kind = await host.kind();
  const folder = join(user.runtimeDir, kind);
  const { uid, mode } = statSync(folder);
  t.equal(uid, USER.uid);
  t.equal(mode & 0o7777, 0o1700, "whoever tidies XDG_RUNTIME_DIR leaves it alone");
  t.ok(statSync(join(folder, id)).isDirectory());
  await user.must(["start", id]);
  const { pid } = await user.reaches(id, "running");
  const rows = JSON.parse((await user.must(["list", "-f", "json"])).stdout) as (State & { id: string })[];
  t.equal(rows.find((row) => row.id === id)?.status, "running");
  await user.must(["kill", id, "KILL"]);
  await user.reaches(id, "stopped");
  t.ok(hasEnded(pid));
  await user.must(["delete", id]);
  t.match(messageOf(await user.call(["state", id])), "container does not exist");
});

t.test("exec enters what is created and what runs", async (t) => {
  const id = await user.created(user.bundle(sleeping));
  const exec = (...args: string[]) => user.call(["exec", id, ...args]);
  t.match(
    (await exec("/bin/sh", "-c", "echo $$; cat /proc/self/uid_map")).stdout,
    /^\d+\n\s+0\s+61234\s+1\n$/,
  );
  t.equal((await exec("/bin/sh", "-c", "exit 9")).code, 9);
  t.equal((await user.state(id)).status, "created", "and it can still be started");
  await user.must(["start", id]);
  const inside = JSON.parse((await exec("/bin/probe", "ids")).stdout) as { uid: number[] };
  t.equal(inside.uid[0], 0);
  t.equal((await exec("/bin/sh", "-c", "exit 10")).code, 10);
  await user.must(["exec", "-d", id, "/bin/probe", "sleep"]);
  await user.must(["delete", "--force", id]);
});

t.test("after exec nobody can look into a first process that waits for start", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const id = await user.created(user.bundle(sleeping));
  const { pid } = await user.state(id);
  await user.must(["exec", id, "/bin/probe", "true"]);
  // What is not dumpable is the host's root's in procfs, whoever it is of.
  await until("its files are root's again", () => statSync(`/proc/${pid}/environ`).uid === 0);
  await user.must(["delete", "--force", id]);
});

t.test(
  "without cgroups of its own a container is in its creator's, and nothing else there is touched",
  async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const other = host.start(["--version"], { through: ["sh", "-c", "exec sleep 60"], bare: true });
    const id = await user.created(user.bundle(sleeping));
    await user.must(["start", id]);
    const { pid } = await user.state(id);
    t.same([...cgroupsOfProcess(pid)], [...cgroupsOfProcess(process.pid)], "the same in every hierarchy");
    await user.must(["exec", "-d", id, "/bin/probe", "sleep"]);
    const pids = JSON.parse((await user.must(["ps", "-f", "json", id])).stdout) as number[];
    t.equal(pids.length, 2, "ps shows the container's two processes and no other");
    t.ok(pids.includes(pid));
    t.notOk(pids.includes(other.pid));
    for (const [words, cure] of [
      [["pause", id], /cgroups not configured for container.*delegated/],
      [["update", "--memory", "50M", id], /container could not join or create cgroup.*delegated/],
    ] as const) {
      const outcome = await user.call([...words]);
      t.equal(outcome.code, 1);
      t.match(messageOf(outcome), cure);
    }
    await user.must(["kill", "--all", id, "KILL"]);
    await user.reaches(id, "stopped");
    for (const each of pids) await until(`${each} has ended`, () => hasEnded(each));
    await user.must(["delete", id]);
    t.notOk(hasEnded(other.pid), "a neighbour in the cgroup lives");
    other.kill("SIGKILL");
    await other.ended;
  },
);

t.test("hooks run as the user, and see the state", async (t) => {
  const told = join(host.dir, "told");
  mkdirSync(told);
  give(told, USER.uid, USER.gid);
  const hook = (name: string) => [
    { path: "/bin/sh", args: ["sh", "-c", `{ id -u; cat; } > ${told}/${name}`] },
  ];
  const bundle = user.bundle((config) => {
    config.hooks = {
      createRuntime: hook("createRuntime"),
      poststart: hook("poststart"),
      poststop: hook("poststop"),
    };
  });
  t.equal((await user.run(bundle)).code, 0);
  for (const name of ["createRuntime", "poststart", "poststop"]) {
    t.equal(statSync(join(told, name)).uid, USER.uid, name);
  }
});

t.test("what spec --rootless writes runs as it is", async (t) => {
  const bundle = user.bundle();
  const folder = join(host.dir, "spec");
  mkdirSync(folder);
  give(folder, USER.uid, USER.gid);
  await user.must(["spec", "--rootless"], { cwd: folder });
  const file = join(folder, "config.json");
  const config = readFileSync(file, "utf8");
  t.equal(statSync(file).uid, USER.uid);
  const parsed = JSON.parse(config) as Config;
  t.same(parsed.linux.uidMappings, [{ containerID: 0, hostID: USER.uid, size: 1 }]);
  t.same(parsed.linux.gidMappings, [{ containerID: 0, hostID: USER.gid, size: 1 }]);
  parsed.process.terminal = false;
  parsed.process.args = ["/bin/probe", "hostname"];
  writeFileSync(join(bundle.dir, "config.json"), JSON.stringify(parsed));
  const outcome = await user.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
  t.match(outcome.stdout, /"hostname":"(runc|tsrun)"/);
});

t.test("an oom_score_adj above the caller's own is set; in exec, too", async (t) => {
  const [oom] = await user.ask(["oom"], (config) => {
    config.process.oomScoreAdj = 500;
  });
  t.equal(oom.oomScoreAdj, 500);
  const id = await user.created(
    user.bundle((config) => {
      sleeping(config);
      config.process.oomScoreAdj = 400;
    }),
  );
  t.match((await user.must(["exec", id, "/bin/probe", "oom"])).stdout, '"oomScoreAdj":400');
  await user.must(["delete", "-f", id]);
});

t.test("two users' containers of one id don't meet", async (t) => {
  const id = await user.created(user.bundle(sleeping));
  const others = await host.call(["state", id]);
  t.match(messageOf(others), "container does not exist");
  await user.must(["delete", "--force", id]);
});

await user.end();
