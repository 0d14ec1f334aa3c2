import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { describe } from "../../../src/plan/describe.ts";
import type { Hierarchy, HostFacts } from "../../../src/plan/facts.ts";
import type { Plan } from "../../../src/plan/ops.ts";
import { MOUNT_ATTR } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, mount, namespaces, only, options } from "./support.ts";

const at = (version: 1 | 2, mountpoint: string, ...controllers: string[]): Hierarchy => {
  return { version, controllers, mountpoint, root: "/", own: "/own" };
};
const V1: HostFacts = facts({
  cgroup: {
    mode: "hybrid",
    hierarchies: [
      at(1, "/sys/fs/cgroup/cpu,cpuacct", "cpu", "cpuacct"),
      at(1, "/sys/fs/cgroup/memory", "memory"),
      at(1, "/sys/fs/cgroup/systemd", "name=systemd"),
      at(2, "/sys/fs/cgroup/unified"),
    ],
  },
  cgroupDirs: new Map([
    ["/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/c1"],
    ["/sys/fs/cgroup/memory", "/sys/fs/cgroup/memory/a/c1"],
  ]),
});
const V2: HostFacts = facts({
  cgroup: { mode: "v2", hierarchies: [at(2, "/sys/fs/cgroup", "cpu", "memory")] },
  cgroupDirs: new Map([["/sys/fs/cgroup", "/sys/fs/cgroup/c1"]]),
});
const USUAL = BigInt(MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC);
const RDONLY = BigInt(MOUNT_ATTR.RDONLY);

function compiled(host: HostFacts, namespaced: boolean, ...words: string[]): Plan {
  const mounts = [mount("/sys/fs/cgroup", "cgroup", "cgroup", ...words)];
  const linux = { namespaces: namespaces(...(namespaced ? (["cgroup"] as const) : [])), devices: [] };
  return compile(bundle({ mounts, linux }), host, options());
}

function lines(plan: Plan): readonly string[] {
  return plan.steps.filter(({ pointer }) => pointer?.startsWith("/mounts/0")).map(({ op }) => describe(op));
}

t.test(
  "v1 without a cgroup namespace: a tmpfs, and the container's own cgroup of each hierarchy",
  async (t) => {
    const plan = compiled(V1, false, "ro", "relatime");
    t.strictSame(lines(plan), [
      "make the folder /sys/fs/cgroup",
      "mount tmpfs at /sys/fs/cgroup",
      "make the folder /sys/fs/cgroup/cpu,cpuacct",
      "bind /sys/fs/cgroup/cpu,cpuacct/c1 at /sys/fs/cgroup/cpu,cpuacct",
      "link /sys/fs/cgroup/cpu to cpu,cpuacct",
      "link /sys/fs/cgroup/cpuacct to cpu,cpuacct",
      "make the folder /sys/fs/cgroup/memory",
      "bind /sys/fs/cgroup/memory/a/c1 at /sys/fs/cgroup/memory",
      "make the folder /sys/fs/cgroup/systemd",
      "bind /sys/fs/cgroup/systemd/own at /sys/fs/cgroup/systemd",
      "remount /sys/fs/cgroup",
    ]);
    for (const bind of all(plan, "bind")) t.equal(bind.attrSet, RDONLY, bind.target);
    t.match(only(plan, "mount"), { options: ["mode=755"], attrSet: USUAL });
    t.equal(plan.steps.find(({ op }) => op.op === "remount")?.pointer, "/mounts/0/options/0");
  },
);

t.test(
  "v1 with a cgroup namespace: each hierarchy is mounted anew, which shows the namespace's root",
  async (t) => {
    const plan = compiled(V1, true, "ro");
    t.match(all(plan, "mount").slice(1), [
      { source: "cgroup", fstype: "cgroup", options: ["cpu", "cpuacct"], attrSet: USUAL | RDONLY },
      { source: "cgroup", options: ["memory"], attrSet: USUAL | RDONLY },
      { source: "systemd", options: ["name=systemd"], attrSet: USUAL | RDONLY },
    ]);
    t.strictSame(all(plan, "bind"), []);
  },
);

t.test("v1, writable: nothing is read-only", async (t) => {
  for (const namespaced of [false, true]) {
    const plan = compiled(V1, namespaced);
    t.strictSame(all(plan, "remount"), []);
    for (const op of [...all(plan, "bind"), ...all(plan, "mount")])
      t.equal(op.attrSet & RDONLY, 0n, op.target);
  }
});

t.test(
  "v2: a mount of its own with a cgroup namespace, else the container's cgroup; ro on both",
  async (t) => {
    const own = compiled(V2, true, "nosuid", "ro");
    t.strictSame(lines(own), ["make the folder /sys/fs/cgroup", "mount cgroup2 at /sys/fs/cgroup"]);
    t.match(only(own, "mount"), { options: [], attrSet: BigInt(MOUNT_ATTR.NOSUID) | RDONLY });
    const bound = compiled(V2, false, "nosuid", "ro");
    t.strictSame(lines(bound), [
      "make the folder /sys/fs/cgroup",
      "bind /sys/fs/cgroup/c1 at /sys/fs/cgroup",
    ]);
    t.match(only(bound, "bind"), { recursive: 1, attrSet: BigInt(MOUNT_ATTR.NOSUID) | RDONLY });
  },
);

t.test(
  "where the mount point shows only a part of the hierarchy, tsrun's own cgroup is found below it",
  async (t) => {
    const hierarchy: Hierarchy = { ...at(2, "/sys/fs/cgroup"), root: "/docker/x", own: "/docker/x/sub" };
    const host = facts({ cgroup: { mode: "v2", hierarchies: [hierarchy] } });
    t.equal(only(compiled(host, false), "bind").source, "/sys/fs/cgroup/sub");
  },
);
