/** Where a container's cgroup may be on cgroup v2: the rules of the one hierarchy, and hierarchies of which only a part is seen. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { folderOf } from "./support/cgroup-files.ts";
import { type Config, probe } from "./support/config.ts";
import { type CallOptions, messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf, namesIn, textOf, until } from "./support/outside.ts";

const host = openHost({ cgroupV2: true, cgroupfs: true });
const TOP = "/sys/fs/cgroup";
const MIB = 1 << 20;

/** A process of nobody's container, in a cgroup of its own making. */
function sleeperIn(t: Test, folder: string): ChildProcess {
  const child = spawn("sleep", ["1000"], {
    stdio: "ignore",
    env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag },
  });
  t.teardown(() => void child.kill("SIGKILL"));
  writeFileSync(join(folder, "cgroup.procs"), String(child.pid));
  return child;
}

async function away(child: ChildProcess, ...folders: string[]): Promise<void> {
  child.kill("SIGKILL");
  for (const folder of folders) {
    await until(`${folder} is empty`, () => {
      if (existsSync(folder)) spawnSync("rmdir", [folder], { stdio: "ignore" });
      return !existsSync(folder);
    });
  }
}

/** A sleeping container below a cgroup. */
const below =
  (folder: string, resources = {}) =>
  (config: Config): void => {
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `${folder.slice(TOP.length)}/c`;
    Object.assign(config.linux.resources, resources);
  };

t.test("a limit below a cgroup that has processes: which, where, and what to do", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const folder = join(TOP, `${host.tag}-inhabited`);
  mkdirSync(folder);
  const sleeper = sleeperIn(t, folder);
  const outcome = await host.run(host.bundle(below(folder, { memory: { limit: 32 * MIB } })));
  t.equal(outcome.code, 1);
  t.equal(
    messageOf(outcome),
    `cannot set memory.max to "${32 * MIB}" in ${folder}/c: open: ENOENT: no such file or directory ` +
      `(config.json#/linux/resources/memory/limit); hint: ${folder} cannot hand memory down while it has processes of its own: ` +
      `${sleeper.pid} (sleep); move them into a cgroup below it (mkdir ${folder}/inner, then each pid into ` +
      `${folder}/inner/cgroup.procs), or name another cgroupsPath`,
  );
  t.same(
    namesIn(folder).filter((name) => name === "c"),
    [],
    "nothing is left",
  );

  const id = await host.running(host.bundle(below(folder)));
  t.equal((await host.state(id)).status, "running", "without a limit it may be there");
  t.equal(textOf(join(folder, "cgroup.type"))?.trim(), "domain", "and what is above it is as it was");
  const update = await host.call(["update", "--memory", "32M", id]);
  t.equal(update.code, 1);
  t.match(messageOf(update), `${folder} cannot hand memory down while it has processes of its own`);
  await host.delete(id);

  // What the hint says.
  mkdirSync(join(folder, "inner"));
  writeFileSync(join(folder, "inner/cgroup.procs"), String(sleeper.pid));
  const limited = await host.running(host.bundle(below(folder, { memory: { limit: 32 * MIB } })));
  t.equal(textOf(join(folder, "c/memory.max"))?.trim(), String(32 * MIB));
  await host.delete(limited);
  await away(sleeper, join(folder, "inner"), folder);
});

t.test("below a threaded cgroup", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const domain = join(TOP, `${host.tag}-domain`);
  const threaded = join(domain, "threaded");
  mkdirSync(threaded, { recursive: true });
  writeFileSync(join(threaded, "cgroup.type"), "threaded");
  for (const [resources, words] of [
    [{}, /clone3: EOPNOTSUPP.*\(config\.json#\/linux\/cgroupsPath\); hint: .*threaded/],
    [
      { memory: { limit: 32 * MIB } },
      /set memory\.max .*hint: .*threaded.*cannot hand memory down: name a cgroupsPath outside of it/,
    ],
  ] as const) {
    const outcome = await host.run(host.bundle(below(threaded, resources)));
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), words);
    t.notOk(existsSync(join(threaded, "c")), "nothing is left");
  }
  rmdirSync(threaded);
  rmdirSync(domain);
});

t.test("a cgroup that hands controllers down holds no process", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const folder = join(TOP, `${host.tag}-handing`);
  mkdirSync(join(folder, "below"), { recursive: true });
  writeFileSync(join(folder, "cgroup.subtree_control"), "+memory");
  const bundle = host.bundle((config) => {
    config.linux.cgroupsPath = `/${host.tag}-handing`;
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /clone3: EBUSY.*hint: on cgroup v2 a cgroup that hands controllers down/);
  t.ok(existsSync(join(folder, "below")), "and what others have made stays");
  rmdirSync(join(folder, "below"));
  if (existsSync(folder)) rmdirSync(folder);
});

t.test("the first process is cloned into its cgroup, and nobody is moved", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  if (spawnSync("strace", ["-V"]).status !== 0) {
    t.pass("not applicable", { skip: "needs strace" });
    return;
  }
  const trace = join(host.dir, "trace");
  const id = host.id();
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  // strace ends with the container, which it follows too.
  const traced = host.start(["create", "--bundle", bundle.dir, id], {
    through: ["strace", "-f", "-qq", "-o", trace, "-e", "trace=clone3,openat"],
  });
  await until(
    "it is created",
    async () => (await host.call(["state", id])).stdout.includes('"created"'),
    20_000,
  );
  const { pid } = await host.state(id);
  t.equal(textOf(join(await folderOf(host, id, ""), "cgroup.procs"))?.trim(), String(pid));
  await host.delete(id);
  await traced.ended;
  const lines = (textOf(trace) ?? "").split("\n");
  const cloned = lines.filter((line) => line.includes("CLONE_INTO_CGROUP"));
  t.equal(cloned.length, 1, cloned.join("\n"));
  t.same(
    lines.filter((line) => line.includes("cgroup.procs") && line.includes("O_WRONLY")),
    [],
  );
});

/** What an outer container has of the host's hierarchy. */
const OUTER = join(TOP, `${host.tag}-outer`);

/**
 * An outer container's process, which sees its part of the hierarchy: with a cgroup namespace, or mounted there from outside, as
 * engines in engines have it. With `init` it has moved into a cgroup below it, as the engines' programs in containers do.
 */
async function outer(
  t: Test,
  how: "namespace" | "mount",
  init: boolean,
): Promise<{ end(): Promise<void>; inside: CallOptions }> {
  mkdirSync(OUTER);
  const cover = `mount -t tmpfs ${host.tag} ${TOP} && mount -t cgroup2 cgroup ${TOP}`;
  const show = how === "namespace" ? cover : `mount --bind ${OUTER} ${TOP}`;
  const move = init ? `mkdir ${TOP}/init && echo 0 > ${TOP}/init/cgroup.procs && ` : "";
  const enter = ["--mount", "--propagation", "private", ...(how === "namespace" ? ["--cgroup"] : [])];
  const shell = spawn(
    "sh",
    [
      ...["-c", 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"', "sh", OUTER],
      ...["unshare", ...enter, "sh", "-c", `${show} && ${move}echo ready && exec sleep 1000`],
    ],
    { stdio: ["ignore", "pipe", "inherit"], env: { PATH: process.env["PATH"], TSRUN_TEST: host.tag } },
  );
  t.teardown(() => void shell.kill("SIGKILL"));
  await new Promise<void>((resolve, reject) => {
    shell.stdout.once("data", () => resolve());
    shell.once("exit", (code) => reject(new Error(`the outer container ended with ${code}`)));
  });
  const into = [
    "nsenter",
    "--target",
    String(shell.pid),
    "--mount",
    ...(how === "namespace" ? ["--cgroup"] : []),
  ];
  const own = init ? join(OUTER, "init") : OUTER;
  return {
    end: () => away(shell, ...(init ? [own] : []), OUTER),
    // From outside the namespace: from inside it nobody may come in.
    inside: { through: ["sh", "-c", 'echo 0 > "$1/cgroup.procs" && shift && exec "$@"', "sh", own, ...into] },
  };
}

const PATHS: readonly (readonly [path: string | undefined, place: (id: string) => string])[] = [
  [undefined, (id) => join(OUTER, id)],
  ["/a/b", () => join(OUTER, "a/b")],
  ["c/d", () => join(OUTER, "c/d")],
];

for (const [how, what] of [
  ["namespace", "a cgroup namespace"],
  ["mount", "a part of the hierarchy mounted"],
] as const) {
  t.test(`in a container that has ${what}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const { inside, end } = await outer(t, how, true);
    for (const [path, place] of PATHS) {
      const id = host.id();
      const bundle = host.bundle((config) => {
        probe(config, "sleep", "1000");
        config.linux.resources["memory"] = { limit: 32 * MIB };
        if (path !== undefined) config.linux.cgroupsPath = path;
      });
      await host.must(["create", "--bundle", bundle.dir, id], inside);
      t.equal(textOf(join(place(id), "memory.max"))?.trim(), String(32 * MIB), path ?? "no path");
      await host.must(["start", id], inside);
      t.equal((await host.call(["exec", id, "/bin/probe", "exit", "5"], inside)).code, 5);
      t.equal((JSON.parse((await host.must(["ps", "-f", "json", id], inside)).stdout) as number[]).length, 1);
      await host.must(["pause", id], inside);
      await host.must(["resume", id], inside);
      await host.must(["update", "--memory", "40M", id], inside);
      t.equal(textOf(join(place(id), "memory.max"))?.trim(), String(40 * MIB));
      await host.must(["delete", "--force", id], inside);
      t.same(cgroupsOf(`${host.tag}-outer`).sort(), [OUTER, join(OUTER, "init")], "all of it is removed");
    }
    await end();
  });
}

t.test("a runtime whose own container's process is in the way of its limits", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { inside, end } = await outer(t, "namespace", false);
  const bundle = host.bundle((config) => {
    config.linux.resources["memory"] = { limit: 32 * MIB };
  });
  const outcome = await host.run(bundle, [], inside);
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /hint: \/sys\/fs\/cgroup cannot hand memory down while it has processes of its own: \d+ \(sleep\), \d+ \(tsrun\)/,
  );
  await end();
});

await host.end();
