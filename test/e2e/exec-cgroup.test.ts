/** `exec` and cgroups: where the process goes, what is refused, paused containers, limits. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import t, { type Test } from "tap";
import { entered, execProbe, staying, stillRuns } from "./support/exec.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOfProcess, until } from "./support/outside.ts";

const host = openHost({ cgroupV1: true });
const kind = await host.kind();
const id = await entered(host);
const first = (await host.state(id)).pid;
const own = cgroupsOfProcess(first);

/** A cgroup below the container's, or beside it, that processes can be put into. */
function makeCgroup(dir: string): void {
  mkdirSync(dir, { recursive: true });
  if (!dir.includes("/cpuset/")) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    writeFileSync(join(dir, file), readFileSync(join(dirname(dir), file)));
  }
}

/** The container's cgroups, without those that the container shares with the host. */
const dirs = [...own].filter(([, dir]) => dir.includes(id));

/** The cgroups of a process that `exec` has run with these options, by hierarchy. */
async function cgroupsAfter(t: Test, container: string, ...extra: string[]): Promise<Map<string, string>> {
  const file = join(host.dir, "exec.pid");
  const outcome = await host.call([
    "exec",
    "-d",
    "--pid-file",
    file,
    ...extra,
    container,
    "/bin/probe",
    "sleep",
    "600",
  ]);
  t.equal(outcome.code, 0, outcome.stderr);
  const pid = Number(readFileSync(file, "utf8"));
  const found = cgroupsOfProcess(pid);
  process.kill(pid, "SIGKILL");
  await until(
    "the process has gone",
    () => !existsSync(`/proc/${pid}`) || /State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, "utf8")),
  );
  return found;
}

t.test("without --cgroup it is in the container's, in every hierarchy", async (t) => {
  t.ok(dirs.length >= 8, `the container has ${dirs.length}`);
  t.same(await cgroupsAfter(t, id), own);
});

t.test("one path for every hierarchy", async (t) => {
  for (const [, dir] of dirs) makeCgroup(join(dir, "sub"));
  const found = await cgroupsAfter(t, id, "--cgroup", "sub");
  for (const [name, dir] of dirs) t.equal(found.get(name), join(dir, "sub"), name);
});

t.test("a path for some controllers", async (t) => {
  const memory = own.get("memory") ?? "";
  makeCgroup(join(memory, "a/b"));
  const found = await cgroupsAfter(t, id, "--cgroup", "memory:a/b", "--cgroup", "pids,cpu:sub");
  t.equal(found.get("memory"), join(memory, "a/b"));
  t.equal(found.get("pids"), join(own.get("pids") ?? "", "sub"));
  t.equal(found.get("cpu"), join(own.get("cpu") ?? "", "sub"));
  t.equal(found.get("devices"), own.get("devices"), "the others are the container's");
});

t.test("/ and . are the container's own", async (t) => {
  t.same(await cgroupsAfter(t, id, "--cgroup", "/"), own);
  if (kind === "tsrun") t.same(await cgroupsAfter(t, id, "--cgroup", "."), own);
});

t.test("no path leads out", async (t) => {
  // runc 1.1 compares by prefix: its exec gets into the sibling.
  if (!(await onlyTsrun(host, t))) return;
  const memory = own.get("memory") ?? "";
  const sibling = `${memory}-x`;
  makeCgroup(sibling);
  const name = basename(memory);
  const paths = [
    "..",
    "../..",
    `../${name}-x`,
    `sub/../../${name}-x`,
    `memory:../${name}-x`,
    `memory:sub/../../${name}-x`,
  ];
  for (const path of paths) {
    const outcome = await execProbe(host, id, ["--cgroup", path], "true");
    t.equal(outcome.code, 255, path);
    t.match(messageOf(outcome), "is not a sub cgroup path", path);
    t.equal(readFileSync(join(sibling, "cgroup.procs"), "utf8"), "", "nobody is beside");
  }
  rmdirSync(sibling);
});

const REFUSED: readonly [what: string, options: readonly string[], words: RegExp][] = [
  ["absolute", ["/sub"], /is not a sub cgroup path/],
  ["a double slash", ["a//b"], /is not a sub cgroup path/],
  ["a slash at the end", ["sub/"], /is not a sub cgroup path/],
  ["a dot within", ["./sub"], /is not a sub cgroup path/],
  ["a line's end", ["sub\n"], /is not a sub cgroup path/],
  ["absolute, of a controller", ["memory:/sub"], /is not a sub cgroup path/],
  ["two without a controller", ["sub", "sub"], /missing <controller>: prefix/],
  ["one without beside one with", ["memory:sub", "sub"], /missing <controller>: prefix/],
  ["an unknown controller", ["nosuch:sub"], /unknown controller nosuch/],
  ["one twice", ["memory,memory:sub"], /memory specified multiple times/],
  ["one in two", ["memory:sub", "cpu,memory:sub"], /memory specified multiple times/],
  ["two colons", ["memory:sub:x"], /more than one colon/],
];

for (const [what, paths, words] of REFUSED) {
  t.test(`refused: ${what}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const outcome = await execProbe(
      host,
      id,
      paths.flatMap((path) => ["--cgroup", path]),
      "true",
    );
    t.equal(outcome.code, 255);
    t.match(messageOf(outcome), words);
  });
}

t.test("a cgroup that is not there", async (t) => {
  for (const path of ["nosuch", "memory:nosuch", "pids:sub/nosuch"]) {
    const outcome = await execProbe(host, id, ["--cgroup", path], "true");
    t.equal(outcome.code, 255, path);
    t.match(outcome.stderr, /no such file or directory/);
    t.match(outcome.stderr, /nosuch/, "which one");
    t.not(existsSync(join(own.get("memory") ?? "", "nosuch")), "and it is not made");
  }
});

t.test("a paused container", async (t) => {
  const state = join(own.get("freezer") ?? "", "freezer.state");
  writeFileSync(state, "FROZEN");
  await host.reaches(id, "paused");
  const refused = await execProbe(host, id, [], "true");
  t.equal(refused.code, 255);
  t.match(messageOf(refused), "cannot exec in a paused container (use --ignore-paused to override)");
  const waiting = host.start(["exec", "--ignore-paused", id, "/bin/probe", "exit", "17"]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  t.equal(waiting.stdout(), "");
  writeFileSync(state, "THAWED");
  t.equal((await waiting.ended).code, 17, "it goes on once the container does");
});

t.test("killed while it waits for a paused container", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const state = join(own.get("freezer") ?? "", "freezer.state");
  writeFileSync(state, "FROZEN");
  await host.reaches(id, "paused");
  const waiting = host.start(["exec", "--ignore-paused", id, "/bin/probe", "write", "/tmp/late", "x"]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  waiting.kill("SIGKILL");
  await waiting.ended;
  writeFileSync(state, "THAWED");
  await host.reaches(id, "running");
  await until("no helper is left", async () => {
    const procs = readFileSync(join(own.get("freezer") ?? "", "cgroup.procs"), "utf8")
      .trim()
      .split("\n");
    return procs.length === 2;
  });
  t.match((await execProbe(host, id, [], "stat", "/tmp/late")).stdout, "ENOENT", "the program has not run");
});

t.test("a first process that moved below", async (t) => {
  const moved = await entered(host);
  const { pid } = await host.state(moved);
  const memory = cgroupsOfProcess(pid).get("memory") ?? "";
  makeCgroup(join(memory, "leaf"));
  writeFileSync(join(memory, "leaf/cgroup.procs"), String(pid));
  const found = await cgroupsAfter(t, moved);
  t.equal(found.get("memory"), memory, "on v1 the container's own cgroup takes processes all the same");
  t.equal(found.get("pids"), cgroupsOfProcess(pid).get("pids"));
  await host.delete(moved);
  t.not(existsSync(memory), "and all of it is removed");
});

t.test("under a limit of 1 MiB", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const small = await entered(host, (config) => {
    config.linux.resources = { ...config.linux.resources, memory: { limit: 1 << 20 } };
  });
  for (let at = 0; at < 5; at++) t.equal((await execProbe(host, small, [], "exit", "3")).code, 3);
  t.equal((await host.state(small)).status, "running");
  await host.delete(small);
});

t.test("a program that is killed for want of memory", async (t) => {
  const small = await entered(host, (config) => {
    config.linux.resources = { ...config.linux.resources, memory: { limit: 16 << 20, swap: 16 << 20 } };
  });
  const outcome = await execProbe(host, small, [], "eat", String(64 << 20));
  t.equal(outcome.code, 137);
  t.notMatch(outcome.stdout, "eaten");
  await stillRuns(host, t, small);
  await host.delete(small);
});

t.test("a limit of processes that is reached", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const full = await host.running(
    host.bundle(
      staying((config) => {
        config.linux.resources = { ...config.linux.resources, pids: { limit: 2 } };
      }),
    ),
  );
  const outcome = await execProbe(host, full, [], "fork", "1");
  t.same(JSON.parse(outcome.stdout), { made: 0, error: "EAGAIN" }, "it gets in, and makes no more");
  await host.delete(full);
});

t.test("the container is unharmed", (t) => stillRuns(host, t, id));

await host.end();
