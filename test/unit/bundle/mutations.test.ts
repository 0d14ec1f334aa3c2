/** Every part of a configuration replaced by every wrong thing: an answer or a BundleError that points there, no crash. */
import t from "tap";
import { BundleError, errorLine } from "../../../src/error.ts";
import { type Json, parse, runcSpec, withValue } from "./configs.ts";

const NASTY: readonly Json[] = [
  null,
  true,
  -1,
  0.5,
  1e300,
  4294967296,
  "",
  "x",
  "../../../etc",
  "18446744073709551616",
  [],
  [[]],
  [null],
  [{}],
  {},
  { "": {} },
  { constructor: [], toString: 1, "a/b~c": null },
  "a\nb",
];

/** A configuration that uses as many fields as can stand together. */
function full(): Json {
  const map: Json = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const device: Json = { major: 8, minor: 0 };
  const parts: readonly (readonly [string, Json])[] = [
    ["/domainname", "lan"],
    ["/annotations", { a: "b" }],
    ["/hooks", { poststop: [{ path: "/x", args: ["x"], env: ["A=b"], timeout: 1 }] }],
    ["/process/consoleSize", { height: 1, width: 1 }],
    ["/process/scheduler", { policy: "SCHED_FIFO", priority: 1, flags: ["SCHED_FLAG_RESET_ON_FORK"] }],
    ["/process/ioPriority", { class: "IOPRIO_CLASS_BE", priority: 1 }],
    ["/process/execCPUAffinity", { initial: "0", final: "0-1" }],
    ["/process/user", { uid: 1, gid: 1, umask: 18, additionalGids: [5] }],
    ["/linux/namespaces/-", { type: "user" }],
    ["/linux/namespaces/-", { type: "time" }],
    ["/linux/timeOffsets", { monotonic: { secs: 1, nanosecs: 1 } }],
    ["/linux/uidMappings", map],
    ["/linux/gidMappings", map],
    ["/linux/sysctl", { "net.ipv4.ip_forward": "1" }],
    ["/linux/devices", [{ ...Object(device), type: "b", path: "/dev/x", fileMode: 384, uid: 0, gid: 0 }]],
    ["/linux/cgroupsPath", "/a"],
    ["/linux/rootfsPropagation", "rslave"],
    ["/linux/personality", { domain: "LINUX" }],
    ["/linux/memoryPolicy", { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] }],
    ["/linux/resources/memory", { limit: 8192, swap: 8192, swappiness: 1, checkBeforeUpdate: true }],
    [
      "/linux/resources/cpu",
      { shares: 2, quota: 2000, period: 2000, burst: 1, cpus: "0", mems: "0", idle: 0 },
    ],
    ["/linux/resources/pids", { limit: 1 }],
    ["/linux/resources/blockIO", { weight: 10, throttleReadBpsDevice: [{ ...Object(device), rate: 1 }] }],
    ["/linux/resources/hugepageLimits", [{ pageSize: "2MB", limit: 1 }]],
    ["/linux/resources/network", { classID: 1, priorities: [{ name: "eth0", priority: 1 }] }],
    ["/linux/resources/rdma", { mlx: { hcaHandles: 1 } }],
    ["/linux/resources/unified", { "memory.high": "1" }],
  ];
  return parts.reduce((config, [pointer, value]) => withValue(config, pointer, value), runcSpec());
}

function* pointers(value: Json, at = ""): Generator<string> {
  if (at !== "") yield at;
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield* pointers(member, `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  }
}

t.test("the full configuration is right, so that the mutations mean something", (t) => {
  t.same(parse(full()).warnings, []);
  t.end();
});

t.test("each mutation", (t) => {
  const config = full();
  const top = new Set(["", ...Object.keys(Object(config))]);
  let refused = 0;
  let faults = 0;
  for (const pointer of pointers(config)) {
    for (const value of NASTY) {
      try {
        parse(withValue(config, pointer, value));
      } catch (error) {
        const known = error instanceof BundleError && top.has(error.pointer?.split("/")[1] ?? "");
        if (known && !errorLine(error).includes("\n")) refused++;
        else {
          faults++;
          t.fail(`${pointer} = ${JSON.stringify(value)}: ${String(error)}`);
        }
      }
    }
  }
  t.equal(faults, 0);
  t.ok(refused > 1000, `${refused} mutations were refused`);
  t.end();
});
