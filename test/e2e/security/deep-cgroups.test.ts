/**
 * Cgroups that a container makes beyond what a path can say: more than PATH_MAX bytes deep, a hundred thousand beside each other, or
 * new ones all the time. Every command works on it, and nothing is left.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { folderIn } from "../support/cgroup-files.ts";
import { type Config, type Patch, script, share } from "../support/config.ts";
import { onlyTsrun, openHost } from "../support/host.ts";
import { CGROUP_V2, cgroupsOfProcess, hasEnded, until } from "../support/outside.ts";
import { patience, times } from "../support/slow.ts";
import { BY_SYSTEMD } from "../support/wants.ts";

const host = openHost({ busybox: true });
t.setTimeout(patience(300_000));

/** 24 of them are 6 KiB: PATH_MAX is 4 KiB. */
const LEVELS = 24;
const NAME = "n".repeat(255);

/** The hierarchies in which containers here nest: those that list, freeze and count; each has another tree on v1. */
const HIERARCHIES = CGROUP_V2 ? [""] : ["devices", "freezer", "memory"];

/** A container that may write its cgroups. */
function writable(config: Config): void {
  config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"] });
  config.linux.namespaces.push({ type: "cgroup" });
}

/** The words of a shell that nests cgroups and moves `$1` into the lowest. */
const DIG = `
dig() {
  for h in ${HIERARCHIES.map((name) => `/sys/fs/cgroup/${name}`).join(" ")}; do
    cd $h
    i=0
    while [ $i -lt ${LEVELS} ]; do mkdir ${NAME} && cd -P ${NAME} || exit 9; i=$((i+1)); done
    echo $1 > cgroup.procs || exit 8
  done
  cd /
}
`;

/** One whose process is in the lowest of the cgroups that it has nested, and has a child there that outlives it. */
function deep(patch: Patch = () => undefined) {
  return host.bundle((config) => {
    writable(config);
    script(config, `${DIG} sleep 1000 & dig $!; echo deep; exec sleep 1000`);
    patch(config);
  });
}

const hostPids: Patch = (config) => share(config, "pid");

interface Deep {
  readonly id: string;
  readonly pid: number;
  /** Its own cgroup of the hierarchy in which processes are looked for. */
  readonly cgroup: string;
}

async function running(patch?: Patch): Promise<Deep> {
  const id = host.id();
  const create = host.start(["create", "-b", deep(patch).dir, id]);
  await create.ended;
  const { pid } = await host.state(id);
  const cgroup = folderIn(cgroupsOfProcess(pid), "devices");
  await host.must(["start", id]);
  await until("it is deep", () => create.stdout().includes("deep"));
  return { id, pid, cgroup };
}

function isGone(t: Test, { id, pid, cgroup }: Deep, how: string): void {
  t.ok(hasEnded(pid), `${how}: its process has ended`);
  t.notOk(existsSync(cgroup), `${how}: its cgroup is gone`);
  t.notOk(existsSync(join(host.stateRoot, id)), `${how}: its state is gone`);
}

for (const [where, patch] of [
  ["in a pid namespace of its own", () => undefined],
  ["in the host's pid namespace", hostPids],
] as const) {
  t.test(`a container ${where} that has nested cgroups beyond PATH_MAX`, async (t) => {
    const one = await running(patch);
    const { stdout } = await host.must(["ps", "--format", "json", one.id]);
    const pids = JSON.parse(stdout) as number[];
    t.equal(pids.length, 2, "ps: both processes");
    t.ok(pids.includes(one.pid));
    t.match((await host.must(["ps", one.id])).stdout, /sleep 1000\n.*sleep 1000/);
    await host.must(["pause", one.id]);
    await host.reaches(one.id, "paused");
    await host.must(["resume", one.id]);
    t.equal((await host.state(one.id)).status, "running");
    t.equal((await host.must(["exec", one.id, "/bin/sh", "-c", "echo hi"])).stdout, "hi\n", "exec");
    const { data } = JSON.parse((await host.must(["events", "--stats", one.id])).stdout) as {
      data: { pids: { current: number } };
    };
    t.equal(data.pids.current, 2, "events: both processes");
    await host.must(["delete", "--force", one.id]);
    isGone(t, one, "delete --force");
    for (const pid of pids) t.ok(hasEnded(pid), "the one in the depth has ended too");
  });

  t.test(`kill --all, stop and gc of such a container ${where}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return; // runc has no stop and gc
    const killed = await running(patch);
    await host.must(["kill", "--all", killed.id, "KILL"]);
    await host.reaches(killed.id, "stopped");
    await until(
      "nobody is left",
      async () => (await host.must(["ps", "--format", "json", killed.id])).stdout === "null\n",
    );
    await host.must(["delete", killed.id]);
    isGone(t, killed, "kill --all and delete");
    const stopped = await running(patch);
    await host.must(["stop", "--time", "0", stopped.id]);
    t.equal((await host.state(stopped.id)).status, "stopped");
    t.equal(
      (await host.must(["ps", "--format", "json", stopped.id])).stdout,
      "null\n",
      "stop ends all of them",
    );
    await host.must(["delete", stopped.id]);
    isGone(t, stopped, "stop and delete");
    const collected = await running(patch);
    await host.must(["kill", collected.id, "KILL"]);
    await host.reaches(collected.id, "stopped");
    await host.must(["gc", "--stopped"]);
    isGone(t, collected, "gc");
  });
}

const noPath = BY_SYSTEMD && "is about cgroups that the runtime makes itself";
t.test("a foreground run whose container leaves such cgroups behind", { skip: noPath }, async (t) => {
  const id = host.id();
  const bundle = host.bundle((config) => {
    writable(config);
    script(config, `${DIG} dig $$; exit 7`);
    config.linux.cgroupsPath = `/${host.tag}-front`;
  });
  const outcome = await host.call(["run", "-b", bundle.dir, id]);
  t.equal(outcome.code, 7, outcome.stderr);
  t.equal(outcome.stderr, "");
  t.notOk(existsSync(join(host.stateRoot, id)), "its state is gone");
  for (const name of CGROUP_V2 ? [""] : ["devices", "freezer", "memory", "pids"]) {
    t.notOk(existsSync(join("/sys/fs/cgroup", name, `${host.tag}-front`)), `no cgroup in ${name}`);
  }
});

t.test("one that the container has frozen in the depth dies and goes", async (t) => {
  const one = await running((config) => {
    hostPids(config);
    config.process.args[2] = (config.process.args[2] ?? "").replace(
      "echo deep",
      CGROUP_V2
        ? `cd /sys/fs/cgroup; while [ -d ${NAME} ]; do cd -P ${NAME}; done; echo 1 > cgroup.freeze; cd /; echo deep`
        : `cd /sys/fs/cgroup/freezer; while [ -d ${NAME} ]; do cd -P ${NAME}; done; echo FROZEN > freezer.state; cd /; echo deep`,
    );
  });
  await host.must(["delete", "--force", one.id]);
  isGone(t, one, "delete --force");
});

t.test("exec into a cgroup whose path is longer than PATH_MAX", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const one = await running();
  const path = Array.from({ length: LEVELS }, () => NAME).join("/");
  const wanted = CGROUP_V2 ? path : `devices,freezer:${path}`;
  const { stdout } = await host.must(["exec", "--cgroup", wanted, one.id, "/bin/sh", "-c", "echo in $$"]);
  t.match(stdout, /^in \d+\n$/);
  await host.delete(one.id);
  isGone(t, one, "delete --force");
});

t.test("a hundred thousand cgroups beside each other", async (t) => {
  const count = times(t, 100_000);
  const id = host.id();
  const bundle = host.bundle((config) => {
    writable(config);
    hostPids(config);
    script(
      config,
      `cd /sys/fs/cgroup/${CGROUP_V2 ? "" : "devices"}; seq 1 ${count} | xargs mkdir; sleep 1000 & echo $! > ${count}/cgroup.procs; echo wide; exec sleep 1000`,
    );
  });
  const create = host.start(["create", "-b", bundle.dir, id]);
  await create.ended;
  const { pid } = await host.state(id);
  const cgroup = folderIn(cgroupsOfProcess(pid), "devices");
  await host.must(["start", id]);
  await until("it is wide", () => create.stdout().includes("wide"), 60_000);
  const { stdout } = await host.must(["ps", "--format", "json", id]);
  t.equal((JSON.parse(stdout) as number[]).length, 2, "ps: both processes");
  const before = Date.now();
  await host.must(["delete", "--force", id], { limit: 120_000 });
  t.comment(`delete took ${Date.now() - before} ms`);
  isGone(t, { id, pid, cgroup }, "delete --force");
});

/** Makers of cgroups that do not stop: beside each other, and deeper and deeper with themselves in the lowest. */
const MAKERS: readonly (readonly [string, string])[] = [
  ["beside each other", "i=0; while :; do mkdir $1-$i; i=$((i+1)); done"],
  ["deeper and deeper", "mkdir $1; cd -P $1; while :; do echo $$ > cgroup.procs; mkdir d; cd -P d; done"],
  ["by children that do the same", "while :; do mkdir $1-$$; sh -c 'mkdir x-$$ y-$$; mkdir x-$$/z' & done"],
];

for (const [how, loop] of MAKERS) {
  t.test(`delete --force of a container that goes on making cgroups ${how}`, async (t) => {
    for (let round = 0; round < 3; round++) {
      const id = host.id();
      const bundle = host.bundle((config) => {
        writable(config);
        hostPids(config);
        // cd and mkdir of busybox's shell, without a new program each time.
        const start = `cd /sys/fs/cgroup/${CGROUP_V2 ? "" : "devices"} && set -- $1 && ${loop}`;
        script(config, `m() { ${start}; }; for i in 1 2 3; do m $i & done; echo busy; exec sleep 1000`);
        config.linux.resources["pids"] = { limit: 50 };
      });
      const create = host.start(["create", "-b", bundle.dir, id]);
      await create.ended;
      const { pid } = await host.state(id);
      const cgroup = folderIn(cgroupsOfProcess(pid), "devices");
      await host.must(["start", id]);
      await until("it is busy", () => create.stdout().includes("busy"));
      await new Promise((resolve) => setTimeout(resolve, 300));
      const before = Date.now();
      await host.must(["delete", "--force", id], { limit: 60_000 });
      t.comment(`delete took ${Date.now() - before} ms`);
      isGone(t, { id, pid, cgroup }, "delete --force");
    }
  });
}

await host.end();
