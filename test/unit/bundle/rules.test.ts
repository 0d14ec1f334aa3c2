/** Each rule once broken and once kept. */
import t from "tap";
import { sysctlOwner } from "../../../src/bundle/rules/sysctl.ts";
import { sysctlPath } from "../../../src/bundle/sysctl.ts";
import { type Json, parse, refuses, small, withValue } from "./configs.ts";

interface Row {
  readonly rule: string;
  /** Namespaces beside mount. */
  readonly ns?: readonly string[];
  readonly put: string;
  readonly bad: Json;
  readonly code?: string;
  readonly at?: string;
  readonly words: RegExp;
  /** A value, or other namespaces for the same value, that keeps the rule. */
  readonly good?: Json;
  readonly goodNs?: readonly string[];
}

const MAP: Json = [{ containerID: 0, hostID: 100000, size: 65536 }];
const tmpfs = (destination: string): Json => [{ destination, type: "tmpfs", source: "tmpfs" }];
const maps = (uid: Json, gid: Json = MAP): Json => ({
  namespaces: [{ type: "mount" }, { type: "user" }],
  uidMappings: uid,
  gidMappings: gid,
});
const map = (containerID: number, hostID: number, size: number): Json => ({ containerID, hostID, size });
const bind = (more: { [name: string]: Json }): Json => [
  { destination: "/x", source: "/y", options: ["bind"], ...more },
];
const sysctl = (name: string, value = "1"): Json => ({ [name]: value });
const NS = "/linux/namespaces";

const ROWS: readonly Row[] = [
  {
    rule: "duplicate namespaces",
    put: NS,
    bad: [{ type: "mount" }, { type: "pid" }, { type: "pid" }],
    at: `${NS}/2`,
    words: /pid namespace is listed twice/,
    good: [{ type: "mount" }, { type: "pid" }],
  },
  {
    rule: "no mount namespace",
    put: NS,
    bad: [{ type: "pid" }],
    words: /needs a mount namespace.*add \{"type": "mount"\}/,
    good: [{ type: "mount" }],
  },
  {
    rule: "uidMappings without a user namespace",
    put: "/linux/uidMappings",
    bad: MAP,
    words: /need a user namespace; add/,
    good: [],
  },
  {
    rule: "gidMappings without a user namespace",
    put: "/linux/gidMappings",
    bad: MAP,
    words: /need a user namespace; add/,
    good: null,
  },
  {
    rule: "a new user namespace without mappings",
    put: NS,
    bad: [{ type: "mount" }, { type: "user" }],
    at: `${NS}/1`,
    words: /needs id mappings; add/,
    good: [{ type: "mount" }, { type: "user", path: "/proc/1/ns/user" }],
  },
  {
    rule: "uidMappings alone",
    put: "/linux",
    bad: maps(MAP, []),
    at: "/linux/uidMappings",
    words: /without gidMappings/,
    good: maps(MAP),
  },
  {
    rule: "gidMappings alone",
    put: "/linux",
    bad: maps([], MAP),
    at: "/linux/gidMappings",
    words: /without uidMappings/,
    good: maps(MAP),
  },
  {
    rule: "mappings overlap inside",
    put: "/linux",
    bad: maps([map(0, 1000, 10), map(9, 5000, 10)]),
    at: "/linux/uidMappings/1",
    words: /overlaps mapping 0 in containerID/,
    good: maps([map(0, 1000, 10), map(10, 5000, 10)]),
  },
  {
    rule: "mappings overlap outside",
    put: "/linux",
    bad: maps(MAP, [map(0, 1000, 10), map(10, 1009, 1)]),
    at: "/linux/gidMappings/1",
    words: /overlaps mapping 0 in hostID/,
    good: maps([map(0, 1000, 10), map(10, 1010, 1)]),
  },
  {
    rule: "a mapping beyond 32 bits",
    put: "/linux",
    bad: maps([map(1, 0, 4294967295)]),
    code: "range",
    at: "/linux/uidMappings/0/size",
    words: /beyond the last id/,
    good: maps([map(0, 0, 4294967295)]),
  },
  {
    rule: "a mapping of nothing",
    put: "/linux",
    bad: maps([map(0, 0, 0)]),
    code: "range",
    at: "/linux/uidMappings/0/size",
    words: /size 0/,
    good: maps([map(0, 0, 1)]),
  },
  {
    rule: "too many mappings",
    put: "/linux",
    bad: maps(Array.from({ length: 341 }, (_, i) => map(i, i, 1))),
    code: "range",
    at: "/linux/uidMappings/340",
    words: /340 that the kernel takes/,
    good: maps(Array.from({ length: 340 }, (_, i) => map(i, i, 1))),
  },
  {
    rule: "mount uidMappings alone",
    put: "/mounts",
    bad: bind({ uidMappings: MAP }),
    at: "/mounts/0/uidMappings",
    words: /without gidMappings/,
    good: bind({ uidMappings: MAP, gidMappings: MAP }),
  },
  {
    rule: "idmap without mappings",
    put: "/mounts",
    bad: bind({ options: ["bind", "idmap"] }),
    at: "/mounts/0/options/1",
    words: /idmap needs mappings or a user namespace/,
    good: bind({ options: ["bind", "idmap"], uidMappings: MAP, gidMappings: MAP }),
  },
  {
    rule: "ridmap without mappings",
    put: "/mounts",
    bad: bind({ options: ["ridmap", "rbind"] }),
    at: "/mounts/0/options/0",
    words: /ridmap needs/,
    good: bind({}),
  },
  {
    rule: "hostname without uts",
    put: "/hostname",
    bad: "web",
    words: /without a private UTS namespace; add \{"type": "uts"\}/,
    goodNs: ["uts"],
  },
  {
    rule: "domainname without uts",
    put: "/domainname",
    bad: "lan",
    words: /unable to set domainname/,
    goodNs: ["uts"],
  },
  {
    rule: "a long hostname",
    ns: ["uts"],
    put: "/hostname",
    bad: "é".repeat(33),
    code: "range",
    words: /longer than 64 bytes/,
    good: "é".repeat(32),
  },
  {
    rule: "time offsets without a time namespace",
    put: "/linux/timeOffsets",
    bad: { boottime: { secs: 1 } },
    at: "/linux/timeOffsets/boottime",
    words: /need a time namespace/,
    goodNs: ["time"],
  },
  {
    rule: "time offsets for a joined namespace",
    put: "/linux",
    bad: {
      namespaces: [{ type: "mount" }, { type: "time", path: "/t" }],
      timeOffsets: { monotonic: { secs: 1 } },
    },
    at: "/linux/timeOffsets/monotonic",
    words: /that is joined/,
    good: { namespaces: [{ type: "mount" }, { type: "time", path: "/t" }] },
  },
  {
    rule: "propagation in a joined namespace",
    put: "/linux",
    bad: { namespaces: [{ type: "mount", path: "/m" }], rootfsPropagation: "slave" },
    at: "/linux/rootfsPropagation",
    words: /that is joined/,
    good: { namespaces: [{ type: "mount" }], rootfsPropagation: "slave" },
  },
  {
    rule: "net sysctl on the host's network",
    put: "/linux/sysctl",
    bad: sysctl("net.ipv4.ip_forward"),
    at: "/linux/sysctl/net.ipv4.ip_forward",
    words: /not allowed in host network namespace/,
    goodNs: ["network"],
  },
  {
    rule: "net sysctl with slashes",
    put: "/linux/sysctl",
    bad: sysctl("net/ipv4/ip_forward"),
    at: "/linux/sysctl/net~1ipv4~1ip_forward",
    words: /host network/,
    goodNs: ["network"],
  },
  {
    rule: "ipc sysctl on the host's ipc",
    put: "/linux/sysctl",
    bad: sysctl("kernel.shmmax"),
    at: "/linux/sysctl/kernel.shmmax",
    words: /hosts ipc namespace/,
    goodNs: ["ipc"],
  },
  {
    rule: "mqueue sysctl on the host's ipc",
    put: "/linux/sysctl",
    bad: sysctl("fs.mqueue.msg_max"),
    at: "/linux/sysctl/fs.mqueue.msg_max",
    words: /hosts ipc namespace/,
    goodNs: ["ipc"],
  },
  {
    rule: "user sysctl on the host's users",
    put: "/linux/sysctl",
    bad: sysctl("user.max_user_namespaces"),
    at: "/linux/sysctl/user.max_user_namespaces",
    words: /host user namespace/,
    good: {},
  },
  {
    rule: "hostname as sysctl",
    ns: ["uts"],
    put: "/linux/sysctl",
    bad: sysctl("kernel.hostname", "x"),
    at: "/linux/sysctl/kernel.hostname",
    words: /conflicts with the OCI "hostname" field/,
    good: sysctl("kernel.domainname", "x"),
  },
  {
    rule: "domainname as sysctl without uts",
    put: "/linux/sysctl",
    bad: sysctl("kernel.domainname", "x"),
    at: "/linux/sysctl/kernel.domainname",
    words: /not in a separate kernel namespace/,
    goodNs: ["uts"],
  },
  {
    rule: "the host's sysctl",
    ns: ["network", "ipc", "uts"],
    put: "/linux/sysctl",
    bad: sysctl("vm.swappiness"),
    at: "/linux/sysctl/vm.swappiness",
    words: /is not in a separate kernel namespace/,
    good: sysctl("kernel.sem"),
  },
  {
    rule: "sysctl that climbs",
    ns: ["network"],
    put: "/linux/sysctl",
    bad: sysctl("net/../kernel/panic"),
    code: "format",
    at: "/linux/sysctl/net~1..~1kernel~1panic",
    words: /no name of a kernel parameter/,
    good: sysctl("net.core.somaxconn"),
  },
  {
    rule: "sysctl value of two lines",
    ns: ["network"],
    put: "/linux/sysctl",
    bad: sysctl("net.x", "1\n2"),
    code: "format",
    at: "/linux/sysctl/net.x",
    words: /line break/,
    good: sysctl("net.x", "1 2"),
  },
  {
    rule: "a mount over the root",
    put: "/mounts",
    bad: tmpfs("/x/.."),
    at: "/mounts/0/destination",
    words: /hide the container's root/,
    good: tmpfs("/x"),
  },
  {
    rule: "a mount over /proc",
    put: "/mounts",
    bad: tmpfs("/proc/"),
    at: "/mounts/0/destination",
    words: /"\/proc" cannot be mounted because it is not of type proc but "tmpfs"/,
    good: [{ destination: "/proc", type: "proc", source: "proc" }],
  },
  {
    rule: "a bind over /proc",
    put: "/mounts",
    bad: tmpfs("//proc/self/.."),
    at: "/mounts/0/destination",
    words: /cannot be mounted/,
    good: bind({ destination: "/proc", source: "/proc" }),
  },
  {
    rule: "a mount inside /proc",
    put: "/mounts",
    bad: bind({ destination: "/proc/self/attr" }),
    at: "/mounts/0/destination",
    words: /"\/proc\/self\/attr" cannot be mounted because it is inside \/proc/,
    good: bind({ destination: "/proc/cpuinfo" }),
  },
  {
    rule: "two devices at one path",
    put: "/linux/devices",
    bad: [
      { type: "c", path: "/dev/x", major: 1, minor: 3 },
      { type: "c", path: "/dev//x", major: 1, minor: 5 },
    ],
    at: "/linux/devices/1/path",
    words: /two different devices/,
    good: [
      { type: "c", path: "/dev/x", major: 1, minor: 3 },
      { type: "u", path: "/dev/x", major: 1, minor: 3 },
    ],
  },
  {
    rule: "cgroupsPath that climbs",
    put: "/linux/cgroupsPath",
    bad: "/a/../../b",
    code: "format",
    words: /must not hold "\.\."/,
    good: "/a/b..c",
  },
  {
    rule: "memory policy nodes too many",
    put: "/linux/memoryPolicy",
    bad: { mode: "MPOL_LOCAL", nodes: "0" },
    at: "/linux/memoryPolicy/nodes",
    words: /takes no nodes/,
    good: { mode: "MPOL_LOCAL" },
  },
  {
    rule: "memory policy nodes missing",
    put: "/linux/memoryPolicy",
    bad: { mode: "MPOL_BIND" },
    at: "/linux/memoryPolicy/nodes",
    words: /needs nodes/,
    good: { mode: "MPOL_PREFERRED" },
  },
  {
    rule: "memory policy flags exclude",
    put: "/linux/memoryPolicy",
    bad: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] },
    at: "/linux/memoryPolicy/flags/1",
    words: /exclude each other/,
    good: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
  },
  {
    rule: "memory policy flag without nodes",
    put: "/linux/memoryPolicy",
    bad: { mode: "MPOL_PREFERRED", flags: ["MPOL_F_STATIC_NODES"] },
    at: "/linux/memoryPolicy/flags/0",
    words: /needs nodes/,
    good: { mode: "MPOL_PREFERRED", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] },
  },
  {
    rule: "memory policy balancing",
    put: "/linux/memoryPolicy",
    bad: { mode: "MPOL_INTERLEAVE", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"] },
    at: "/linux/memoryPolicy/flags/0",
    words: /goes with MPOL_BIND/,
    good: { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_NUMA_BALANCING"] },
  },
  {
    rule: "duplicate rlimits",
    put: "/process/rlimits",
    bad: [
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_CORE", soft: 0, hard: 1 },
    ],
    at: "/process/rlimits/1/type",
    words: /listed twice/,
    good: [{ type: "RLIMIT_CORE", soft: 0, hard: 0 }],
  },
  {
    rule: "soft above hard",
    put: "/process/rlimits",
    bad: [{ type: "RLIMIT_CORE", soft: 2, hard: 1 }],
    at: "/process/rlimits/0/soft",
    words: /soft limit 2 of RLIMIT_CORE is above its hard limit 1/,
    good: [{ type: "RLIMIT_CORE", soft: 1, hard: 1 }],
  },
  {
    rule: "priority of SCHED_FIFO",
    put: "/process/scheduler",
    bad: { policy: "SCHED_FIFO" },
    code: "range",
    at: "/process/scheduler/priority",
    words: /1 to 99/,
    good: { policy: "SCHED_FIFO", priority: 99 },
  },
  {
    rule: "priority of SCHED_OTHER",
    put: "/process/scheduler",
    bad: { policy: "SCHED_OTHER", priority: 1 },
    at: "/process/scheduler/priority",
    words: /only be specified for SCHED_FIFO/,
    good: { policy: "SCHED_OTHER", nice: -20 },
  },
  {
    rule: "deadline of SCHED_RR",
    put: "/process/scheduler",
    bad: { policy: "SCHED_RR", priority: 1, deadline: 5 },
    at: "/process/scheduler/deadline",
    words: /only be specified for SCHED_DEADLINE/,
    good: { policy: "SCHED_RR", priority: 1 },
  },
  {
    rule: "SCHED_DEADLINE",
    put: "/process/scheduler",
    bad: { policy: "SCHED_DEADLINE", runtime: 9000, deadline: 8000 },
    at: "/process/scheduler/runtime",
    words: /runtime <= deadline/,
    good: { policy: "SCHED_DEADLINE", runtime: 5000, deadline: 8000, period: 8000 },
  },
  {
    rule: "burst above quota",
    put: "/linux/resources/cpu",
    bad: { quota: 2000, burst: 2001 },
    at: "/linux/resources/cpu/burst",
    words: /above the quota/,
    good: { quota: 2000, burst: 2000 },
  },
  {
    rule: "realtime runtime above period",
    put: "/linux/resources/cpu",
    bad: { realtimeRuntime: 2, realtimePeriod: 1 },
    at: "/linux/resources/cpu/realtimeRuntime",
    words: /above its period/,
    good: { realtimeRuntime: -1, realtimePeriod: 1 },
  },
  {
    rule: "limit below a page",
    put: "/linux/resources/memory",
    bad: { limit: 4095 },
    code: "range",
    at: "/linux/resources/memory/limit",
    words: /less than one page/,
    good: { limit: 4096 },
  },
  {
    rule: "swap without limit",
    put: "/linux/resources/memory",
    bad: { swap: 8192 },
    at: "/linux/resources/memory/swap",
    words: /unable to set swap limit without memory limit/,
    good: { swap: -1 },
  },
  {
    rule: "swap below limit",
    put: "/linux/resources/memory",
    bad: { limit: 16384, swap: 8192 },
    at: "/linux/resources/memory/swap",
    words: /below memory.limit \(16384\)/,
    good: { limit: 16384, swap: 16384 },
  },
  {
    rule: "swap below an unlimited limit",
    put: "/linux/resources/memory",
    bad: { limit: -1, swap: 8192 },
    at: "/linux/resources/memory/swap",
    words: /\(unlimited\)/,
    good: { limit: -1, swap: -1 },
  },
  {
    rule: "huge page size",
    put: "/linux/resources/hugepageLimits",
    bad: [{ pageSize: "2mb", limit: 1 }],
    code: "format",
    at: "/linux/resources/hugepageLimits/0/pageSize",
    words: /no size of huge pages/,
    good: [{ pageSize: "2MB", limit: 0 }],
  },
  {
    rule: "unified file",
    put: "/linux/resources/unified",
    bad: { "..": "1" },
    code: "format",
    at: "/linux/resources/unified/..",
    words: /must be a file name/,
    good: { "memory.high": "max" },
  },
];

for (const { rule, ns = [], put, bad, code = "conflict", at = put, words, good, goodNs } of ROWS) {
  t.test(rule, (t) => {
    refuses([{ name: "broken", config: withValue(small(...ns), put, bad), code, pointer: at, words }]);
    const kept = withValue(small(...(goodNs ?? ns)), put, goodNs === undefined ? (good ?? null) : bad);
    t.doesNotThrow(() => parse(kept), "kept");
    t.end();
  });
}

t.test("idmap is fine with a user namespace, user sysctls too", (t) => {
  const config = withValue(small(), "/linux", maps(MAP));
  t.doesNotThrow(() => parse(withValue(config, "/mounts", bind({ options: ["bind", "idmap"] }))));
  t.doesNotThrow(() => parse(withValue(config, "/linux/sysctl", sysctl("user.max_user_namespaces"))));
  t.end();
});

t.test("domainname by field and by sysctl", (t) => {
  const config = withValue(small("uts"), "/domainname", "a");
  refuses([
    {
      name: "both",
      config: withValue(config, "/linux/sysctl", sysctl("kernel.domainname", "b")),
      code: "conflict",
      pointer: "/linux/sysctl/kernel.domainname",
      words: /conflicts with the OCI "domainname" field/,
    },
  ]);
  t.end();
});

t.test("sysctlOwner knows the namespace of each parameter that may be set", (t) => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["net/ipv4/ip_forward", "network"],
    ["kernel/shmmax", "ipc"],
    ["kernel/sem", "ipc"],
    ["fs/mqueue/msg_max", "ipc"],
    ["user/max_user_namespaces", "user"],
    ["kernel/domainname", "uts"],
    ["kernel/hostname", undefined],
    ["kernel/core_pattern", undefined],
    ["network/x", undefined],
    ["", undefined],
  ];
  for (const [path, type] of rows) t.equal(sysctlOwner(path)?.type, type, path);
  t.end();
});

t.test("sysctlPath follows sysctl(8)", (t) => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["net.ipv4.ip_forward", "net/ipv4/ip_forward"],
    ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
    ["net.ipv4.conf.eno2/100.rp_filter", "net/ipv4/conf/eno2.100/rp_filter"],
    ["net/ipv4/conf/eno2.100/rp_filter", "net/ipv4/conf/eno2.100/rp_filter"],
    ["net", "net"],
    ["", undefined],
    ["/net", undefined],
    [".net", undefined],
    ["net..x", undefined],
    ["net./.x", undefined],
    ["net.x.", undefined],
    ["net/../x", undefined],
    ["net.//.x", undefined],
    ["net. x", undefined],
    ["net.x\t", undefined],
  ];
  for (const [name, path] of rows) t.equal(sysctlPath(name), path, JSON.stringify(name));
  t.end();
});
