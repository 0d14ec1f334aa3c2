import t from "tap";
import { compileV1 } from "../../../src/cgroup/resources-v1.ts";
import { type Change, resources } from "./sample.ts";

const all = (): boolean => true;
const lines = (change: Change): string[] =>
  compileV1(resources(change), all, { devices: false }).map(
    ({ file, value, instead, ifThere }) =>
      `${file}=${value}${instead === undefined ? "" : ` or ${instead.file}=${instead.value}`}${ifThere === true ? " if there" : ""}`,
  );

const TABLE: readonly [string, Change, readonly string[]][] = [
  ["nothing asked", {}, []],
  ["memory alone", { memory: { limit: 100n } }, ["memory.limit_in_bytes=100"]],
  [
    "all of memory, in order",
    {
      memory: {
        limit: 100n,
        swap: 200n,
        reservation: 50n,
        swappiness: 0n,
        disableOOMKiller: true,
        kernelTCP: 9n,
        kernel: 8n,
      },
    },
    [
      "memory.limit_in_bytes=100",
      "memory.memsw.limit_in_bytes=200",
      "memory.soft_limit_in_bytes=50",
      "memory.kmem.tcp.limit_in_bytes=9",
      "memory.oom_control=1",
      "memory.swappiness=0",
    ],
  ],
  [
    "unlimited memory means unlimited swap",
    { memory: { limit: -1n } },
    ["memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1 if there"],
  ],
  [
    "zeroes are not asked for",
    { memory: { limit: 0n, swap: 0n, reservation: 0n }, cpu: { shares: 0n, quota: 0n, period: 0n } },
    [],
  ],
  ["swappiness -1, signed", { memory: { swappiness: -1n, disableOOMKiller: false } }, []],
  ["swappiness -1, unsigned", { memory: { swappiness: 18446744073709551615n } }, []],
  [
    "swap without memory is the kernel's to judge",
    { memory: { swap: 5n } },
    ["memory.memsw.limit_in_bytes=5"],
  ],
  ["hierarchy on", { memory: { useHierarchy: true } }, ["memory.use_hierarchy=1 if there"]],
  ["hierarchy off", { memory: { useHierarchy: false } }, ["memory.use_hierarchy=0"]],
  [
    "cpu: period, quota, burst",
    { cpu: { shares: 2n, quota: -1n, period: 1000n, burst: 0n } },
    ["cpu.shares=2", "cpu.cfs_period_us=1000", "cpu.cfs_quota_us=-1", "cpu.cfs_burst_us=0"],
  ],
  ["cpu: becoming idle", { cpu: { shares: 262144n, idle: 1 } }, ["cpu.shares=262144", "cpu.idle=1"]],
  ["cpu: no longer idle", { cpu: { shares: 5n, idle: 0 } }, ["cpu.idle=0", "cpu.shares=5"]],
  [
    "cpu: realtime",
    { cpu: { realtimeRuntime: 7n, realtimePeriod: 8n } },
    ["cpu.rt_period_us=8", "cpu.rt_runtime_us=7"],
  ],
  [
    "cpuset first",
    { memory: { limit: 1n }, cpu: { cpus: "0-1", mems: "0" } },
    ["cpuset.cpus=0-1", "cpuset.mems=0", "memory.limit_in_bytes=1"],
  ],
  ["empty cpuset", { cpu: { cpus: "", mems: "" } }, []],
  ["pids", { pids: { limit: 7n } }, ["pids.max=7"]],
  ["pids -1", { pids: { limit: -1n } }, ["pids.max=max"]],
  ["pids 0", { pids: { limit: 0n } }, ["pids.max=max"]],
  [
    "weights, with bfq's names",
    {
      blockIO: {
        weight: 10,
        leafWeight: 20,
        weightDevice: [{ major: 8, minor: 0, weight: 30, leafWeight: 40 }],
      },
    },
    [
      "blkio.weight=10 or blkio.bfq.weight=10",
      "blkio.leaf_weight=20",
      "blkio.weight_device=8:0 30 or blkio.bfq.weight_device=8:0 30",
      "blkio.leaf_weight_device=8:0 40",
    ],
  ],
  [
    "throttles",
    {
      blockIO: {
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1n }],
        throttleWriteBpsDevice: [{ major: 8, minor: 1, rate: 2n }],
        throttleReadIOPSDevice: [{ major: 8, minor: 2, rate: 3n }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 3, rate: 18446744073709551615n }],
      },
    },
    [
      "blkio.throttle.read_bps_device=8:0 1",
      "blkio.throttle.write_bps_device=8:1 2",
      "blkio.throttle.read_iops_device=8:2 3",
      "blkio.throttle.write_iops_device=8:3 18446744073709551615",
    ],
  ],
  [
    "huge pages, reservations first",
    { hugepageLimits: [{ pageSize: "2MB", limit: 0n }] },
    ["hugetlb.2MB.rsvd.limit_in_bytes=0 if there", "hugetlb.2MB.limit_in_bytes=0"],
  ],
  [
    "network",
    { network: { classID: 1048577, priorities: [{ name: "eth0", priority: 0 }] } },
    ["net_cls.classid=1048577", "net_prio.ifpriomap=eth0 0"],
  ],
  [
    "rdma",
    {
      rdma: new Map([
        ["mlx5_0", { hcaHandles: 3, hcaObjects: 4 }],
        ["mlx5_1", { hcaHandles: undefined, hcaObjects: 0 }],
      ]),
    },
    ["rdma.max=mlx5_0 hca_handle=3 hca_object=4", "rdma.max=mlx5_1 hca_object=0"],
  ],
];

for (const [name, change, expected] of TABLE) {
  t.test(`compileV1: ${name}`, async (t) => t.same(lines(change), expected));
}

const REFUSED: readonly [string, Change, { code: string; pointer: string; message?: RegExp }][] = [
  [
    "unified",
    { unified: new Map([["memory.high", "1"]]) },
    {
      code: "unsupported",
      pointer: "/linux/resources/unified",
      message: /^cannot use unified on cgroup v1$/,
    },
  ],
  [
    "shares 1",
    { cpu: { shares: 1n } },
    {
      code: "range",
      pointer: "/linux/resources/cpu/shares",
      message: /^the minimum allowed cpu-shares is 2$/,
    },
  ],
  [
    "shares 262145",
    { cpu: { shares: 262145n } },
    {
      code: "range",
      pointer: "/linux/resources/cpu/shares",
      message: /^the maximum allowed cpu-shares is 262144$/,
    },
  ],
  [
    "swappiness 101",
    { memory: { swappiness: 101n } },
    {
      code: "range",
      pointer: "/linux/resources/memory/swappiness",
      message: /invalid memory swappiness value: 101 \(valid range is 0-100\)/,
    },
  ],
  [
    "swap below memory",
    { memory: { limit: 2n, swap: 1n } },
    {
      code: "conflict",
      pointer: "/linux/resources/memory/swap",
      message: /memory\+swap limit should be >= memory limit/,
    },
  ],
  [
    "a page size with a slash",
    { hugepageLimits: [{ pageSize: "../2MB", limit: 1n }] },
    { code: "format", pointer: "/linux/resources/hugepageLimits/0" },
  ],
  [
    "an interface of two words",
    { network: { priorities: [{ name: "eth0 1\neth1", priority: 0 }] } },
    { code: "format", pointer: "/linux/resources/network/priorities/0" },
  ],
];

for (const [name, change, expected] of REFUSED) {
  t.test(`compileV1 refuses ${name}`, async (t) => {
    t.throws(() => lines(change), expected);
  });
}

t.test("compileV1: a limit whose controller is not mounted names it", async (t) => {
  const has = (name: string): boolean => name !== "hugetlb";
  const asked = resources({ hugepageLimits: [{ pageSize: "2MB", limit: 1n }] });
  t.throws(() => compileV1(asked, has), {
    code: "unsupported",
    pointer: "/linux/resources/hugepageLimits/0",
    message: "cannot set hugetlb limit: the hugetlb controller is not mounted on this host",
    hint: "mount it below /sys/fs/cgroup or remove the setting",
  });
});

t.test("compileV1: a host without the devices controller is refused unless rules are left out", async (t) => {
  const has = (name: string): boolean => name !== "devices";
  t.throws(() => compileV1(resources(), has), { code: "unsupported", pointer: "/linux/resources/devices" });
  t.same(compileV1(resources(), has, { devices: false }), []);
});

t.test("compileV1: a pids limit of 0 as a limit, and what is tried again", async (t) => {
  const asked = resources({ pids: { limit: 0n }, memory: { limit: 1n, swap: 2n } });
  t.same(compileV1(asked, all, { devices: false, zeroPidsIsLimit: true }), [
    {
      controller: "memory",
      file: "memory.limit_in_bytes",
      value: "1",
      pointer: "/linux/resources/memory/limit",
      again: true,
    },
    {
      controller: "memory",
      file: "memory.memsw.limit_in_bytes",
      value: "2",
      pointer: "/linux/resources/memory/swap",
    },
    { controller: "pids", file: "pids.max", value: "1", pointer: "/linux/resources/pids/limit" },
  ]);
});
