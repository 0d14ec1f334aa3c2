/** update: each limit by option and as JSON, in the right order, all or nothing, read back from the kernel's files. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { folderIn } from "./support/cgroup-files.ts";
import { type Json, type Patch, probe, script } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import {
  type Bad,
  changeInLoop,
  type Limited,
  limitedContainer,
  refusesEach,
  type Values,
} from "./support/limited.ts";
import { cgroupsOfProcess, textOf, until } from "./support/outside.ts";
import { patience, some, times } from "./support/slow.ts";

const host = openHost({ cgroupV1: true, busybox: true });

const MIB = 1 << 20;
const UNLIMITED = "9223372036854771712";

/** The shares of an idle cgroup, which are the kernel's affair. */
const IDLE = "those of an idle cgroup";

/** The files that the tests look at. */
const FILES = [
  "memory.limit_in_bytes",
  "memory.memsw.limit_in_bytes",
  "memory.soft_limit_in_bytes",
  "memory.swappiness",
  "memory.oom_control",
  "cpu.shares",
  "cpu.cfs_quota_us",
  "cpu.cfs_period_us",
  "cpu.cfs_burst_us",
  "cpu.idle",
  "cpuset.cpus",
  "cpuset.mems",
  "pids.max",
  "blkio.throttle.read_bps_device",
  "blkio.bfq.weight",
  "devices.list",
];

function limited(patch?: Patch, start = true): Promise<Limited> {
  const reader = async (id: string) => {
    const folders = cgroupsOfProcess((await host.state(id)).pid);
    return (file: string): string | undefined => {
      const text = textOf(join(folderIn(folders, file.split(".")[0] ?? ""), file))?.trim();
      // systemd writes its rules in an order of its own.
      return file === "devices.list" ? text?.split("\n").sort().join("\n") : text;
    };
  };
  return limitedContainer(host, { files: FILES, reader }, patch, start);
}

/** Exactly these values differ from those before. */
function changed(t: Test, before: Values, after: Values, wanted: Values, what: string): void {
  t.strictSame(after, { ...before, ...wanted }, what);
}

const STEPS: readonly (readonly [args: readonly string[], json: Json, values: Values])[] = [
  [["--memory", "30M"], { memory: { limit: 30 * MIB } }, { "memory.limit_in_bytes": `${30 * MIB}` }],
  [
    ["--memory", "60M", "--memory-swap", "100M"],
    { memory: { limit: 60 * MIB, swap: 100 * MIB } },
    { "memory.limit_in_bytes": `${60 * MIB}`, "memory.memsw.limit_in_bytes": `${100 * MIB}` },
  ],
  [
    ["--memory", "200M", "--memory-swap", "300M"],
    { memory: { limit: 200 * MIB, swap: 300 * MIB } },
    { "memory.limit_in_bytes": `${200 * MIB}`, "memory.memsw.limit_in_bytes": `${300 * MIB}` },
  ],
  [
    ["--memory", "40M", "--memory-swap", "40M"],
    { memory: { limit: 40 * MIB, swap: 40 * MIB } },
    { "memory.limit_in_bytes": `${40 * MIB}`, "memory.memsw.limit_in_bytes": `${40 * MIB}` },
  ],
  [
    ["--memory-swap", "50M"],
    { memory: { swap: 50 * MIB } },
    { "memory.memsw.limit_in_bytes": `${50 * MIB}` },
  ],
  [["--memory-swap", "-1"], { memory: { swap: -1 } }, { "memory.memsw.limit_in_bytes": UNLIMITED }],
  [["--memory", "1.5G"], { memory: { limit: 1536 * MIB } }, { "memory.limit_in_bytes": `${1536 * MIB}` }],
  [
    ["--memory", "40M", "--memory-swap", "40M"],
    { memory: { limit: 40 * MIB, swap: 40 * MIB } },
    { "memory.limit_in_bytes": `${40 * MIB}`, "memory.memsw.limit_in_bytes": `${40 * MIB}` },
  ],
  [
    ["--memory", "-1"],
    { memory: { limit: -1 } },
    { "memory.limit_in_bytes": UNLIMITED, "memory.memsw.limit_in_bytes": UNLIMITED },
  ],
  [["--memory", "33554433"], { memory: { limit: 33554433 } }, { "memory.limit_in_bytes": "33554432" }],
  [
    ["--memory-reservation", "16mb"],
    { memory: { reservation: 16 * MIB } },
    { "memory.soft_limit_in_bytes": `${16 * MIB}` },
  ],
  [["--cpu-share", "512"], { cpu: { shares: 512 } }, { "cpu.shares": "512" }],
  [["--cpu-quota", "20000"], { cpu: { quota: 20000 } }, { "cpu.cfs_quota_us": "20000" }],
  [["--cpu-period", "50000"], { cpu: { period: 50000 } }, { "cpu.cfs_period_us": "50000" }],
  [
    ["--cpu-quota", "150000", "--cpu-period", "100000"],
    { cpu: { quota: 150000, period: 100000 } },
    { "cpu.cfs_quota_us": "150000", "cpu.cfs_period_us": "100000" },
  ],
  [["--cpu-quota", "-1"], { cpu: { quota: -1 } }, { "cpu.cfs_quota_us": "-1" }],
  [["--cpuset-cpus", "0"], { cpu: { cpus: "0" } }, { "cpuset.cpus": "0" }],
  [["--cpuset-cpus", "0,1"], { cpu: { cpus: "0,1" } }, { "cpuset.cpus": "0-1" }],
  [["--cpuset-mems", "0"], { cpu: { mems: "0" } }, { "cpuset.mems": "0" }],
  [["--pids-limit", "42"], { pids: { limit: 42 } }, { "pids.max": "42" }],
  [["--pids-limit", "0"], { pids: { limit: 0 } }, { "pids.max": "42" }],
  [["--pids-limit", "-1"], { pids: { limit: -1 } }, { "pids.max": "max" }],
  [["--memory", "0"], { memory: { limit: 0 } }, {}],
  [[], {}, {}],
];

for (const way of ["options", "JSON"] as const) {
  t.test(`each limit by ${way}: what is not given stays`, async (t) => {
    const c = await limited();
    for (const [args, json, values] of STEPS) {
      const before = c.all();
      const outcome = way === "JSON" ? await c.json(json) : await c.update(...args);
      t.equal(outcome.code, 0, outcome.stderr);
      t.equal(outcome.stderr, "");
      changed(t, before, c.all(), values, way === "JSON" ? JSON.stringify(json) : args.join(" "));
    }
    await host.delete(c.id);
  });
}

t.test("options after the id, one dash, and an equals sign", async (t) => {
  const c = await limited();
  await host.must(["update", c.id, "--pids-limit", "20"]);
  t.equal(c.read("pids.max"), "20");
  await host.must(["update", "-pids-limit=21", c.id]);
  t.equal(c.read("pids.max"), "21");
  await host.delete(c.id);
});

t.test("--resources from a file, from a pipe, from a socket, names in any case", async (t) => {
  const c = await limited();
  const file = join(host.dir, "resources.json");
  writeFileSync(
    file,
    JSON.stringify({ MEMORY: { Limit: 50 * MIB }, Pids: { LIMIT: 33 }, CPU: { Cpus: "1" } }),
  );
  await host.must(["update", `--resources=${file}`, c.id]);
  t.equal(c.read("memory.limit_in_bytes"), `${50 * MIB}`);
  t.equal(c.read("pids.max"), "33");
  t.equal(c.read("cpuset.cpus"), "1");
  // A child's "pipe" is a socket under Node; a shell makes a true pipe. Longer than what one read takes.
  const text = `${" ".repeat(100_000)}{"pids": {"limit": 44}}`;
  const args = ["--root", host.stateRoot, "update", "-r", "-", c.id];
  for (const [program, words, limit] of [
    [host.runtime, args, 44],
    ["sh", ["-c", 'cat | "$@"', "sh", host.runtime, ...args], 55],
  ] as const) {
    const child = spawn(program, words, { stdio: ["pipe", "inherit", "inherit"] });
    child.stdin.end(text.replace("44", String(limit)));
    t.equal(await new Promise((resolve) => child.on("exit", resolve)), 0);
    t.equal(c.read("pids.max"), String(limit));
  }
  await host.delete(c.id);
});

t.test("created and paused containers too, stopped ones not", async (t) => {
  const c = await limited(undefined, false);
  await host.must(["update", "--pids-limit", "20", c.id]);
  t.equal(c.read("pids.max"), "20");
  await host.must(["start", c.id]);
  await host.must(["pause", c.id]);
  await host.must(["update", "--pids-limit", "30", "--memory", "50M", c.id]);
  t.equal(c.read("pids.max"), "30");
  t.equal((await host.state(c.id)).status, "paused");
  await host.must(["resume", c.id]);
  await host.must(["kill", c.id, "KILL"]);
  await host.reaches(c.id, "stopped");
  const outcome = await c.update("--pids-limit", "40");
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "container not running");
  await host.must(["delete", c.id]);
  const gone = await c.update("--pids-limit", "40");
  t.equal(gone.code, 1);
  t.match(messageOf(gone), "container does not exist");
});

t.test("kernel memory is ignored, with a warning", async (t) => {
  const c = await limited();
  const before = c.all();
  for (const args of [
    ["--kernel-memory", "10M"],
    ["--kernel-memory-tcp", "10M"],
  ]) {
    const outcome = await c.update(...args);
    t.equal(outcome.code, 0, args.join(" "));
    t.match(outcome.stderr, "Kernel memory settings are ignored and will be removed");
  }
  const outcome = await c.json({ memory: { kernel: 10 * MIB, kernelTCP: 10 * MIB } });
  t.equal(outcome.code, 0);
  t.match(outcome.stderr, "Kernel memory settings are ignored and will be removed");
  changed(t, before, c.all(), {}, "nothing has changed");
  await host.delete(c.id);
});

t.test("what only newer runtimes have", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited();
  const steps: [string[], Values][] = [
    [
      ["--cpu-quota", "50000", "--cpu-burst", "20000"],
      { "cpu.cfs_quota_us": "50000", "cpu.cfs_burst_us": "20000" },
    ],
    [["--cpu-quota", "10000", "--cpu-burst", "0"], { "cpu.cfs_quota_us": "10000", "cpu.cfs_burst_us": "0" }],
    [["--cpu-idle", "1"], { "cpu.idle": "1", "cpu.shares": IDLE }],
    [["--cpu-idle", "0"], { "cpu.idle": "0", "cpu.shares": "1024" }],
  ];
  for (const [args, values] of steps) {
    const before = c.all();
    const outcome = await c.update(...args);
    t.equal(outcome.code, 0, outcome.stderr);
    const shares = values["cpu.shares"] === IDLE ? { "cpu.shares": c.read("cpu.shares") } : {};
    changed(t, before, c.all(), { ...values, ...shares }, args.join(" "));
  }
  const before = c.all();
  t.equal((await c.json({ memory: { swappiness: 7, disableOOMKiller: true } })).code, 0);
  t.equal(c.read("memory.swappiness"), "7");
  t.match(c.read("memory.oom_control"), "oom_kill_disable 1");
  t.equal((await c.json({ memory: { swappiness: 60, disableOOMKiller: false } })).code, 0);
  changed(t, before, c.all(), { "memory.swappiness": "60" }, "and back");
  const ignored = await host.call(["update", "-r", "-", "--memory", "50M", c.id], { input: "{}" });
  t.equal(ignored.code, 0);
  t.equal(ignored.stderr, "warning: with --resources other options are ignored: --memory\n");
  await host.delete(c.id);
});

t.test("limits of block devices", async (t) => {
  const device = textOf("/sys/block/loop0/dev")?.trim();
  if (device === undefined) {
    t.pass("skipped", { skip: "needs a block device called loop0" });
    return;
  }
  if (!(await onlyTsrun(host, t))) return;
  const [major = 0, minor = 0] = device.split(":").map(Number);
  const c = await limited();
  for (const [rate, held] of [
    [1048576, `${device} 1048576`],
    [2048, `${device} 2048`],
    [0, ""],
  ] as const) {
    const outcome = await c.json({ blockIO: { throttleReadBpsDevice: [{ major, minor, rate }] } });
    t.equal(outcome.code, 0, outcome.stderr);
    t.equal(c.read("blkio.throttle.read_bps_device"), held);
  }
  await host.delete(c.id);
});

const BAD: Bad = [
  [["--memory", "1X"], "invalid value for memory: invalid size: '1X'; hint: sizes look like 64M, 1.5G or -1"],
  [["--memory", "-5"], "invalid value for memory: invalid size: '-5'; hint: sizes look like 64M, 1.5G or -1"],
  [
    ["--memory-swap", "9223372036854775808"],
    "invalid value for memory-swap: invalid size: '9223372036854775808'; hint: sizes look like 64M, 1.5G or -1",
  ],
  [
    ["--kernel-memory", "x"],
    "invalid value for kernel-memory: invalid size: 'x'; hint: sizes look like 64M, 1.5G or -1",
  ],
  [
    ["--memory", "4095"],
    "memory.limit of 4095 bytes is less than one page (--memory); hint: give bytes, or -1 for unlimited",
  ],
  [
    ["--memory", "50M", "--memory-swap", "40M"],
    "memory+swap limit should be >= memory limit, but 41943040 is less than 52428800 (--memory-swap); hint: swap counts memory and swap together; -1 is no limit",
  ],
  [
    ["--memory", "200M"],
    'cannot set memory.limit_in_bytes to "209715200" in DIR: write: EINVAL: invalid argument (--memory); hint: memory cannot be more than memory and swap together (104857600 here)',
  ],
  [
    ["--memory-swap", "10M"],
    'cannot set memory.memsw.limit_in_bytes to "10485760" in DIR: write: EINVAL: invalid argument (--memory-swap); hint: memory and swap together cannot be less than memory alone (52428800 here)',
  ],
  [["--cpu-quota", "x"], 'invalid value for cpu-quota: "x" is not a whole number'],
  [["--cpu-period", "-1"], 'invalid value for cpu-period: "-1" is not a whole number'],
  [["--cpu-share", "1.5"], 'invalid value for cpu-share: "1.5" is not a whole number'],
  [
    ["--cpu-quota", "500"],
    "the cpu quota 500 is below 1000 microseconds, which the kernel refuses (--cpu-quota); hint: raise it",
  ],
  [["--cpu-share", "1"], "the minimum allowed cpu-shares is 2 (--cpu-share)"],
  [["--cpu-share", "262145"], "the maximum allowed cpu-shares is 262144 (--cpu-share)"],
  [["--cpu-idle", "2"], "idle must be from 0 to 1, not 2 (--cpu-idle)"],
  [["--cpuset-cpus", "x"], 'cpus "x" is no list of numbers (--cpuset-cpus); hint: write it as "0-3,7"'],
  [
    ["--cpuset-mems", "63"],
    'cannot set cpuset.mems to "63" in DIR: write: EINVAL: invalid argument (--cpuset-mems); hint: memory node 63 is not on this host (present: 0)',
  ],
  [["--pids-limit", "many"], 'invalid value for pids-limit: "many" is not a whole number'],
  [
    ["--pids-limit", "4194305"],
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (--pids-limit); hint: at most 4194304; -1 is no limit',
  ],
  [["--blkio-weight", "5"], "weight must be from 10 to 1000, not 5 (--blkio-weight)"],
  [
    ["--l3-cache-schema", "L3:0=f"],
    "Intel RDT/CAT: l3 cache schema is not enabled: the container has no class of service; hint: it gets one where config.json has linux.intelRdt",
  ],
  [
    ["--mem-bw-schema", "MB:0=20"],
    "Intel RDT/MBA: memory bandwidth schema is not enabled: the container has no class of service; hint: it gets one where config.json has linux.intelRdt",
  ],
  [["-r", "/no/file"], "cannot read the resources from /no/file: open: ENOENT: no such file or directory"],
  [
    ["-r", "-"],
    "unexpected end of JSON input at line 1, column 1 (standard input#); hint: the file is empty",
  ],
  [["--nosuch", "1"], "flag provided but not defined: -nosuch; hint: see: tsrun update --help"],
  [[1], "the resources must be an object, not an array (standard input#)"],
  [{ memory: { limit: "1" } }, "limit must be a whole number, not a string (standard input#/memory/limit)"],
  [
    { memory: { limit: 9223372036854776000 } },
    "limit must be from -1 to 9223372036854775807, not 9223372036854776000 (standard input#/memory/limit)",
  ],
  [
    { unified: { "memory.high": "1" } },
    "cannot use unified on cgroup v1 (standard input#/unified); hint: use the fields of linux.resources, or boot with systemd.unified_cgroup_hierarchy=1",
  ],
  [
    { devices: [{ allow: true, type: "x", access: "r" }] },
    'type "x" is not known (standard input#/devices/0/type); hint: known are a, c, b',
  ],
  // All or nothing: what comes before the refused value was written, and is put back.
  [
    { cpu: { idle: 1 }, pids: { limit: 4194305 } },
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (standard input#/pids/limit); hint: at most 4194304; -1 is no limit',
  ],
  [
    {
      memory: { limit: 60 * MIB, swap: 70 * MIB },
      cpu: { shares: 5, quota: 30000 },
      pids: { limit: 4194305 },
    },
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (standard input#/pids/limit); hint: at most 4194304; -1 is no limit',
  ],
  [
    { memory: { limit: 60 * MIB, swap: 200 * MIB }, pids: { limit: 3 }, blockIO: { leafWeight: 100 } },
    'cannot set blkio.leaf_weight to "100" in DIR: open: ENOENT: no such file or directory (standard input#/blockIO/leafWeight); hint: the blkio controller of this kernel has no blkio.leaf_weight: remove the setting',
  ],
];

t.test("what is refused changes nothing, and is told exactly", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited((config) => {
    config.linux.resources["memory"] = { limit: 50 * MIB, swap: 100 * MIB };
    config.linux.resources["pids"] = { limit: 50 };
    config.linux.resources["cpu"] = { shares: 512 };
  });
  await refusesEach(t, c, BAD);
  t.equal((await host.state(c.id)).status, "running");
  await host.delete(c.id);
});

t.test("less memory than is used: refused by the kernel, and by checkBeforeUpdate before it", async (t) => {
  const c = await limited((config) => {
    probe(config, "do", "eat", String(60 * MIB), ",", "sleep", "1000");
    // Without swap the kernel cannot make room.
    config.linux.resources["memory"] = { limit: 100 * MIB, swap: 100 * MIB };
  });
  await until("it has eaten", () => Number(c.read("memory.usage_in_bytes")) > 60 * MIB);
  const before = c.all();
  const outcome = await c.update("--memory", "30M", "--pids-limit", "7");
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /unable to set memory limit to 31457280 \(current usage: \d+, peak usage: \d+\)/,
  );
  if (await onlyTsrun(host, t)) {
    t.strictSame(c.all(), before, "unchanged");
    const checked = await c.json({
      pids: { limit: 7 },
      memory: { limit: 30 * MIB, checkBeforeUpdate: true },
    });
    t.equal(checked.code, 1);
    t.match(
      messageOf(checked),
      /^rejecting memory limit 31457280 <= usage \d+ \(standard input#\/memory\/limit\); hint: stop processes first/,
    );
    t.strictSame(c.all(), before, "unchanged");
    t.equal((await c.json({ memory: { limit: 90 * MIB, checkBeforeUpdate: true } })).code, 0);
    t.equal(c.read("memory.limit_in_bytes"), `${90 * MIB}`);
  }
  t.equal((await host.state(c.id)).status, "running");
  await host.delete(c.id);
});

t.test("device rules replace the old ones, without a moment in which all is denied or allowed", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  // Opens a default device all the time; it ends at the first refusal.
  const c = await limited((config) => script(config, "while : >/dev/null; do :; done; exit 3"));
  const lines = (): string[] => (c.read("devices.list") ?? "").split("\n").sort();
  const defaults = lines();
  const folder = cgroupsOfProcess((await host.state(c.id)).pid).get("devices") ?? "";
  mkdirSync(join(folder, "below"));
  const fuse = { allow: true, type: "c", major: 10, minor: 229, access: "rw" };
  const deny = { allow: false, access: "rwm" };
  for (let round = times(t, 10); round > 0; round--) {
    t.equal((await c.json({ devices: [deny, fuse] })).code, 0);
    t.same(lines(), [...defaults, "c 10:229 rw"].sort());
    t.equal((await c.json({ pids: { limit: 20 } })).code, 0);
    t.same(lines(), [...defaults, "c 10:229 rw"].sort(), "an update without rules keeps them");
    t.equal((await c.json({ devices: [{ ...fuse, access: "r" }] })).code, 0);
    t.same(lines(), [...defaults, "c 10:229 r"].sort(), "nothing is allowed that no rule allows");
    t.equal((await c.json({ devices: [deny] })).code, 0);
    t.same(lines(), defaults);
  }
  const before = c.all();
  const all = await c.json({ pids: { limit: 9 }, devices: [{ allow: true, access: "rwm" }] });
  t.equal(all.code, 1, "the kernel allows nothing anew while there is a cgroup below");
  t.match(messageOf(all), 'cannot set devices.allow to "a *:* rwm"');
  t.strictSame(c.all(), before, "and all is as it was");
  t.equal((await host.state(c.id)).status, "running", "no default device was ever refused");
  await host.delete(c.id);
});

t.test("500 changes in four loops at once, of a container under load", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited((config) => script(config, "while :; do /bin/true & /bin/true; done"));
  await Promise.all([
    changeInLoop(t, c, 125, (i) => {
      const [memory, swap] = i % 2 === 0 ? [100 + i, 200 + i] : [300 + i, 600 + i];
      return [
        ["--memory", `${memory}M`, "--memory-swap", `${swap}M`],
        {
          "memory.limit_in_bytes": String(memory * MIB),
          "memory.memsw.limit_in_bytes": String(swap * MIB),
        },
      ];
    }),
    changeInLoop(t, c, 125, (i) => {
      const [quota, period] = i % 2 === 0 ? [50000 + i, 100000] : [200000 + i, 50000 + i];
      return [
        ["--cpu-quota", String(quota), "--cpu-period", String(period)],
        { "cpu.cfs_quota_us": String(quota), "cpu.cfs_period_us": String(period) },
      ];
    }),
    changeInLoop(t, c, 125, (i) => [["--pids-limit", String(100 + i)], { "pids.max": String(100 + i) }]),
    changeInLoop(t, c, 125, (i) => [["--cpuset-cpus", String(i % 2)], { "cpuset.cpus": String(i % 2) }]),
  ]);
  t.equal((await host.state(c.id)).status, "running");
  await host.delete(c.id);
});

t.test("an update that dies half-way is mended by the next one", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited();
  const args = (i: number): string[] => {
    const memory = i % 2 === 0 ? 100 : 400;
    return ["--memory", `${memory}M`, "--memory-swap", `${memory * 2}M`, "--pids-limit", String(100 + i)];
  };
  for (const i of some(t, [...Array(20).keys()], 7)) {
    const call = host.start(["update", ...args(i), c.id]);
    await new Promise((resolve) => setTimeout(resolve, patience(i / 2)));
    call.kill("SIGKILL");
    await call.ended;
    const outcome = await c.update(...args(i + 1));
    t.equal(outcome.code, 0, outcome.stderr);
    t.equal(c.read("pids.max"), String(101 + i));
    t.equal(c.read("memory.limit_in_bytes"), String((i % 2 === 0 ? 400 : 100) * MIB));
  }
  t.equal((await host.state(c.id)).status, "running");
  await host.delete(c.id);
});

await host.end();
