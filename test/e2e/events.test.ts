/** events: statistics in runc's shape, every now and then, and the kills for want of memory; until the container ends. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderIn } from "./support/cgroup-files.ts";
import { probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { CGROUP_V2, cgroupsOfProcess, namesIn as filesIn, textOf, until } from "./support/outside.ts";

const host = openHost({ busybox: true });
const sleeper = host.bundle((config) => {
  probe(config, "sleep", "1000");
  config.linux.resources["memory"] = { limit: 32 << 20 };
  config.linux.resources["pids"] = { limit: 20 };
});

interface EventLine {
  readonly type: string;
  readonly id: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** Every name in an object and those below, as paths, in order. */
function namesIn(value: unknown, at = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, below]) => [
    `${at}${name}`,
    ...namesIn(below, `${at}${name}.`),
  ]);
}

/** The names of runc 1.1.5's output that are always there, in its order; memory.raw is the kernel's. */
const ON_V1 = (
  "cpu cpu.usage cpu.usage.percpu cpu.usage.percpu_kernel cpu.usage.percpu_user cpu.usage.kernel cpu.usage.user cpu.throttling " +
  "cpuset cpuset.cpus cpuset.cpu_exclusive cpuset.mems cpuset.mem_hardwall cpuset.mem_exclusive cpuset.memory_migrate " +
  "cpuset.memory_spread_page cpuset.memory_spread_slab cpuset.memory_pressure cpuset.sched_load_balance " +
  "cpuset.sched_relax_domain_level memory memory.usage memory.usage.limit memory.usage.failcnt memory.swap memory.swap.limit " +
  "memory.swap.failcnt memory.kernel memory.kernel.limit memory.kernel.failcnt memory.kernelTCP memory.kernelTCP.limit " +
  "memory.kernelTCP.failcnt memory.raw pids pids.current pids.limit blkio hugetlb intel_rdt network_interfaces"
).split(" ");

/** cgroup v2 counts no single processors, and runc leaves the lists of the cpuset out. */
const ON_V2 = ON_V1.filter((name) => !/^(cpu\.usage\.percpu|cpuset\.(cpus|mems)$)/.test(name));

/** What is left out where it is zero or empty, or where the kernel does not count it (PSI, which runc has since 1.2). */
const SOMETIMES =
  /^((cpu|memory)\.psi(\..*)?|cpu\.usage\.total|cpu\.throttling\..*|memory\.cache|memory\.\w+\.(usage|max)|memory\.raw\..*|blkio\..*|hugetlb\..*)$/;

t.test("--stats prints one line in runc's shape", async (t) => {
  const id = await host.running(sleeper);
  const { pid } = await host.state(id);
  const { stdout } = await host.must(["events", "--stats", id]);
  t.match(stdout, /^\{"type":"stats","id":"[^"]+","data":\{.*\}\}\n$/);
  const { data, ...rest } = JSON.parse(stdout) as EventLine;
  t.same(rest, { type: "stats", id });
  const names = namesIn(data);
  t.same(
    names.filter((name) => !SOMETIMES.test(name)),
    CGROUP_V2 ? ON_V2 : ON_V1,
  );

  const memory = folderIn(cgroupsOfProcess(pid), "memory");
  const lines = readFileSync(join(memory, "memory.stat"), "utf8").trim().split("\n");
  const raw = lines.map((line) => line.split(" ")[0] ?? "").sort();
  t.same(
    Object.keys((data?.["memory"] as { readonly raw?: object } | undefined)?.raw ?? {}),
    raw,
    "memory.stat, sorted",
  );
  t.match(data, {
    memory: { usage: { limit: 32 << 20 } },
    pids: { current: 1, limit: 20 },
    intel_rdt: {},
    network_interfaces: null,
  });
  const whole = CGROUP_V2
    ? '"swap":{"limit":18446744073709551615,'
    : '"kernelTCP":{"limit":9223372036854771712,';
  t.match(stdout, whole, "64 bits are kept");
  await host.delete(id);
});

t.test("pressure, where the kernel counts it for cgroups", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  if (!CGROUP_V2 || textOf("/proc/pressure/cpu") === undefined) {
    t.pass("not applicable", { skip: "needs cgroup v2 and a kernel that counts pressure (psi=1)" });
    return;
  }
  const id = await host.running(sleeper);
  const { data } = JSON.parse((await host.must(["events", "--stats", id])).stdout) as EventLine;
  for (const resource of ["cpu", "memory", "blkio"]) {
    const { psi } = (data?.[resource] ?? {}) as { readonly psi?: unknown };
    t.match(psi, { some: { avg10: Number, avg60: Number, avg300: Number, total: Number } }, resource);
  }
  await host.delete(id);
});

t.test("a created container has statistics too", async (t) => {
  const id = await host.created(sleeper);
  t.match((await host.must(["events", "--stats", id])).stdout, '{"type":"stats"');
  await host.delete(id);
});

t.test("statistics come at each interval, and the command ends with the container", async (t) => {
  const id = await host.running(sleeper);
  const watching = host.start(["events", "--interval", "100ms", id]);
  await until("three lines", () => watching.stdout().split("\n").length > 3);
  await host.must(["kill", id, "KILL"]);
  // runc goes on until the cgroup is gone.
  if ((await host.kind()) === "tsrun") t.equal((await watching.ended).code, 0, "stopped");
  else await host.delete(id);
  const { code, stdout } = await watching.ended;
  t.equal(code, 0);
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as EventLine);
  t.ok(lines.length >= 3);
  t.same([...new Set(lines.map(({ type }) => type))], ["stats"], "nothing was killed for memory");
  if ((await host.kind()) === "tsrun") await host.delete(id);
});

/** Waits until an `events` hears of kills: until it has its inotify (cgroup v2) or eventfd (v1), proc_pid_fdinfo(5). */
async function watches(pid: number): Promise<void> {
  await until("its watch", () =>
    filesIn(`/proc/${pid}/fdinfo`).some((fd) =>
      /^(inotify wd|eventfd-count):/m.test(textOf(`/proc/${pid}/fdinfo/${fd}`) ?? ""),
    ),
  );
}

t.test("a kill for want of memory", async (t) => {
  const id = host.id();
  const bundle = host.bundle((config) => {
    probe(config, "do", "sleep", "1", ",", "eat", String(64 << 20));
    config.linux.resources["memory"] = { limit: 16 << 20, swap: 16 << 20 };
  });
  await host.must(["create", "--bundle", bundle.dir, id]);
  const watching = host.start(["events", "--interval", "1h", id]);
  await watches(watching.pid);
  await host.must(["start", id]);
  await host.reaches(id, "stopped");
  // Its cgroup has the count.
  await until("the kill", () => watching.stdout() !== "");
  await host.delete(id);
  const { code, stdout } = await watching.ended;
  t.equal(code, 0);
  t.equal(stdout, `{"type":"oom","id":"${id}"}\n`);
});

t.test("every kill is told of, and the container goes on", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    config.process.args = [
      "/bin/sh",
      "-c",
      `until [ -e /go ]; do sleep 0.01; done; for i in 1 2 3; do /bin/probe eat ${64 << 20}; done; sleep 1000`,
    ];
    config.linux.resources["memory"] = { limit: 16 << 20, swap: 16 << 20 };
  });
  const id = await host.running(bundle);
  const watching = host.start(["events", "--interval", "1h", id]);
  await watches(watching.pid);
  writeFileSync(join(bundle.rootfs, "go"), "");
  await until("three lines", () => watching.stdout().split("\n").length > 3);
  t.equal(watching.stdout(), `{"type":"oom","id":"${id}"}\n`.repeat(3));
  t.equal((await host.state(id)).status, "running");
  await host.delete(id);
  t.equal((await watching.ended).code, 0);
});

t.test("what cannot be watched", async (t) => {
  const id = await host.running(sleeper);
  for (const [args, message] of [
    [["events", "--interval", "0", id], "duration interval must be greater than 0"],
    [["events", "--interval", "-5s", "--stats", id], "duration interval must be greater than 0"],
    [["events", "--interval", "5", id], 'invalid value "5" for flag -interval: parse error'],
    [["events", "--interval", "1h1x", id], 'invalid value "1h1x" for flag -interval: parse error'],
    [["events", "no-such-container"], "container does not exist"],
    [["events", "--interval", "0", "no-such-container"], "container does not exist"],
  ] as const) {
    const outcome = await host.call(args);
    t.equal(outcome.code, 1, args.join(" "));
    const said = outcome.stderr.includes(message) ? message : messageOf(outcome);
    t.equal(said, message, args.join(" "));
  }
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  for (const extra of [[], ["--stats"]]) {
    const outcome = await host.call(["events", ...extra, id]);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), `container with id ${id} is not running`);
  }
  await host.delete(id);
});

await host.end();
