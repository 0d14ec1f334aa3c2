import t from "tap";
import type { CgroupStats } from "../../../src/cgroup/stats.ts";
import { statsV1 } from "../../../src/cgroup/stats-v1.ts";
import { statsV2 } from "../../../src/cgroup/stats-v2.ts";
import { jsonText, runcStats } from "../../../src/observe/runc-stats.ts";
import { summary } from "../../../src/observe/stats.ts";

const none = { text: () => undefined, names: () => [] };
const empty = (version: 1 | 2): CgroupStats => ({
  ...(version === 1 ? statsV1(none) : statsV2(none)),
  pressure: new Map(),
  version,
});
const line = { avg10: 1.5, avg60: 0, avg300: 0.25, total: 12345678901234567890n };

t.test("JSON keeps 64 bits and leaves out what is not there", async (t) => {
  t.equal(
    jsonText({ a: 18446744073709551615n, b: undefined, c: null, d: [1, "x\n", true], e: {}, f: 1.5 }),
    '{"a":18446744073709551615,"c":null,"d":[1,"x\\n",true],"e":{},"f":1.5}',
  );
});

// What runc 1.1.5 prints for a container on v1 whose numbers are all zero, by its types' omissions.
t.test("the shape of runc's statistics", async (t) => {
  const zero =
    '{"cpu":{"usage":{"kernel":0,"user":0},"throttling":{}},"cpuset":{"cpu_exclusive":0,"mem_hardwall":0,"mem_exclusive":0,' +
    '"memory_migrate":0,"memory_spread_page":0,"memory_spread_slab":0,"memory_pressure":0,"sched_load_balance":0,' +
    '"sched_relax_domain_level":0},"memory":{"usage":{"limit":0,"failcnt":0},"swap":{"limit":0,"failcnt":0},' +
    '"kernel":{"limit":0,"failcnt":0},"kernelTCP":{"limit":0,"failcnt":0}},"pids":{},"blkio":{},"hugetlb":{},' +
    '"intel_rdt":{},"network_interfaces":null}';
  t.equal(jsonText(runcStats(empty(1))), zero);
  t.equal(jsonText(runcStats(empty(2))), zero);
});

t.test("what is there is printed under runc's names, maps sorted", async (t) => {
  const base = empty(1);
  const stats: CgroupStats = {
    ...base,
    cpu: { ...base.cpu, total: 5n, percpu: [1n, 4n], periods: 1n, throttledPeriods: 2n, throttledTime: 3n },
    cpuset: { cpus: [0, 1], mems: [0], flags: new Map([["sched_relax_domain_level", -1n]]) },
    memory: {
      ...base.memory,
      cache: 7n,
      raw: new Map([
        ["b", 1n],
        ["a", 0n],
      ]),
    },
    pids: { current: 3n, limit: 20n },
    blkio: new Map([["ioServicedRecursive", [{ major: 0n, minor: 8n, op: "Read", value: 0n }]]]),
    hugetlb: new Map([["2MB", { usage: 0n, max: 1n, failcnt: 0n }]]),
  };
  const shown = JSON.parse(jsonText(runcStats(stats))) as Record<string, unknown>;
  t.match(shown, {
    cpu: {
      usage: { total: 5, percpu: [1, 4], kernel: 0, user: 0 },
      throttling: { periods: 1, throttledPeriods: 2, throttledTime: 3 },
    },
    cpuset: { cpus: [0, 1], mems: [0], sched_relax_domain_level: -1 },
    memory: { cache: 7 },
    pids: { current: 3, limit: 20 },
  });
  t.match(jsonText(runcStats(stats)), '"raw":{"a":0,"b":1}');
  t.same(shown["blkio"], { ioServicedRecursive: [{ minor: 8, op: "Read" }] });
  t.same(shown["hugetlb"], { "2MB": { max: 1, failcnt: 0 } });
});

t.test("pressure is printed on v2 only", async (t) => {
  const pressure: CgroupStats["pressure"] = new Map([["memory", { some: line, full: line }]]);
  const psi = '"psi":{"some":{"avg10":1.5,"avg60":0,"avg300":0.25,"total":12345678901234567890},"full":';
  t.match(jsonText(runcStats({ ...empty(2), pressure })), psi);
  t.notMatch(jsonText(runcStats({ ...empty(1), pressure })), "psi");
});

t.test("the summary", async (t) => {
  const base = empty(2);
  const stats: CgroupStats = {
    ...base,
    cpu: { ...base.cpu, total: 5_000_999n, user: 3_000n, kernel: 2_000n, throttledTime: 9_000n, quota: 0.5 },
    memory: {
      ...base.memory,
      usage: { ...base.memory.usage, usage: 1000n },
      raw: new Map([
        ["inactive_file", 300n],
        ["total_inactive_file", 900n],
      ]),
    },
    pids: { current: 3n, limit: 0n },
    blkio: new Map([
      [
        "ioServiceBytesRecursive",
        [
          { major: 8n, minor: 0n, op: "Read", value: 10n },
          { major: 9n, minor: 0n, op: "Read", value: 5n },
          { major: 8n, minor: 0n, op: "Write", value: 1n },
          { major: 8n, minor: 0n, op: "Total", value: 16n },
        ],
      ],
    ]),
    pressure: new Map([["memory", { some: line, full: line }]]),
  };
  t.same(summary("c", stats, { memory: 4096n, oomKills: 2 }), {
    id: "c",
    cpu: { usage: 5000, user: 3, system: 2, throttled: 9, quota: 0.5 },
    memory: { used: 700, total: 1000, inactiveFile: 300, limit: 4096, oomKills: 2 },
    pids: { current: 3 },
    io: { read: 15, written: 1 },
    pressure: { cpu: 0, memory: 1.5, io: 0 },
  });
  const v1 = summary("c", { ...stats, version: 1, pressure: new Map() }, { memory: undefined, oomKills: 0 });
  t.same(
    v1.memory,
    { used: 100, total: 1000, inactiveFile: 900, oomKills: 0 },
    "v1 counts cgroups below in total_",
  );
  t.notOk("pressure" in v1);
});
