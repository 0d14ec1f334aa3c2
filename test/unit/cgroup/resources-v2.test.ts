import t from "tap";
import { compileV2, cpuWeight, ioWeight } from "../../../src/cgroup/resources-v2.ts";
import { type Change, resources } from "./sample.ts";

const all = (name: string): boolean => name !== "absent";
const lines = (change: Change): string[] =>
  compileV2(resources(change), all).map(
    ({ controller, file, value, instead, ifThere }) =>
      `${controller}:${file}=${value}${instead === undefined ? "" : ` or ${instead.file}=${instead.value}`}${ifThere === true ? " if there" : ""}`,
  );

const TABLE: readonly [string, Change, readonly string[]][] = [
  ["nothing asked", {}, []],
  [
    "memory",
    { memory: { limit: 100n, reservation: 50n } },
    ["memory:memory.max=100", "memory:memory.low=50"],
  ],
  [
    "swap is without memory",
    { memory: { limit: 100n, swap: 150n } },
    ["memory:memory.swap.max=50", "memory:memory.max=100"],
  ],
  [
    "no swap at all",
    { memory: { limit: 100n, swap: 100n } },
    ["memory:memory.swap.max=0 if there", "memory:memory.max=100"],
  ],
  [
    "unlimited swap",
    { memory: { limit: 100n, swap: -1n } },
    ["memory:memory.swap.max=max if there", "memory:memory.max=100"],
  ],
  [
    "unlimited memory",
    { memory: { limit: -1n } },
    ["memory:memory.swap.max=max if there", "memory:memory.max=max"],
  ],
  [
    "what v2 does anyway",
    { memory: { useHierarchy: true, disableOOMKiller: false, kernel: 5n, swappiness: -1n } },
    [],
  ],
  [
    "cpu",
    { cpu: { shares: 1024n, quota: 50000n, period: 200000n, burst: 7n, cpus: "0", mems: "0-1" } },
    [
      "cpu:cpu.weight=39",
      "cpu:cpu.max=50000 200000",
      "cpu:cpu.max.burst=7",
      "cpuset:cpuset.cpus=0",
      "cpuset:cpuset.mems=0-1",
    ],
  ],
  ["quota alone keeps the period", { cpu: { quota: 5000n } }, ["cpu:cpu.max=5000"]],
  ["no quota", { cpu: { quota: -1n } }, ["cpu:cpu.max=max"]],
  ["period alone", { cpu: { period: 5000n } }, ["cpu:cpu.max=max 5000"]],
  ["idle last", { cpu: { shares: 2n, idle: 1 } }, ["cpu:cpu.weight=1", "cpu:cpu.idle=1"]],
  ["not idle first", { cpu: { shares: 262144n, idle: 0 } }, ["cpu:cpu.idle=0", "cpu:cpu.weight=10000"]],
  ["pids", { pids: { limit: -1n } }, ["pids:pids.max=max"]],
  [
    "io",
    {
      blockIO: {
        weight: 1000,
        weightDevice: [{ major: 8, minor: 0, weight: 10, leafWeight: undefined }],
        throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1n }],
        throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: 2n }],
        throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 0n }],
        throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 4n }],
      },
    },
    [
      "io:io.bfq.weight=1000 or io.weight=10000",
      "io:io.bfq.weight=8:0 10 or io.weight=8:0 1",
      "io:io.max=8:0 rbps=1",
      "io:io.max=8:0 wbps=2",
      "io:io.max=8:0 riops=max",
      "io:io.max=8:0 wiops=4",
    ],
  ],
  [
    "huge pages",
    { hugepageLimits: [{ pageSize: "1GB", limit: 5n }] },
    ["hugetlb:hugetlb.1GB.rsvd.max=5 if there", "hugetlb:hugetlb.1GB.max=5"],
  ],
  [
    "rdma",
    { rdma: new Map([["m", { hcaHandles: 1, hcaObjects: undefined }]]) },
    ["rdma:rdma.max=m hca_handle=1"],
  ],
  [
    "unified last, line by line",
    {
      unified: new Map([
        ["io.max", "8:0 rbps=1\n8:16 rbps=2\n"],
        ["cgroup.max.depth", "3"],
      ]),
      pids: { limit: 1n },
    },
    ["pids:pids.max=1", "io:io.max=8:0 rbps=1", "io:io.max=8:16 rbps=2", "cgroup:cgroup.max.depth=3"],
  ],
  [
    "device rules, which are no writes",
    { devices: [{ allow: false, type: "a", major: undefined, minor: undefined, access: "rwm" }] },
    [],
  ],
];

for (const [name, change, expected] of TABLE) {
  t.test(`compileV2: ${name}`, async (t) => t.same(lines(change), expected));
}

const REFUSED: readonly [string, Change, { code: string; pointer: string }][] = [
  [
    "swappiness",
    { memory: { swappiness: 10n } },
    { code: "unsupported", pointer: "/linux/resources/memory/swappiness" },
  ],
  [
    "disableOOMKiller",
    { memory: { disableOOMKiller: true } },
    { code: "unsupported", pointer: "/linux/resources/memory/disableOOMKiller" },
  ],
  [
    "useHierarchy false",
    { memory: { useHierarchy: false } },
    { code: "unsupported", pointer: "/linux/resources/memory/useHierarchy" },
  ],
  [
    "kernelTCP",
    { memory: { kernelTCP: 1n } },
    { code: "unsupported", pointer: "/linux/resources/memory/kernelTCP" },
  ],
  [
    "swap without memory",
    { memory: { swap: 5n } },
    { code: "missing", pointer: "/linux/resources/memory/swap" },
  ],
  [
    "limited swap with unlimited memory",
    { memory: { limit: -1n, swap: 9n } },
    { code: "missing", pointer: "/linux/resources/memory/swap" },
  ],
  [
    "swap below memory",
    { memory: { limit: 6n, swap: 5n } },
    { code: "conflict", pointer: "/linux/resources/memory/swap" },
  ],
  [
    "realtime",
    { cpu: { realtimePeriod: 5n } },
    { code: "unsupported", pointer: "/linux/resources/cpu/realtimePeriod" },
  ],
  [
    "leafWeight",
    { blockIO: { leafWeight: 5 } },
    { code: "unsupported", pointer: "/linux/resources/blockIO/leafWeight" },
  ],
  [
    "classID",
    { network: { classID: 5 } },
    { code: "unsupported", pointer: "/linux/resources/network/classID" },
  ],
  [
    "priorities",
    { network: { priorities: [{ name: "lo", priority: 1 }] } },
    { code: "unsupported", pointer: "/linux/resources/network/priorities" },
  ],
  [
    "a unified path",
    { unified: new Map([["../memory.max", "1"]]) },
    { code: "format", pointer: "/linux/resources/unified/..~1memory.max" },
  ],
  [
    "a unified word",
    { unified: new Map([["memory", "1"]]) },
    { code: "format", pointer: "/linux/resources/unified/memory" },
  ],
  [
    "cgroup.procs",
    { unified: new Map([["cgroup.procs", "1"]]) },
    { code: "unsupported", pointer: "/linux/resources/unified/cgroup.procs" },
  ],
  [
    "an absent controller",
    { unified: new Map([["absent.max", "1"]]) },
    { code: "unsupported", pointer: "/linux/resources/unified/absent.max" },
  ],
];

for (const [name, change, expected] of REFUSED) {
  t.test(`compileV2 refuses ${name}`, async (t) => {
    t.throws(() => lines(change), expected);
  });
}

t.test("the ends of the conversions", async (t) => {
  t.same([2n, 3n, 100n, 262144n].map(cpuWeight), [1n, 1n, 4n, 10000n]);
  t.same([10, 11, 500, 1000].map(ioWeight), [1, 11, 4950, 10000]);
});
