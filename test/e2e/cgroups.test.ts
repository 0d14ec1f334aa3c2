/** linux.resources on cgroup v1: each value in its file, and what the kernel refuses. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderIn } from "./support/cgroup-files.ts";
import { type Json, probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf, cgroupsOfProcess, textOf } from "./support/outside.ts";

const host = openHost({ cgroupV1: true });

/** A sleeping container with these resources; calls back with a reader of its cgroup files. */
async function withResources(
  resources: Record<string, Json>,
  look: (read: (file: string) => string | undefined) => void,
): Promise<void> {
  const bundle = host.bundle((config) => {
    probe(config, "sleep", "1000");
    Object.assign(config.linux.resources, resources);
  });
  const id = await host.created(bundle);
  const folders = cgroupsOfProcess((await host.state(id)).pid);
  look((file) => {
    const [controller = ""] = file.split(".");
    return textOf(join(folderIn(folders, controller === "cgroup" ? "pids" : controller), file))?.trim();
  });
  await host.delete(id);
}

const VALUES: [string, Record<string, Json>, Record<string, string>][] = [
  ["memory limit", { memory: { limit: 33554432 } }, { "memory.limit_in_bytes": "33554432" }],
  [
    "memory limit not of whole pages",
    { memory: { limit: 33554433 } },
    { "memory.limit_in_bytes": "33554432" },
  ],
  [
    "memory and swap",
    { memory: { limit: 33554432, swap: 67108864 } },
    { "memory.limit_in_bytes": "33554432", "memory.memsw.limit_in_bytes": "67108864" },
  ],
  [
    "memory unlimited",
    { memory: { limit: -1, swap: -1 } },
    { "memory.limit_in_bytes": "9223372036854771712", "memory.memsw.limit_in_bytes": "9223372036854771712" },
  ],
  ["memory reservation", { memory: { reservation: 16777216 } }, { "memory.soft_limit_in_bytes": "16777216" }],
  ["memory swappiness", { memory: { swappiness: 7 } }, { "memory.swappiness": "7" }],
  ["memory swappiness 0", { memory: { swappiness: 0 } }, { "memory.swappiness": "0" }],
  ["cpu shares", { cpu: { shares: 512 } }, { "cpu.shares": "512" }],
  ["cpu shares of the kernel's least", { cpu: { shares: 2 } }, { "cpu.shares": "2" }],
  [
    "cpu quota and period",
    { cpu: { quota: 25000, period: 50000 } },
    { "cpu.cfs_quota_us": "25000", "cpu.cfs_period_us": "50000" },
  ],
  [
    "cpu quota alone",
    { cpu: { quota: 30000 } },
    { "cpu.cfs_quota_us": "30000", "cpu.cfs_period_us": "100000" },
  ],
  [
    "cpu period alone",
    { cpu: { period: 200000 } },
    { "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "200000" },
  ],
  [
    "cpu quota above the period",
    { cpu: { quota: 150000, period: 100000 } },
    { "cpu.cfs_quota_us": "150000" },
  ],
  ["cpu quota unlimited", { cpu: { quota: -1 } }, { "cpu.cfs_quota_us": "-1" }],
  ["cpu set", { cpu: { cpus: "0", mems: "0" } }, { "cpuset.cpus": "0", "cpuset.mems": "0" }],
  ["cpu set by range", { cpu: { cpus: "0-1" } }, { "cpuset.cpus": "0-1" }],
  ["pids limit", { pids: { limit: 42 } }, { "pids.max": "42" }],
  ["pids unlimited", { pids: { limit: -1 } }, { "pids.max": "max" }],
];

for (const [what, resources, files] of VALUES) {
  t.test(what, async (t) => {
    await withResources(resources, (read) => {
      for (const [file, value] of Object.entries(files)) t.equal(read(file), value, file);
    });
  });
}

t.test("out-of-memory killer switched off", async (t) => {
  await withResources({ memory: { limit: 67108864, disableOOMKiller: true } }, (read) => {
    t.match(read("memory.oom_control"), "oom_kill_disable 1");
  });
});

t.test("limits of block devices", async (t) => {
  const device = textOf("/sys/block/loop0/dev")?.trim();
  if (device === undefined) {
    t.pass("skipped", { skip: "needs a block device called loop0" });
    return;
  }
  const [major = 0, minor = 0] = device.split(":").map(Number);
  const rate = (value: number): Json => [{ major, minor, rate: value }];
  await withResources(
    {
      blockIO: {
        throttleReadBpsDevice: rate(1048576),
        throttleWriteBpsDevice: rate(2097152),
        throttleReadIOPSDevice: rate(100),
        throttleWriteIOPSDevice: rate(200),
      },
    },
    (read) => {
      t.equal(read("blkio.throttle.read_bps_device"), `${device} 1048576`);
      t.equal(read("blkio.throttle.write_bps_device"), `${device} 2097152`);
      t.equal(read("blkio.throttle.read_iops_device"), `${device} 100`);
      t.equal(read("blkio.throttle.write_iops_device"), `${device} 200`);
    },
  );
});

t.test("values only newer runtimes write", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  await withResources({ cpu: { idle: 1 } }, (read) => t.equal(read("cpu.idle"), "1"));
  await withResources({ cpu: { quota: 50000, burst: 20000 } }, (read) =>
    t.equal(read("cpu.cfs_burst_us"), "20000"),
  );
});

t.test("nothing asked for, nothing written", async (t) => {
  await withResources({}, (read) => {
    t.equal(read("memory.limit_in_bytes"), "9223372036854771712");
    t.equal(read("cpu.cfs_quota_us"), "-1");
    t.equal(read("cpu.shares"), "1024");
    t.equal(read("pids.max"), "max");
    t.equal(read("cpuset.cpus"), textOf("/sys/fs/cgroup/cpuset/cpuset.cpus")?.trim());
  });
});

t.test("the device list: denied but for the defaults", async (t) => {
  const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
  const id = await host.created(bundle);
  const folder = cgroupsOfProcess((await host.state(id)).pid).get("devices") ?? "";
  const list = (textOf(join(folder, "devices.list")) ?? "").trim().split("\n").sort();
  t.same(list, [
    "b *:* m",
    "c *:* m",
    "c 10:200 rwm",
    "c 136:* rwm",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
  ]);
  await host.delete(id);
});

t.test("a controller that the host does not have is refused by name", async (t) => {
  if (existsSync("/sys/fs/cgroup/net_cls")) {
    t.pass("skipped", { skip: "the host has net_cls" });
    return;
  }
  const bundle = host.bundle((config) => {
    config.linux.resources["network"] = { classID: 1048577 };
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /net_cls|network/);
});

t.test("values that the kernel refuses, by name and file", async (t) => {
  const wrong: [Record<string, Json>, RegExp][] = [
    [{ cpu: { cpus: "4096" } }, /cpuset\.cpus|cpus/],
    [{ cpu: { quota: 1 } }, /cfs_quota_us|quota/],
    [{ cpu: { period: 10 } }, /cfs_period_us|period/],
    [{ memory: { limit: 4096 } }, /memory|OOM|oom/],
  ];
  for (const [resources, words] of wrong) {
    const bundle = host.bundle((config) => void Object.assign(config.linux.resources, resources));
    const id = host.id();
    const outcome = await host.call(["run", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1, JSON.stringify(resources));
    t.match(messageOf(outcome), words);
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), "config.json#/linux/resources");
    t.same(cgroupsOf(id), [], "nothing is left");
  }
});

await host.end();
