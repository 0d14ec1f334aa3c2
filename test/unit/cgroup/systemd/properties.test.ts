import t from "tap";
import { bits, limitProperties, versionNumber } from "../../../../src/cgroup/systemd/properties.ts";
import type { Value } from "../../../../src/sys/dbus-wire.ts";

const UNLIMITED = 2n ** 64n - 1n;

/** Writes, by file and value, and the properties that they are. */
const TABLE: readonly (readonly [
  writes: { readonly [file: string]: string },
  properties: { readonly [name: string]: Value },
  version?: number,
])[] = [
  [{ "memory.max": "67108864" }, { MemoryMax: 67108864n }],
  [{ "memory.max": "max" }, { MemoryMax: UNLIMITED }],
  [{ "memory.max": "0" }, {}],
  [{ "memory.max": "60M" }, {}],
  [
    { "memory.low": "1", "memory.high": "2", "memory.min": "3" },
    { MemoryLow: 1n, MemoryHigh: 2n, MemoryMin: 3n },
  ],
  [{ "memory.swap.max": "0" }, { MemorySwapMax: 0n }],
  [{ "memory.oom.group": "1", "hugetlb.2MB.max": "0", "rdma.max": "mlx hca_handle=2" }, {}],
  [{ "pids.max": "77" }, { TasksMax: 77n }],
  [{ "pids.max": "max" }, { TasksMax: UNLIMITED }],
  [{ "cpu.weight": "20" }, { CPUWeight: 20n }],
  [{ "cpu.weight": "0" }, {}],
  [{ "cpu.idle": "1" }, { CPUWeight: 0n }],
  [{ "cpu.idle": "1" }, {}, 251],
  [{ "cpu.max": "50000 100000" }, { CPUQuotaPeriodUSec: 100000n, CPUQuotaPerSecUSec: 500000n }],
  [{ "cpu.max": "12345 100000" }, { CPUQuotaPeriodUSec: 100000n, CPUQuotaPerSecUSec: 130000n }],
  [{ "cpu.max": "50000" }, { CPUQuotaPerSecUSec: 500000n }],
  [{ "cpu.max": "max 200000" }, { CPUQuotaPeriodUSec: 200000n, CPUQuotaPerSecUSec: UNLIMITED }],
  [{ "cpu.max": "50000 200000" }, { CPUQuotaPerSecUSec: 250000n }, 241],
  [
    { "cpuset.cpus": "0-2,9", "cpuset.mems": "0" },
    { AllowedCPUs: [7, 2], AllowedMemoryNodes: [1] },
  ],
  [{ "cpuset.cpus": "0" }, {}, 243],
  [{ "cpuset.cpus": "0-99999999" }, {}],
  [{ "io.weight": "1920" }, { IOWeight: 1920n }],
  [
    { "memory.limit_in_bytes": "5", "cpu.shares": "512", "blkio.weight": "200" },
    { MemoryLimit: 5n, CPUShares: 512n, BlockIOWeight: 200n },
  ],
  [
    { "cpu.cfs_quota_us": "25000", "cpu.cfs_period_us": "50000" },
    { CPUQuotaPeriodUSec: 50000n, CPUQuotaPerSecUSec: 500000n },
  ],
  [{ "cpu.cfs_quota_us": "-1" }, { CPUQuotaPerSecUSec: UNLIMITED }],
  [{ "memory.memsw.limit_in_bytes": "9", "memory.swappiness": "1" }, {}],
];

t.test("writes to the cgroup's files as properties", (t) => {
  for (const [writes, expected, version = 252] of TABLE) {
    const list = Object.entries(writes).map(([file, value]) => ({
      controller: "",
      file,
      value,
      pointer: "",
    }));
    const found = [...limitProperties(list, version)].map(([name, { value }]) => [name, value]);
    t.same(Object.fromEntries(found), expected, JSON.stringify(writes));
  }
  t.end();
});

t.test("the later of two writes counts; io.bfq.weight is told in systemd's scale", (t) => {
  const write = (file: string, value: string) => ({ controller: "", file, value, pointer: "" });
  const found = limitProperties([write("memory.max", "5"), write("memory.max", "7")], 252);
  t.same([...found], [["MemoryMax", { type: "t", value: 7n }]]);
  const bfq = { ...write("io.bfq.weight", "200"), instead: { file: "io.weight", value: "1920" } };
  t.same([...limitProperties([bfq], 252)], [["IOWeight", { type: "t", value: 1920n }]]);
  t.end();
});

t.test("bits() and versionNumber()", (t) => {
  t.same(bits("8191")?.length, 1024);
  t.equal(bits("8192"), undefined);
  t.equal(bits(""), undefined);
  t.equal(bits("3-x"), undefined);
  const versions = { "252.39-1~deb12u2": 252, "v245.4-1.fc32": 245, "256": 256, "": 0, systemd: 0 };
  for (const [text, number] of Object.entries(versions)) t.equal(versionNumber(text), number, text);
  t.end();
});
