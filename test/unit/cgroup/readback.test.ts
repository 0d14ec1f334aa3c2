import t from "tap";
import { agrees, heldValue, slotOf } from "../../../src/cgroup/readback.ts";

const IO_MAX = "8:0 rbps=1048576 wbps=max riops=max wiops=100\n8:16 rbps=5 wbps=max riops=max wiops=max\n";

t.test("heldValue: what a write would have to say to put the file back", async (t) => {
  const cases: readonly (readonly [file: string, value: string, text: string, held: string])[] = [
    ["memory.limit_in_bytes", "1", "9223372036854771712\n", "9223372036854771712"],
    ["memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "0"],
    ["cpu.max", "20000", "max 100000\n", "max 100000"],
    ["cpuset.cpus", "0", "\n", "\n"],
    ["blkio.throttle.read_bps_device", "8:0 5", "8:16 7\n8:0 1048576\n", "8:0 1048576"],
    ["blkio.throttle.read_bps_device", "8:0 5", "8:01 7\n", "8:0 0"],
    ["blkio.bfq.weight_device", "8:0 500", "", "8:0 default"],
    ["blkio.bfq.weight", "500", "100\n", "100"],
    ["io.bfq.weight", "500", "default 100\n8:0 300\n", "100"],
    ["io.bfq.weight", "8:0 500", "default 100\n8:0 300\n", "8:0 300"],
    ["io.weight", "8:0 500", "default 100\n", "8:0 default"],
    ["io.max", "8:0 rbps=7", IO_MAX, "8:0 rbps=1048576"],
    ["io.max", "8:0 wiops=7 riops=8", IO_MAX, "8:0 wiops=100 riops=max"],
    ["io.max", "9:0 rbps=7", IO_MAX, "9:0 rbps=max"],
    ["rdma.max", "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=max hca_object=2000\n", "mlx5_0 hca_handle=max"],
    ["net_prio.ifpriomap", "eth0 5", "lo 0\neth0 3\n", "eth0 3"],
  ];
  for (const [file, value, text, held] of cases) {
    t.equal(heldValue(file, value, text), held, `${file} ${value}`);
  }
});

t.test("agrees: the kernel's notation of the same value, and of no other", async (t) => {
  const cases: readonly (readonly [file: string, value: string, held: string, same: boolean])[] = [
    ["memory.limit_in_bytes", "33554433", "33554432", true],
    ["memory.limit_in_bytes", "33554432", "33550336", false],
    ["memory.limit_in_bytes", "33554432", "33558528", false],
    ["memory.limit_in_bytes", "-1", "9223372036854771712", true],
    ["memory.limit_in_bytes", "-1", "33554432", false],
    ["memory.limit_in_bytes", "33554432", "9223372036854771712", false],
    ["memory.max", "max", "max", true],
    ["memory.max", "9223372036854775807", "max", true],
    ["memory.high", "1G", "1073741824", true],
    ["memory.high", "1G", "1073741823", false],
    ["memory.swappiness", "7", "8", false],
    ["hugetlb.2MB.max", "3000000", "2097152", true],
    ["hugetlb.2MB.max", "4194304", "2097152", false],
    ["cpu.max", "20000", "20000 50000", true],
    ["cpu.max", "20000 100000", "20000 50000", false],
    ["cpu.max", "max", "20000 50000", false],
    ["cpuset.cpus", "0,1,2", "0-2", true],
    ["cpuset.cpus", "2,0-1", "0-2", true],
    ["cpuset.cpus", "0-1", "0-2", false],
    ["cpu.cfs_quota_us", "20000", "20001", false],
    ["pids.max", "max", "max", true],
    ["pids.max", "20", "max", false],
    ["io.max", "8:0 rbps=7", "8:0 rbps=7", true],
    ["io.max", "8:0 rbps=7", "8:0 rbps=max", false],
    ["io.max", "8:0 riops=4294967296", "8:0 riops=max", true],
    ["blkio.throttle.read_bps_device", "8:0 0", "8:0 0", true],
    ["blkio.throttle.read_iops_device", "8:0 7", "8:0 0", false],
    ["cpu.weight.nice", "5", "4", true],
    ["io.latency", "target=5", "anything", true],
  ];
  for (const [file, value, held, same] of cases) {
    t.equal(agrees(file, value, held), same, `${file}: ${value} and ${held}`);
  }
});

t.test("slotOf: of two writes to one slot the later one counts", async (t) => {
  t.equal(slotOf("cpu.max", "1 2"), slotOf("cpu.max", "max"));
  t.equal(slotOf("io.max", "8:0 rbps=1"), slotOf("io.max", "8:0 rbps=2"));
  t.not(slotOf("io.max", "8:0 rbps=1"), slotOf("io.max", "8:0 wbps=1"));
  t.not(slotOf("io.max", "8:0 rbps=1"), slotOf("io.max", "8:1 rbps=1"));
  t.not(slotOf("io.bfq.weight", "100"), slotOf("io.bfq.weight", "8:0 100"));
});
