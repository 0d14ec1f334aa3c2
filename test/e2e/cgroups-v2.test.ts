/** linux.resources on cgroup v2: each value in its file, converted as runc converts it, and what v2 or the kernel refuses. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { folderOf } from "./support/cgroup-files.ts";
import { type Json, probe } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { anyDisk, change, rdmaDevice } from "./support/machine.ts";
import { cgroupsOf, textOf } from "./support/outside.ts";
import { BY_SYSTEMD } from "./support/wants.ts";

const host = openHost({ cgroupV2: true });
const kind = await host.kind();

type Resources = Record<string, Json>;

/** A sleeping container with these resources; calls back with a reader of its cgroup files. */
async function withResources(
  resources: Resources,
  look: (read: (file: string) => string | undefined) => void,
): Promise<void> {
  const bundle = host.bundle((config) => {
    probe(config, "sleep", "1000");
    Object.assign(config.linux.resources, resources);
  });
  const id = await host.created(bundle);
  const folder = await folderOf(host, id, "");
  look((file) => textOf(join(folder, file))?.trim());
  await host.delete(id);
}

const MIB = 1 << 20;

const VALUES: [string, Resources, Record<string, string>][] = [
  ["memory limit", { memory: { limit: 32 * MIB } }, { "memory.max": `${32 * MIB}` }],
  ["not of whole pages", { memory: { limit: 32 * MIB + 1 } }, { "memory.max": `${32 * MIB}` }],
  [
    "swap counts without memory",
    { memory: { limit: 32 * MIB, swap: 48 * MIB } },
    { "memory.max": `${32 * MIB}`, "memory.swap.max": `${16 * MIB}` },
  ],
  [
    "memory and swap the same: no swap",
    { memory: { limit: 32 * MIB, swap: 32 * MIB } },
    { "memory.max": `${32 * MIB}`, "memory.swap.max": "0" },
  ],
  [
    "unlimited swap",
    { memory: { limit: 32 * MIB, swap: -1 } },
    { "memory.max": `${32 * MIB}`, "memory.swap.max": "max" },
  ],
  ["unlimited memory", { memory: { limit: -1 } }, { "memory.max": "max", "memory.swap.max": "max" }],
  ["zeroes", { memory: { limit: 0, swap: 0 }, cpu: { shares: 0, quota: 0 } }, { "memory.max": "max" }],
  ["memory reservation", { memory: { reservation: 16 * MIB } }, { "memory.low": `${16 * MIB}` }],
  ["no reservation", { memory: { reservation: -1 } }, { "memory.low": "max" }],
  ["the least cpu shares", { cpu: { shares: 2 } }, { "cpu.weight": "1" }],
  ["cpu shares", { cpu: { shares: 512 } }, { "cpu.weight": "20" }],
  ["the usual cpu shares", { cpu: { shares: 1024 } }, { "cpu.weight": "39" }],
  ["the most cpu shares", { cpu: { shares: 262144 } }, { "cpu.weight": "10000" }],
  ["cpu quota and period", { cpu: { quota: 25000, period: 50000 } }, { "cpu.max": "25000 50000" }],
  ["cpu quota alone", { cpu: { quota: 30000 } }, { "cpu.max": "30000 100000" }],
  ["cpu period alone", { cpu: { period: 200000 } }, { "cpu.max": "max 200000" }],
  ["cpu quota above the period", { cpu: { quota: 150000, period: 100000 } }, { "cpu.max": "150000 100000" }],
  ["cpu quota unlimited", { cpu: { quota: -1 } }, { "cpu.max": "max 100000" }],
  ["cpu set", { cpu: { cpus: "0", mems: "0" } }, { "cpuset.cpus": "0", "cpuset.mems": "0" }],
  ["pids limit", { pids: { limit: 42 } }, { "pids.max": "42" }],
  ["pids unlimited", { pids: { limit: -1 } }, { "pids.max": "max" }],
  [
    "what only v2 has",
    {
      unified: {
        "memory.min": `${MIB}`,
        "memory.high": `${24 * MIB}`,
        "memory.oom.group": "1",
        "cpu.weight.nice": "5",
        "cgroup.max.depth": "3",
      },
    },
    {
      "memory.min": `${MIB}`,
      "memory.high": `${24 * MIB}`,
      "memory.oom.group": "1",
      "cpu.weight.nice": "5",
      "cgroup.max.depth": "3",
    },
  ],
  [
    "unified has the last word",
    { pids: { limit: 42 }, memory: { limit: 32 * MIB }, unified: { "pids.max": "7" } },
    { "pids.max": "7", "memory.max": `${32 * MIB}` },
  ],
  [
    "nothing asked for",
    {},
    {
      "memory.max": "max",
      "memory.swap.max": "max",
      "memory.low": "0",
      "cpu.max": "max 100000",
      "cpu.weight": "100",
      "cpu.idle": "0",
      // systemd has a limit for every unit (DefaultTasksMax).
      ...(BY_SYSTEMD ? {} : { "pids.max": "max" }),
      "cpuset.cpus": "",
      "cgroup.subtree_control": "",
    },
  ],
];

for (const [what, resources, files] of VALUES) {
  t.test(what, async (t) => {
    await withResources(resources, (read) => {
      for (const [file, value] of Object.entries(files)) t.equal(read(file), value, file);
    });
  });
}

t.test("values only newer runtimes write", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  await withResources({ cpu: { idle: 1 } }, (read) => t.equal(read("cpu.idle"), "1"));
  await withResources({ cpu: { quota: 50000, burst: 20000 } }, (read) => {
    t.equal(read("cpu.max"), "50000 100000");
    t.equal(read("cpu.max.burst"), "20000");
  });
});

t.test("huge pages: those in use, and those that are reserved", async (t) => {
  if (!existsSync("/sys/kernel/mm/hugepages/hugepages-2048kB")) {
    t.pass("not applicable", { skip: "needs huge pages of 2 MiB" });
    return;
  }
  await withResources({ hugepageLimits: [{ pageSize: "2MB", limit: 4 * MIB }] }, (read) => {
    t.equal(read("hugetlb.2MB.max"), `${4 * MIB}`);
    t.equal(read("hugetlb.2MB.rsvd.max"), `${4 * MIB}`);
  });
});

t.test("limits of a block device, all in one line", async (t) => {
  const disk = anyDisk();
  if (disk === undefined) {
    t.pass("not applicable", { skip: "needs a block device" });
    return;
  }
  const [major = 0, minor = 0] = disk.split(":").map(Number);
  const rate = (value: number): Json => [{ major, minor, rate: value }];
  const blockIO = {
    throttleReadBpsDevice: rate(1048576),
    throttleWriteBpsDevice: rate(2097152),
    throttleReadIOPSDevice: rate(100),
    throttleWriteIOPSDevice: rate(200),
  };
  await withResources({ blockIO }, (read) =>
    t.equal(read("io.max"), `${disk} rbps=1048576 wbps=2097152 riops=100 wiops=200`),
  );
  await withResources({ unified: { "io.max": `${disk} rbps=4096\n${disk} wiops=7` } }, (read) =>
    t.equal(read("io.max"), `${disk} rbps=4096 wbps=max riops=max wiops=7`, "a line a write"),
  );
});

t.test("weights of block devices", async (t) => {
  change("modprobe", "bfq");
  let bfq = false;
  let weight = false;
  await withResources({}, (read) => {
    bfq = read("io.bfq.weight") !== undefined;
    weight = read("io.weight") !== undefined;
  });
  if (!bfq && !weight) {
    t.pass("not applicable", { skip: "needs the bfq scheduler or io.weight" });
    return;
  }
  await withResources({ blockIO: { weight: 500 } }, (read) => {
    if (bfq) t.equal(read("io.bfq.weight"), "default 500");
    else t.equal(read("io.weight"), "default 4950");
  });
  const disk = anyDisk();
  if (disk === undefined || !(await onlyTsrun(host, t))) return;
  const name = disk.split(":").map(Number);
  const scheduler = `/sys/dev/block/${disk}/queue/scheduler`;
  if (!change("sh", "-c", `echo bfq > ${scheduler}`)) {
    t.pass("not applicable", { skip: "needs a machine whose disk may be given to bfq" });
    return;
  }
  await withResources(
    { blockIO: { weightDevice: [{ major: name[0] ?? 0, minor: name[1] ?? 0, weight: 300 }] } },
    (read) => t.match(read("io.bfq.weight"), `${disk} 300`),
  );
});

t.test("an RDMA device", async (t) => {
  const device = rdmaDevice();
  if (device === undefined) {
    t.pass("not applicable", { skip: "needs an RDMA device" });
    return;
  }
  await withResources({ rdma: { [device]: { hcaHandles: 3, hcaObjects: 10000 } } }, (read) =>
    t.equal(read("rdma.max"), `${device} hca_handle=3 hca_object=10000`),
  );
});

t.test(
  "every controller of the host is in the container's cgroup, however deep",
  { skip: BY_SYSTEMD && "systemd hands down what its units ask for" },
  async (t) => {
    const bundle = host.bundle((config) => {
      probe(config, "sleep", "1000");
      config.linux.cgroupsPath = `/${host.tag}-deep/a/b/c`;
    });
    const id = await host.created(bundle);
    const folder = await folderOf(host, id, "");
    t.match(folder, `/${host.tag}-deep/a/b/c`);
    const words = (path: string): string[] => (textOf(path) ?? "").trim().split(" ").sort();
    const root = folder.slice(0, folder.indexOf(`/${host.tag}-deep`));
    t.same(words(join(folder, "cgroup.controllers")), words(join(root, "cgroup.controllers")));
    t.equal(textOf(join(folder, "cgroup.type"))?.trim(), "domain");
    await host.delete(id);
    if (kind === "tsrun") t.same(cgroupsOf(`${host.tag}-deep`), []);
  },
);

/** Resources that nothing on v2 corresponds to, or that are wrong in themselves; the words and the place. */
const REFUSED: readonly [Resources, RegExp, string][] = [
  [{ memory: { swappiness: 7 } }, /cgroup v2 has no swappiness for one cgroup/, "/memory/swappiness"],
  [{ memory: { disableOOMKiller: true } }, /cannot be disabled on cgroup v2/, "/memory/disableOOMKiller"],
  [{ memory: { swap: 64 * MIB } }, /unable to set swap limit without memory limit/, "/memory/swap"],
  [{ memory: { limit: -1, swap: MIB } }, /is below memory\.limit \(unlimited\)/, "/memory/swap"],
  [{ memory: { limit: 64 * MIB, swap: MIB } }, /is below memory\.limit \(67108864\)/, "/memory/swap"],
  [{ cpu: { realtimeRuntime: 1000 } }, /no limits for realtime processes/, "/cpu/realtimeRuntime"],
  [{ blockIO: { leafWeight: 100 } }, /cgroup v2 has no leaf weights/, "/blockIO/leafWeight"],
  [{ network: { classID: 1048577 } }, /no net_cls controller/, "/network/classID"],
  [{ unified: { "nosuch.max": "1" } }, /the nosuch controller is not available/, "/unified/nosuch.max"],
  [{ unified: { nodot: "1" } }, /"nodot" must be in the form CONTROLLER.PARAMETER/, "/unified/nodot"],
  [{ unified: { "../memory.max": "1" } }, /must be a file name \(no slashes\)/, "/unified/..~1memory.max"],
  [
    { unified: { "memory.max/../../x.y": "1" } },
    /must be a file name \(no slashes\)/,
    "/unified/memory.max~1..~1..~1x.y",
  ],
  [{ unified: { "cgroup.procs": "1" } }, /cgroup.procs is not a setting/, "/unified/cgroup.procs"],
  [{ unified: { "cgroup.freeze": "1" } }, /cgroup.freeze is not a setting/, "/unified/cgroup.freeze"],
  // By the kernel:
  [{ cpu: { cpus: "4096" } }, /set cpuset\.cpus to "4096" .*: cpu 4096 is not on this host/, "/cpu/cpus"],
  [{ cpu: { mems: "63" } }, /set cpuset\.mems to "63" .*: memory node 63 is not on this host/, "/cpu/mems"],
  [{ cpu: { period: 10 } }, /period/, "/cpu/period"],
  [{ cpu: { quota: 20000, burst: 30000 } }, /the cpu burst 30000 is above the quota 20000/, "/cpu/burst"],
  [{ pids: { limit: 4194305 } }, /set pids\.max to "4194305".*at most 4194304/, "/pids/limit"],
  [
    { hugepageLimits: [{ pageSize: "3MB", limit: 1 }] },
    /set hugetlb\.3MB\.max .*this host has pages of .*2MB/,
    "/hugepageLimits/0",
  ],
  [
    { blockIO: { throttleReadBpsDevice: [{ major: 250, minor: 99, rate: 1 }] } },
    /set io\.max to "250:99 rbps=1".*250:99 is not a whole disk of this host/,
    "/blockIO/throttleReadBpsDevice/0",
  ],
  [{ rdma: { mlx9_9: { hcaHandles: 1 } } }, /set rdma\.max .*no such RDMA device/, "/rdma/mlx9_9"],
  [
    { unified: { "memory.nosuch": "1" } },
    /the memory controller of this kernel has no memory\.nosuch/,
    "/unified/memory.nosuch",
  ],
  [{ unified: { "memory.oom.group": "x" } }, /set memory\.oom\.group to "x"/, "/unified/memory.oom.group"],
];

t.test("what v2 or the kernel does not take is refused by name and place, and nothing is left", async (t) => {
  for (const [resources, words, place] of REFUSED) {
    const bundle = host.bundle((config) => void Object.assign(config.linux.resources, resources));
    const id = host.id();
    const outcome = await host.call(["run", "-b", bundle.dir, id]);
    const what = JSON.stringify(resources);
    if (kind === "tsrun") {
      t.equal(outcome.code, 1, what);
      t.match(messageOf(outcome), words, what);
      t.match(messageOf(outcome), `(config.json#/linux/resources${place})`, what);
    }
    t.same(cgroupsOf(id), [], "nothing is left");
  }
});

await host.end();
