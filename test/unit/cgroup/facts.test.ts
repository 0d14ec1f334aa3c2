import t from "tap";
import { parseCgroupFacts } from "../../../src/cgroup/facts.ts";

const BASE =
  "22 27 0:21 / /proc rw,relatime - proc proc rw\n27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n";

const V1 = `${BASE}31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/systemd rw,nosuid shared:9 - cgroup cgroup rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/memory rw,nosuid shared:11 - cgroup cgroup rw,memory
`;
const V1_SELF = "11:memory:/user.slice\n4:cpu,cpuacct:/user.slice\n1:name=systemd:/user.slice/s.scope\n";

t.test("v1: co-mounted controllers, a named hierarchy, optional fields", async (t) => {
  t.same(parseCgroupFacts(V1, V1_SELF), {
    mode: "v1",
    hierarchies: [
      {
        version: 1,
        controllers: ["name=systemd"],
        mountpoint: "/sys/fs/cgroup/systemd",
        root: "/",
        own: "/user.slice/s.scope",
      },
      {
        version: 1,
        controllers: ["cpu", "cpuacct"],
        mountpoint: "/sys/fs/cgroup/cpu,cpuacct",
        root: "/",
        own: "/user.slice",
      },
      {
        version: 1,
        controllers: ["memory"],
        mountpoint: "/sys/fs/cgroup/memory",
        root: "/",
        own: "/user.slice",
      },
    ],
  });
});

t.test("hybrid: cgroup2 beside v1", async (t) => {
  const facts = parseCgroupFacts(
    `${V1}41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n`,
    `${V1_SELF}0::/user.slice/s.scope\n`,
  );
  t.equal(facts.mode, "hybrid");
  t.same(facts.hierarchies.at(-1), {
    version: 2,
    controllers: [],
    mountpoint: "/sys/fs/cgroup/unified",
    root: "/",
    own: "/user.slice/s.scope",
  });
});

t.test("v1: a cgroup2 mount outside /sys/fs/cgroup is somebody else's", async (t) => {
  const facts = parseCgroupFacts(
    `${V1}41 31 0:38 / /run/cilium/cgroupv2 rw - cgroup2 none rw\n`,
    `${V1_SELF}0::/\n`,
  );
  t.equal(facts.mode, "v1");
  t.equal(facts.hierarchies.length, 3);
});

t.test("v2: also with a private v1 hierarchy beside", async (t) => {
  const v2 = `${BASE}35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n`;
  const hierarchies = [
    { version: 2, controllers: [], mountpoint: "/sys/fs/cgroup", root: "/", own: "/system.slice/x.service" },
  ];
  t.same(parseCgroupFacts(v2, "0::/system.slice/x.service\n"), { mode: "v2", hierarchies });
  const net = "99 35 0:77 / /sys/fs/cgroup/net_cls rw - cgroup net_cls rw,net_cls\n";
  t.same(parseCgroupFacts(v2 + net, "1:net_cls:/\n0::/system.slice/x.service\n"), {
    mode: "v2",
    hierarchies,
  });
});

t.test("nested docker without a cgroup namespace: the mount shows a part", async (t) => {
  const facts = parseCgroupFacts(
    "900 880 0:34 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
    "5:memory:/docker/abc\n",
  );
  t.same(facts.hierarchies, [
    {
      version: 1,
      controllers: ["memory"],
      mountpoint: "/sys/fs/cgroup/memory",
      root: "/docker/abc",
      own: "/docker/abc",
    },
  ]);
});

t.test("several mounts of one hierarchy: below /sys/fs/cgroup wins, else the first", async (t) => {
  const line = (id: number, at: string): string => `${id} 1 0:34 / ${at} rw - cgroup cgroup rw,memory\n`;
  const where = (text: string): string | undefined =>
    parseCgroupFacts(text, "5:memory:/\n").hierarchies[0]?.mountpoint;
  t.equal(where(line(1, "/mnt/m") + line(2, "/sys/fs/cgroup/memory")), "/sys/fs/cgroup/memory");
  t.equal(where(line(1, "/sys/fs/cgroup/memory") + line(2, "/mnt/m")), "/sys/fs/cgroup/memory");
  t.equal(where(line(1, "/mnt/a") + line(2, "/mnt/b")), "/mnt/a");
});

t.test("a tmpfs mounted over /sys/fs/cgroup hides what was there", async (t) => {
  const facts = parseCgroupFacts(
    `35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n${V1}`,
    `${V1_SELF}0::/\n`,
  );
  t.equal(facts.mode, "v1");
});

t.test("octal escapes, and other lines that only look like cgroups", async (t) => {
  const text =
    "40 1 0:34 /a\\040b /mnt/my\\040cg\\134x rw - cgroup cgroup rw,memory\n" +
    "41 1 0:35 / /mnt/other rw - cgroupfs-like x rw,memory\n";
  t.same(parseCgroupFacts(text, "5:memory:/a b/c\n").hierarchies, [
    { version: 1, controllers: ["memory"], mountpoint: "/mnt/my cg\\x", root: "/a b", own: "/a b/c" },
  ]);
});

t.test("no cgroups at all", async (t) => {
  t.same(parseCgroupFacts(BASE, ""), { mode: "none", hierarchies: [] });
  t.same(parseCgroupFacts("", ""), { mode: "none", hierarchies: [] });
});

t.test("fifty thousand mounts are read in linear time", async (t) => {
  const many = "50 27 0:60 / /var/lib/x rw - overlay overlay rw,lowerdir=/a\n".repeat(50_000) + V1;
  const started = Date.now();
  t.equal(parseCgroupFacts(many, V1_SELF).mode, "v1");
  t.ok(Date.now() - started < 2000, "within two seconds");
});
