/** `--systemd-cgroup`: the container's cgroup is a unit of systemd, which knows its limits and keeps no trace of it. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type Config, type Json, probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, type TestBundle } from "./support/host.ts";
import { cgroupsOfProcess, textOf, until } from "./support/outside.ts";

const host = openHost({ systemd: true, cgroupV2: true });

// Reloading systemd takes long in an emulated machine.
t.setTimeout(300_000);

const GIB = 1 << 30;

/** Properties of a unit as systemctl shows them. */
function shown(unit: string, ...names: string[]): Record<string, string> {
  const text = execFileSync("systemctl", ["show", unit, ...names.flatMap((name) => ["-p", name])], {
    encoding: "utf8",
  });
  return Object.fromEntries(
    text
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

/** The units of this file that systemd has, in any state. */
function units(): string[] {
  const text = execFileSync("systemctl", ["list-units", "--all", "--plain", "--no-legend", `*${host.tag}*`], {
    encoding: "utf8",
  });
  return text.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
}

/** A sleeping container in the unit `tsrun-test-NAME.scope`, its slice and name. */
function sleeper(name: string, patch: (config: Config) => void = () => {}, slice = ""): TestBundle {
  return host.bundle((config) => {
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `${slice}:t:${host.tag}-${name}`;
    patch(config);
  });
}

async function created(bundle: TestBundle): Promise<string> {
  const id = host.id();
  await host.must(["--systemd-cgroup", "create", "--bundle", bundle.dir, id]);
  return id;
}

/** What a file of the container's cgroup says. */
async function reader(id: string): Promise<(file: string) => string | undefined> {
  const folder = cgroupsOfProcess((await host.state(id)).pid).get("unified") ?? "";
  return (file) => textOf(join(folder, file))?.trim();
}

t.test("a scope is made, holds the container, and is gone with it", async (t) => {
  const id = await created(sleeper("life"));
  const unit = `t-${host.tag}-life.scope`;
  t.has(shown(unit, "ActiveState", "Slice", "Delegate", "Transient", "NeedDaemonReload"), {
    ActiveState: "active",
    Slice: "system.slice",
    Delegate: "yes",
    Transient: "yes",
    NeedDaemonReload: (await host.kind()) === "runc" ? "yes" : "no",
  });
  const { pid } = await host.state(id);
  t.match(textOf(`/proc/${pid}/cgroup`), `0::/system.slice/${unit}`);
  await host.must(["start", id]);
  await host.reaches(id, "running");
  const inside = await host.must(["exec", id, "/bin/probe", "true"]);
  t.equal(inside.code, 0);
  await host.must(["pause", id]);
  await host.reaches(id, "paused");
  await host.must(["resume", id]);
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
  t.same(units(), [], "no unit");
  t.notOk(existsSync(`/sys/fs/cgroup/system.slice/${unit}`), "no cgroup");
});

t.test("run in the foreground leaves no unit", async (t) => {
  const bundle = sleeper("run", (config) => probe(config, "exit", "7"));
  const outcome = await host.call(["--systemd-cgroup", "run", "--bundle", bundle.dir, host.id()]);
  t.equal(outcome.code, 7);
  t.same(units(), []);
});

t.test("a slice of slices, and the default name", async (t) => {
  const slice = "tsruntest-inner.slice";
  const id = await created(sleeper("nested", () => {}, slice));
  const { pid } = await host.state(id);
  t.match(
    textOf(`/proc/${pid}/cgroup`),
    `0::/tsruntest.slice/tsruntest-inner.slice/t-${host.tag}-nested.scope`,
  );
  await host.delete(id);
  const plain = await created(host.bundle((config) => probe(config, "sleep", "1000")));
  const name = `${await host.kind()}-${plain}.scope`;
  t.match(textOf(`/proc/${(await host.state(plain)).pid}/cgroup`), `0::/system.slice/${name}`);
  await host.delete(plain);
  spawnSync("systemctl", ["stop", slice, "tsruntest.slice"]);
});

const LIMITS: Record<string, Json> = {
  memory: { limit: GIB, reservation: GIB / 2, swap: 2 * GIB },
  cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: "0", mems: "0" },
  pids: { limit: 77 },
};

t.test("systemd knows every limit, and the files have them", async (t) => {
  const id = await created(sleeper("limits", (config) => Object.assign(config.linux.resources, LIMITS)));
  t.has(shown(`t-${host.tag}-limits.scope`, ...Object.keys(KNOWN)), KNOWN);
  const read = await reader(id);
  for (const [file, value] of Object.entries(HELD)) t.equal(read(file), value, file);
  execFileSync("systemctl", ["daemon-reload"]);
  for (const [file, value] of Object.entries(HELD)) t.equal(read(file), value, `${file} after daemon-reload`);
  await host.delete(id);
});

const KNOWN = {
  MemoryMax: String(GIB),
  MemoryLow: String(GIB / 2),
  MemorySwapMax: String(GIB),
  CPUWeight: "20",
  CPUQuotaPerSecUSec: "500ms",
  CPUQuotaPeriodUSec: "100ms",
  AllowedCPUs: "0",
  AllowedMemoryNodes: "0",
  TasksMax: "77",
};

const HELD = {
  "memory.max": String(GIB),
  "memory.low": String(GIB / 2),
  "memory.swap.max": String(GIB),
  "cpu.weight": "20",
  "cpu.max": "50000 100000",
  "cpuset.cpus": "0",
  "pids.max": "77",
};

t.test("the limit of one task", async (t) => {
  const bundle = sleeper("alone", (config) => {
    config.linux.resources["pids"] = { limit: 1 };
  });
  const id = await created(bundle);
  const read = await reader(id);
  t.equal(read("pids.max"), "1");
  t.equal(shown(`t-${host.tag}-alone.scope`, "TasksMax")["TasksMax"], "1");
  await host.delete(id);
});

t.test("what is updated stays after a daemon-reload", async (t) => {
  const id = await created(sleeper("update", (config) => Object.assign(config.linux.resources, LIMITS)));
  const unit = `t-${host.tag}-update.scope`;
  const read = await reader(id);
  await host.must(["update", "--memory", String(GIB / 4), "--pids-limit", "33", "--cpu-quota", "20000", id]);
  const wanted = { "memory.max": String(GIB / 4), "pids.max": "33", "cpu.max": "20000 100000" };
  t.has(shown(unit, "MemoryMax", "TasksMax", "CPUQuotaPerSecUSec"), {
    MemoryMax: String(GIB / 4),
    TasksMax: "33",
    CPUQuotaPerSecUSec: "200ms",
  });
  execFileSync("systemctl", ["daemon-reload"]);
  for (const [file, value] of Object.entries(wanted)) t.equal(read(file), value, file);
  if ((await host.kind()) === "tsrun") {
    const odd = await host.call(["update", "--cpu-quota", "12345", id]);
    t.equal(odd.code, 0);
    t.equal(read("cpu.max"), "12345 100000", "to the microsecond, which systemd does not count");
    const refused = await host.call(["update", "--memory", "300000", "--pids-limit", "44", id]);
    if (refused.code !== 0) t.equal(shown(unit, "TasksMax")["TasksMax"], "33", "all or nothing");
  }
  await host.delete(id);
});

/** The shell's words for what opening each device says. */
async function opens(id: string): Promise<string> {
  const script =
    "for f in /dev/kmsg /dev/port; do (exec 3<$f) 2>/dev/null && echo -n '+' || echo -n '-'; done";
  return (await host.must(["exec", id, "/bin/sh", "-c", script])).stdout;
}

t.test("access to devices is the same after daemon-reloads and updates", async (t) => {
  if (!existsSync("/bin/busybox")) {
    t.pass("skipped", { skip: "needs a static /bin/busybox" });
    return;
  }
  const rules = (...minors: number[]): Json => [
    { allow: false, access: "rwm" },
    ...minors.map((minor) => ({ allow: true, type: "c", major: 1, minor, access: "rw" })),
  ];
  const bundle = sleeper("devices", (config) => {
    config.linux.devices = [
      { path: "/dev/kmsg", type: "c", major: 1, minor: 11, fileMode: 0o666 },
      { path: "/dev/port", type: "c", major: 1, minor: 4, fileMode: 0o666 },
    ];
    config.linux.resources["devices"] = rules(11);
    for (const set of ["bounding", "effective", "permitted"] as const) {
      config.process.capabilities?.[set]?.push("CAP_SYS_RAWIO", "CAP_SYSLOG");
    }
  });
  const id = await created(bundle);
  await host.must(["start", id]);
  const before = await opens(id);
  t.match(before, /^[+-]-$/, "the second one is not allowed");
  for (let i = 0; i < 3; i++) execFileSync("systemctl", ["daemon-reload"]);
  t.equal(await opens(id), before, "after three daemon-reloads");
  await host.must(["update", "--resources", "-", id], { input: JSON.stringify({ devices: rules(4) }) });
  t.match(await opens(id), /^-/, "after the update the first one is not");
  execFileSync("systemctl", ["daemon-reload"]);
  t.match(await opens(id), /^-/, "nor after another daemon-reload");
  if ((await host.kind()) === "tsrun") {
    const allowed = shown(`t-${host.tag}-devices.scope`, "DeviceAllow")["DeviceAllow"] ?? "";
    t.notMatch(allowed, "/dev/char/1:11", "the list was replaced");
  }
  await host.delete(id);
});

t.test("a unit of that name which is active is left alone", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const unit = `t-${host.tag}-taken.scope`;
  const other = spawn("systemd-run", ["--quiet", "--scope", `--unit=${unit}`, "sleep", "1000"]);
  await until("the other unit", () => units().includes(unit), 5000);
  const id = host.id();
  const bundle = sleeper("taken");
  const outcome = await host.call(["--systemd-cgroup", "create", "--bundle", bundle.dir, id]);
  t.equal(outcome.code, 1);
  t.equal(
    messageOf(outcome),
    `there is a unit ${unit} already, and it is active (config.json#/linux/cgroupsPath); hint: give each container a cgroupsPath of its own, or stop the other: systemctl stop ${unit}`,
  );
  await host.delete(id);
  t.equal(shown(unit, "ActiveState")["ActiveState"], "active");
  t.equal(other.exitCode, null, "its process lives");
  const first = await created(sleeper("mine"));
  const second = await host.call(["--systemd-cgroup", "create", "--bundle", sleeper("mine").dir, host.id()]);
  t.equal(second.code, 1);
  t.equal((await host.state(first)).status, "created", "neither is that of a container of tsrun's");
  await host.delete(first);
  execFileSync("systemctl", ["stop", unit]);
});

t.test("a unit of that name which has failed makes room", async (t) => {
  const unit = `t-${host.tag}-failed.scope`;
  // It takes longer than it may.
  const run = ["--quiet", "--scope", `--unit=${unit}`, "-p", "RuntimeMaxSec=1", "sleep", "60"];
  spawnSync("systemd-run", run);
  await until("failed", () => spawnSync("systemctl", ["is-failed", "--quiet", unit]).status === 0, 5000);
  if (!(await onlyTsrun(host, t))) return;
  const id = await created(sleeper("failed"));
  t.equal(shown(unit, "ActiveState")["ActiveState"], "active");
  await host.delete(id);
  t.same(units(), []);
});

t.test("annotations set what is in the list, and nothing else", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const good = sleeper("noted", (config) => {
    config.annotations = {
      "org.systemd.property.TimeoutStopSec": "123",
      "org.systemd.property.CollectMode": "'inactive'",
    };
  });
  const id = await created(good);
  t.has(shown(`t-${host.tag}-noted.scope`, "TimeoutStopUSec", "CollectMode"), {
    TimeoutStopUSec: "2min 3s",
    CollectMode: "inactive",
  });
  await host.delete(id);
  const bad = sleeper("bad", (config) => {
    config.annotations = { "org.systemd.property.ExecStartPre": "'/bin/true'" };
  });
  const outcome = await host.call(["--systemd-cgroup", "create", "--bundle", bad.dir, host.id()]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "config.json#/annotations/org.systemd.property.ExecStartPre");
});

t.test("killed at any moment, delete --force leaves no unit", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = sleeper("crash");
  for (const delay of [5, 20, 50, 90, 130, 180, 240, 320, 420]) {
    const id = host.id();
    const call = host.start(["--systemd-cgroup", "create", "--bundle", bundle.dir, id]);
    await new Promise((resolve) => setTimeout(resolve, delay));
    call.kill("SIGKILL");
    await call.ended;
    await host.delete(id);
    t.same(units(), [], `killed after ${delay} ms`);
  }
});

t.test("explain says it all; check finds nothing wrong", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = sleeper("told", (config) => Object.assign(config.linux.resources, LIMITS));
  const { stdout } = await host.must(["--systemd-cgroup", "explain", "--bundle", bundle.dir]);
  t.match(stdout, `have systemd start t-${host.tag}-told.scope with the first process: Slice=system.slice, `);
  t.match(stdout, `MemoryMax=${GIB}`);
  const script = await host.must(["--systemd-cgroup", "explain", "--format", "sh", "--bundle", bundle.dir]);
  const call = script.stdout.split("\n").find((line) => line.startsWith("busctl --quiet call ")) ?? "";
  execFileSync("sh", [
    "-c",
    `sleep 1000 >/dev/null 2>&1 & set -- $!; echo "$1"; ${call.replace("$$", "$1")}`,
  ]);
  const unit = `t-${host.tag}-told.scope`;
  t.equal(shown(unit, "MemoryMax")["MemoryMax"], String(GIB), "the script's own call does the same");
  execFileSync("systemctl", ["stop", unit]);
  t.equal((await host.call(["--systemd-cgroup", "check", "--bundle", bundle.dir])).code, 0);
  t.same(units(), []);
});

t.test("a path that is no unit", async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.cgroupsPath = `/${host.tag}/x`;
  });
  const outcome = await host.call(["--systemd-cgroup", "create", "--bundle", bundle.dir, host.id()]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups');
});

await host.end();
