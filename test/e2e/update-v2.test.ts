/** update on cgroup v2: each limit by option and as JSON, in the right order, all or nothing, read back from the kernel's files. */
import { join } from "node:path";
import t from "tap";
import { folderOf } from "./support/cgroup-files.ts";
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
import { anyDisk } from "./support/machine.ts";
import { textOf, until } from "./support/outside.ts";
import { times } from "./support/slow.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost({ cgroupV2: true, busybox: true });
const kind = await host.kind();

const MIB = 1 << 20;

/** The files that the tests look at. */
const FILES = [
  "memory.max",
  "memory.swap.max",
  "memory.low",
  "memory.min",
  "memory.high",
  "memory.oom.group",
  "cpu.weight",
  "cpu.max",
  "cpu.max.burst",
  "cpu.idle",
  "cpuset.cpus",
  "cpuset.mems",
  "pids.max",
  "io.max",
  "hugetlb.2MB.max",
  "hugetlb.2MB.rsvd.max",
];

function limited(patch?: Patch): Promise<Limited> {
  const reader = async (id: string) => {
    const folder = await folderOf(host, id, "");
    return (file: string): string | undefined => textOf(join(folder, file))?.trim();
  };
  return limitedContainer(host, { files: FILES, reader }, patch);
}

const STEPS: readonly (readonly [args: readonly string[], json: Json, values: Values])[] = [
  [["--memory", "30M"], { memory: { limit: 30 * MIB } }, { "memory.max": `${30 * MIB}` }],
  [
    ["--memory", "60M", "--memory-swap", "100M"],
    { memory: { limit: 60 * MIB, swap: 100 * MIB } },
    { "memory.max": `${60 * MIB}`, "memory.swap.max": `${40 * MIB}` },
  ],
  [
    ["--memory", "40M", "--memory-swap", "40M"],
    { memory: { limit: 40 * MIB, swap: 40 * MIB } },
    { "memory.max": `${40 * MIB}`, "memory.swap.max": "0" },
  ],
  [["--memory-swap", "-1"], { memory: { swap: -1 } }, { "memory.swap.max": "max" }],
  [["--memory", "1.5G"], { memory: { limit: 1536 * MIB } }, { "memory.max": `${1536 * MIB}` }],
  [["--memory", "-1"], { memory: { limit: -1 } }, { "memory.max": "max", "memory.swap.max": "max" }],
  [["--memory", "33554433"], { memory: { limit: 33554433 } }, { "memory.max": "33554432" }],
  [["--memory-reservation", "16mb"], { memory: { reservation: 16 * MIB } }, { "memory.low": `${16 * MIB}` }],
  [["--cpu-share", "512"], { cpu: { shares: 512 } }, { "cpu.weight": "20" }],
  [["--cpu-quota", "20000"], { cpu: { quota: 20000 } }, { "cpu.max": "20000 100000" }],
  [
    ["--cpu-quota", "150000", "--cpu-period", "50000"],
    { cpu: { quota: 150000, period: 50000 } },
    { "cpu.max": "150000 50000" },
  ],
  [
    ["--cpu-quota", "-1", "--cpu-period", "100000"],
    { cpu: { quota: -1, period: 100000 } },
    { "cpu.max": "max 100000" },
  ],
  [["--cpuset-cpus", "0"], { cpu: { cpus: "0" } }, { "cpuset.cpus": "0" }],
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
      const what = way === "JSON" ? JSON.stringify(json) : args.join(" ");
      t.equal(outcome.code, 0, `${what} ${outcome.stderr}`);
      t.strictSame(c.all(), { ...before, ...values }, what);
    }
    await host.delete(c.id);
  });
}

/** Some of these runc refuses, or does otherwise. */
const FURTHER: readonly (readonly [args: readonly string[] | Json, values: Values])[] = [
  // The part of swap is told with the limit of memory that there is.
  [["--memory", "50M", "--memory-swap", "50M"], { "memory.max": `${50 * MIB}`, "memory.swap.max": "0" }],
  [["--memory-swap", "60M"], { "memory.swap.max": `${10 * MIB}` }],
  [["--cpu-quota", "30000"], { "cpu.max": "30000 100000" }],
  [["--cpu-period", "50000"], { "cpu.max": "30000 50000" }],
  [["--cpu-quota", "40000"], { "cpu.max": "40000 50000" }],
  [["--cpu-quota", "50000", "--cpu-burst", "20000"], { "cpu.max": "50000 50000", "cpu.max.burst": "20000" }],
  [["--cpu-quota", "10000", "--cpu-burst", "0"], { "cpu.max": "10000 50000", "cpu.max.burst": "0" }],
  [["--cpu-share", "512"], { "cpu.weight": "20" }],
  [["--cpu-idle", "1"], { "cpu.idle": "1", "cpu.weight": "0" }],
  [["--cpu-idle", "0"], { "cpu.idle": "0", "cpu.weight": "100" }],
  [
    { unified: { "memory.high": "30M", "memory.min": "4096", "memory.oom.group": "1" } },
    { "memory.high": `${30 * MIB}`, "memory.min": "4096", "memory.oom.group": "1" },
  ],
  [
    { unified: { "memory.high": "max", "pids.max": "77" }, pids: { limit: 5 } },
    { "memory.high": "max", "pids.max": "77" },
  ],
  [
    { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }] },
    { "hugetlb.2MB.max": `${4 * MIB}`, "hugetlb.2MB.rsvd.max": `${4 * MIB}` },
  ],
];

t.test("what only newer runtimes have, and v2 alone", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited();
  for (const [given, values] of FURTHER) {
    const before = c.all();
    const outcome = Array.isArray(given)
      ? await c.update(...(given as string[]))
      : await c.json(given as Json);
    t.equal(outcome.code, 0, `${JSON.stringify(given)} ${outcome.stderr}`);
    t.strictSame(c.all(), { ...before, ...values }, JSON.stringify(given));
  }
  await host.delete(c.id);
});

t.test("limits of a block device, put back one by one", async (t) => {
  const disk = anyDisk();
  if (disk === undefined) {
    t.pass("not applicable", { skip: "needs a block device" });
    return;
  }
  if (!(await onlyTsrun(host, t))) return;
  const [major = 0, minor = 0] = disk.split(":").map(Number);
  const c = await limited();
  const rate = (value: number): Json => [{ major, minor, rate: value }];
  for (const [blockIO, held] of [
    [{ throttleReadBpsDevice: rate(1048576) }, `${disk} rbps=1048576 wbps=max riops=max wiops=max`],
    [{ throttleWriteIOPSDevice: rate(20) }, `${disk} rbps=1048576 wbps=max riops=max wiops=20`],
    [{ throttleReadBpsDevice: rate(0), throttleWriteIOPSDevice: rate(0) }, ""],
  ] as const) {
    const outcome = await c.json({ blockIO });
    t.equal(outcome.code, 0, outcome.stderr);
    t.equal(c.read("io.max"), held);
  }
  const refused = await c.json({
    blockIO: { throttleReadBpsDevice: rate(4096) },
    unified: { "pids.max": "x" },
  });
  t.equal(refused.code, 1);
  t.equal(c.read("io.max"), "", "put back");
  await host.delete(c.id);
});

const BAD: Bad = [
  [
    { memory: { swappiness: 7 } },
    "cgroup v2 has no swappiness for one cgroup (standard input#/memory/swappiness); hint: remove it",
  ],
  [
    ["--memory-swap", "10M"],
    "memory+swap limit should be >= memory limit, but 10485760 is less than 52428800 (--memory-swap); hint: swap counts memory and swap together; -1 is no limit",
  ],
  [
    ["--cpuset-mems", "63"],
    'cannot set cpuset.mems to "63" in DIR: write: EINVAL: invalid argument (--cpuset-mems); hint: memory node 63 is not on this host (present: 0)',
  ],
  [
    ["--pids-limit", "4194305"],
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (--pids-limit); hint: at most 4194304; -1 is no limit',
  ],
  [
    { unified: { "nosuch.max": "1" } },
    "cannot set nosuch limit: the nosuch controller is not available in this cgroup (standard input#/unified/nosuch.max); hint: DIR has no nosuch: this kernel does not offer it on cgroup v2, a v1 hierarchy uses it, or the cgroup above does not hand it down",
  ],
  [
    { unified: { "memory.oom.group": "2" } },
    'cannot set memory.oom.group to "2" in DIR: write: EINVAL: invalid argument (standard input#/unified/memory.oom.group); hint: the kernel does not take this value',
  ],
  // All or nothing: what comes before the refused value was written, and is put back.
  [
    {
      memory: { limit: 60 * MIB, swap: 70 * MIB, reservation: MIB },
      cpu: { shares: 5, quota: 30000 },
      unified: { "memory.high": "20M", "pids.max": "4194305" },
    },
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (standard input#/unified/pids.max); hint: at most 4194304; -1 is no limit',
  ],
  [
    { cpu: { idle: 1 }, unified: { "pids.max": "4194305" } },
    'cannot set pids.max to "4194305" in DIR: write: EINVAL: invalid argument (standard input#/unified/pids.max); hint: at most 4194304; -1 is no limit',
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

t.test("less memory than is used: checkBeforeUpdate refuses it, without it the kernel kills", async (t) => {
  const c = await limited((config) => {
    probe(config, "do", "eat", String(60 * MIB), ",", "sleep", "1000");
    config.linux.resources["memory"] = { limit: 100 * MIB, swap: 100 * MIB };
  });
  await until("it has eaten", () => Number(c.read("memory.current")) > 60 * MIB, 30_000);
  if (kind === "tsrun") {
    const before = c.all();
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
  }
  t.equal((await host.state(c.id)).status, "running");
  const outcome = await c.update("--memory", "30M");
  t.equal(outcome.code, 0, outcome.stderr);
  const state = await host.reaches(c.id, "stopped");
  // systemd has removed the cgroup by then, and the kernel's counts with it.
  if (kind === "tsrun" && !BY_SYSTEMD)
    t.match(state, { reason: `killed by the memory limit of ${30 * MIB} bytes` });
  await host.delete(c.id);
});

t.test("changes in three loops at once, of a container under load", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const c = await limited((config) => script(config, "while :; do /bin/true & /bin/true; done"));
  const count = times(t, 40);
  await Promise.all([
    changeInLoop(t, c, count, (i) => {
      const [memory, swap] = i % 2 === 0 ? [100 + i, 200 + i] : [300 + i, 600 + i];
      return [
        ["--memory", `${memory}M`, "--memory-swap", `${swap}M`],
        { "memory.max": String(memory * MIB), "memory.swap.max": String((swap - memory) * MIB) },
      ];
    }),
    changeInLoop(t, c, count, (i) => {
      const [quota, period] = i % 2 === 0 ? [50000 + i, 100000] : [200000 + i, 50000 + i];
      return [
        ["--cpu-quota", String(quota), "--cpu-period", String(period)],
        { "cpu.max": `${quota} ${period}` },
      ];
    }),
    changeInLoop(t, c, count, (i) => [["--pids-limit", String(100 + i)], { "pids.max": String(100 + i) }]),
  ]);
  t.equal((await host.state(c.id)).status, "running");
  await host.delete(c.id);
});

await host.end();
