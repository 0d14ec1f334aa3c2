import t from "tap";
import { cgroupDirs, cgroupPaths } from "../../../src/cgroup/paths.ts";
import { BundleError } from "../../../src/error.ts";
import type { CgroupFacts, Hierarchy } from "../../../src/plan/facts.ts";

const v1 = (name: string, own: string, root = "/"): Hierarchy => ({
  version: 1,
  controllers: name.split(","),
  mountpoint: `/sys/fs/cgroup/${name}`,
  root,
  own,
});
const v2 = (mountpoint: string, own: string, root = "/"): Hierarchy => ({
  version: 2,
  controllers: [],
  mountpoint,
  root,
  own,
});
const HYBRID: CgroupFacts = {
  mode: "hybrid",
  hierarchies: [
    v1("cpu,cpuacct", "/"),
    v1("memory", "/mine"),
    { ...v1("name=systemd", "/"), mountpoint: "/sys/fs/cgroup/systemd" },
    { ...v1("name=elogind", "/"), mountpoint: "/sys/fs/cgroup/elogind" },
    v2("/sys/fs/cgroup/unified", "/mine"),
  ],
};
const V2: CgroupFacts = { mode: "v2", hierarchies: [v2("/sys/fs/cgroup", "/system.slice/x.service")] };

const TABLE: readonly [string, CgroupFacts, string | undefined, readonly string[]][] = [
  [
    "absolute",
    HYBRID,
    "/kube/pod/c",
    ["cpu,cpuacct/kube/pod/c", "memory/kube/pod/c", "systemd/kube/pod/c", "unified/kube/pod/c"],
  ],
  [
    "relative",
    HYBRID,
    "rel/x",
    ["cpu,cpuacct/rel/x", "memory/mine/rel/x", "systemd/rel/x", "unified/mine/rel/x"],
  ],
  ["absent", HYBRID, undefined, ["cpu,cpuacct/id", "memory/mine/id", "systemd/id", "unified/mine/id"]],
  ["empty", HYBRID, "", ["cpu,cpuacct/id", "memory/mine/id", "systemd/id", "unified/mine/id"]],
  ["climbing", HYBRID, "/../../a/../b//./c", ["cpu,cpuacct/b/c", "memory/b/c", "systemd/b/c", "unified/b/c"]],
  [
    "climbing from the own cgroup",
    HYBRID,
    "../x",
    ["cpu,cpuacct/x", "memory/mine/x", "systemd/x", "unified/mine/x"],
  ],
  ["v2 absolute", V2, "/a/b", ["a/b"]],
  ["v2 relative: beside the own cgroup", V2, "a/b", ["system.slice/a/b"]],
  ["v2 absent", V2, undefined, ["system.slice/id"]],
  ["v2 in the root", { mode: "v2", hierarchies: [v2("/sys/fs/cgroup", "/")] }, undefined, ["id"]],
  [
    "a visible part",
    { mode: "v1", hierarchies: [v1("memory", "/docker/abc/in", "/docker/abc")] },
    "x",
    ["memory/in/x"],
  ],
  [
    "exactly the visible part",
    { mode: "v1", hierarchies: [v1("memory", "/docker/abc", "/docker/abc")] },
    "x",
    ["memory/x"],
  ],
  [
    "outside the visible part",
    { mode: "v1", hierarchies: [v1("memory", "/docker/abcd", "/docker/abc")] },
    "x",
    ["memory/x"],
  ],
];

for (const [name, facts, path, expected] of TABLE) {
  t.test(`cgroupDirs: ${name}`, async (t) => {
    t.same(
      [...cgroupDirs(facts, path, "id").values()],
      expected.map((dir) => `/sys/fs/cgroup/${dir}`),
    );
  });
}

for (const path of ["/", ".", "..", "/a/..", "./"]) {
  t.test(`cgroupDirs: ${path} is refused`, async (t) => {
    t.throws(() => cgroupDirs(HYBRID, path, "id"), { code: "range", pointer: "/linux/cgroupsPath" });
    t.throws(() => cgroupDirs(HYBRID, path, "id"), BundleError);
  });
}

t.test("cgroupPaths: by controller, the unified one by the empty name", async (t) => {
  const dirs = cgroupDirs(HYBRID, "/x", "id");
  dirs.delete("/sys/fs/cgroup/memory");
  t.same(Object.fromEntries(cgroupPaths(HYBRID, dirs)), {
    cpu: "/sys/fs/cgroup/cpu,cpuacct/x",
    cpuacct: "/sys/fs/cgroup/cpu,cpuacct/x",
    "name=systemd": "/sys/fs/cgroup/systemd/x",
    "": "/sys/fs/cgroup/unified/x",
  });
});
