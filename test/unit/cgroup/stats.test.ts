import t from "tap";
import type { CgroupFiles } from "../../../src/cgroup/stats.ts";
import { int, keyed, members, numbers, parsePressure, uint } from "../../../src/cgroup/stats-lines.ts";
import { statsV1 } from "../../../src/cgroup/stats-v1.ts";
import { statsV2 } from "../../../src/cgroup/stats-v2.ts";

/** Files as an object: `controller/file` for v1, the bare name for v2. */
function files(texts: Readonly<Record<string, string>>): CgroupFiles {
  const key = (controller: string, file: string): string =>
    controller === "" ? file : `${controller}/${file}`;
  return {
    text: (controller, file) => texts[key(controller, file)],
    names: (controller) =>
      Object.keys(texts)
        .filter((name) => name.startsWith(key(controller, "")))
        .map((name) => name.slice(key(controller, "").length)),
  };
}

t.test("one number", async (t) => {
  for (const [text, unsigned, signed] of [
    ["0\n", 0n, 0n],
    ["18446744073709551615\n", 18446744073709551615n, 18446744073709551615n],
    ["max\n", 18446744073709551615n, 0n],
    ["-1\n", 0n, -1n],
    ["", 0n, 0n],
    ["12 34", 0n, 0n],
    [undefined, 0n, 0n],
  ] as const) {
    t.equal(uint(text), unsigned, `${text} unsigned`);
    t.equal(int(text), signed, `${text} signed`);
  }
});

t.test("lines, lists and numbers", async (t) => {
  t.same(
    [...keyed("a 1\nb 18446744073709551615\nnonsense\nc 3 4\n")],
    [
      ["a", 1n],
      ["b", 18446744073709551615n],
    ],
  );
  t.same(numbers("1 22\t333 \n"), [1n, 22n, 333n]);
  t.same(numbers(undefined), []);
  t.same(members("0-2,7\n"), [0, 1, 2, 7]);
  t.same(members("\n"), []);
  t.equal(members("0-4000000000").length, 65536, "however large a list claims to be");
});

t.test("pressure", async (t) => {
  t.same(
    parsePressure(
      "some avg10=1.50 avg60=0.25 avg300=0.00 total=1063097900\nfull avg10=0.00 avg60=0.10 avg300=0.01 total=7\n",
    ),
    {
      some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 1063097900n },
      full: { avg10: 0, avg60: 0.1, avg300: 0.01, total: 7n },
    },
  );
  t.same(
    parsePressure("some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n").full.total,
    0n,
    "cpu had no full before 5.13",
  );
});

t.test("v1: every controller", async (t) => {
  const stats = statsV1(
    files({
      "cpuacct/cpuacct.usage": "46253035\n",
      "cpuacct/cpuacct.stat": "user 2\nsystem 3\n",
      "cpuacct/cpuacct.usage_percpu": "23914798 22338237 \n",
      "cpuacct/cpuacct.usage_all": "cpu user system\n0 0 16000000\n1 4000000 5000000\n",
      "cpu/cpu.stat": "nr_periods 11\nnr_throttled 7\nthrottled_time 123456789\n",
      "cpu/cpu.cfs_quota_us": "20000\n",
      "cpu/cpu.cfs_period_us": "100000\n",
      "cpuset/cpuset.cpus": "0-1\n",
      "cpuset/cpuset.mems": "0\n",
      "cpuset/cpuset.sched_load_balance": "1\n",
      "cpuset/cpuset.sched_relax_domain_level": "-1\n",
      "memory/memory.stat": "cache 4096\nrss 8192\ntotal_inactive_file 1024\n",
      "memory/memory.usage_in_bytes": "442368\n",
      "memory/memory.max_usage_in_bytes": "4083712\n",
      "memory/memory.limit_in_bytes": "9223372036854771712\n",
      "memory/memory.failcnt": "3\n",
      "memory/memory.kmem.usage_in_bytes": "100\n",
      "pids/pids.current": "5\n",
      "pids/pids.max": "20\n",
      "hugetlb/hugetlb.2MB.usage_in_bytes": "1\n",
      "hugetlb/hugetlb.2MB.max_usage_in_bytes": "2\n",
      "hugetlb/hugetlb.2MB.failcnt": "4\n",
      "hugetlb/hugetlb.2MB.rsvd.usage_in_bytes": "8\n",
    }),
  );
  t.same(stats.cpu, {
    total: 46253035n,
    user: 20_000_000n,
    kernel: 30_000_000n,
    percpu: [23914798n, 22338237n],
    percpuKernel: [16000000n, 5000000n],
    percpuUser: [0n, 4000000n],
    periods: 11n,
    throttledPeriods: 7n,
    throttledTime: 123456789n,
    quota: 0.2,
  });
  t.same(stats.cpuset.cpus, [0, 1]);
  t.equal(stats.cpuset.flags.get("sched_relax_domain_level"), -1n);
  t.equal(stats.cpuset.flags.get("cpu_exclusive"), 0n);
  t.same(stats.memory.usage, { usage: 442368n, max: 4083712n, limit: 9223372036854771712n, failcnt: 3n });
  t.same(stats.memory.swap, { usage: 0n, max: 0n, limit: 0n, failcnt: 0n }, "without swap accounting");
  t.equal(stats.memory.cache, 4096n);
  t.equal(stats.memory.kernel.usage, 100n);
  t.same(stats.pids, { current: 5n, limit: 20n });
  t.same(
    [...stats.hugetlb],
    [["2MB", { usage: 8n, max: 2n, failcnt: 4n }]],
    "reserved pages where they are known",
  );
});

t.test("v1: no quota, no pids limit, nothing at all", async (t) => {
  const free = statsV1(
    files({ "cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n", "pids/pids.max": "max\n" }),
  );
  t.equal(free.cpu.quota, undefined);
  t.equal(free.pids.limit, 0n);
  const gone = statsV1(files({}));
  t.equal(gone.cpu.total, 0n);
  t.same([gone.memory.raw.size, gone.blkio.size, gone.hugetlb.size], [0, 0, 0]);
});

t.test("v1: block I/O is read from the first group of files that says something", async (t) => {
  const line = "8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n";
  const entry = (op: string, value: bigint) => ({ major: 8n, minor: 0n, op, value });
  const expected = [entry("Read", 10n), entry("Write", 20n), entry("Total", 30n)];
  const throttle = statsV1(
    files({
      "blkio/blkio.bfq.io_serviced_recursive": "Total 0\n",
      "blkio/blkio.throttle.io_serviced_recursive": line,
      "blkio/blkio.throttle.io_service_bytes_recursive": line,
      "blkio/blkio.throttle.io_serviced": "8:0 Read 1\n",
    }),
  ).blkio;
  t.same(
    [...throttle],
    [
      ["ioServicedRecursive", expected],
      ["ioServiceBytesRecursive", expected],
    ],
  );
  const bfq = statsV1(
    files({
      "blkio/blkio.bfq.io_serviced_recursive": line,
      "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 1\n",
    }),
  ).blkio;
  t.same([...bfq.keys()], ["ioServicedRecursive"]);
  t.same(bfq.get("ioServicedRecursive"), expected);
  const debug = statsV1(
    files({ "blkio/blkio.sectors_recursive": "8:16 6792\n", "blkio/blkio.io_service_time_recursive": line }),
  ).blkio;
  t.same(debug.get("sectorsRecursive"), [{ major: 8n, minor: 16n, op: "", value: 6792n }]);
  t.same(debug.get("ioServiceTimeRecursive"), expected);
});

t.test("v2: every controller", async (t) => {
  const stats = statsV2(
    files({
      "cpu.stat":
        "usage_usec 46253\nuser_usec 40000\nsystem_usec 6253\nnr_periods 3\nnr_throttled 2\nthrottled_usec 9\n",
      "cpu.max": "50000 100000\n",
      "memory.stat": "anon 1\nfile 4096\ninactive_file 1024\n",
      "memory.current": "1000\n",
      "memory.peak": "2000\n",
      "memory.max": "1048576\n",
      "memory.swap.current": "50\n",
      "memory.swap.max": "100\n",
      "pids.current": "4\n",
      "pids.max": "max\n",
      "io.stat":
        "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n259:1 rbytes=7 wbytes=0 rios=1 wios=0\n(unknown)\n",
      "hugetlb.2MB.current": "2097152\n",
      "hugetlb.2MB.events": "max 9\n",
    }),
  );
  t.same(stats.cpu, {
    total: 46253000n,
    user: 40000000n,
    kernel: 6253000n,
    percpu: [],
    percpuKernel: [],
    percpuUser: [],
    periods: 3n,
    throttledPeriods: 2n,
    throttledTime: 9000n,
    quota: 0.5,
  });
  t.same(stats.memory.usage, { limit: 1048576n, usage: 1000n, max: 2000n, failcnt: 0n });
  t.same(stats.memory.swap, { limit: 1048676n, usage: 1050n, max: 0n, failcnt: 0n }, "with memory, as on v1");
  t.equal(stats.memory.cache, 4096n);
  t.same(stats.pids, { current: 4n, limit: 0n });
  t.same(stats.blkio.get("ioServicedRecursive"), [
    { major: 8n, minor: 0n, op: "Read", value: 3n },
    { major: 8n, minor: 0n, op: "Write", value: 4n },
    { major: 259n, minor: 1n, op: "Read", value: 1n },
    { major: 259n, minor: 1n, op: "Write", value: 0n },
  ]);
  t.same([...stats.hugetlb], [["2MB", { usage: 2097152n, max: 0n, failcnt: 9n }]]);
});

t.test("v2: no limits, and controllers that are not enabled", async (t) => {
  const free = statsV2(
    files({ "memory.max": "max\n", "memory.swap.max": "max\n", "cpu.max": "max 100000\n" }),
  );
  t.equal(free.memory.usage.limit, 18446744073709551615n);
  t.equal(free.memory.swap.limit, 18446744073709551615n);
  t.equal(free.cpu.quota, undefined);
  t.same(statsV2(files({ "cgroup.procs": "1\n2\n3\n" })).pids, { current: 3n, limit: 0n });
});
