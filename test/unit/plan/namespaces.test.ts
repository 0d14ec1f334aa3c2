import t from "tap";
import type { Linux, Namespace } from "../../../src/bundle/types.ts";
import { compile } from "../../../src/plan/compile.ts";
import { describe } from "../../../src/plan/describe.ts";
import { CLONE } from "../../../src/sys/constants.gen.ts";
import { all, bundle, facts, names, namespaces, only, options } from "./support.ts";

const maps = (size: number) => [{ containerID: 0, hostID: 1000, size }];

function stageOne(linux: Partial<Linux>, privileged = true, process = {}): readonly string[] {
  const plan = compile(bundle({ linux, process, mounts: [] }), facts({ privileged }), options());
  const fork = plan.steps.findIndex(({ op }) => op.op === "fork");
  return plan.steps.slice(0, fork + 1).map(({ op, pointer }) => `${describe(op)} @${pointer ?? ""}`);
}

t.test("the cgroup namespace is made by the first process, which is in its cgroups by then", async (t) => {
  const linux = { namespaces: namespaces("cgroup", "time", "pid"), cgroupsPath: "/x" };
  t.strictSame(stageOne(linux), [
    "unshare CLONE_NEWNS|CLONE_NEWPID|CLONE_NEWTIME @/linux/namespaces",
    "enter the container's cgroups @/linux/cgroupsPath",
    "make the container's first process @",
  ]);
  const plan = compile(bundle({ linux, mounts: [] }), facts(), options());
  const after = plan.steps[plan.steps.findIndex(({ op }) => op.op === "fork") + 1];
  t.strictSame(after, { op: { op: "unshare", flags: CLONE.NEWCGROUP }, pointer: "/linux/namespaces/0" });
});

t.test("time offsets are written between unshare and fork", async (t) => {
  const timeOffsets = {
    monotonic: { secs: -5n, nanosecs: 7 },
    boottime: { secs: 172800n, nanosecs: 0 },
  };
  t.strictSame(stageOne({ namespaces: namespaces("time"), timeOffsets }).slice(1, 3), [
    "set the monotonic clock's offset to -5 s and 7 ns @/linux/timeOffsets/monotonic",
    "set the boottime clock's offset to 172800 s and 0 ns @/linux/timeOffsets/boottime",
  ]);
  t.throws(() => stageOne({ timeOffsets }), {
    name: "BundleError",
    code: "conflict",
    pointer: "/linux/timeOffsets",
    hint: /"time"/,
  });
});

const JOINS: readonly Namespace[] = [
  { type: "user", path: "/proc/7/ns/user" },
  { type: "network", path: "/run/netns/a" },
  { type: "mount", path: undefined },
];

t.test(
  "root joins other namespaces while it has all its privileges; others need the user namespace first",
  async (t) => {
    const user = "join the user namespace /proc/7/ns/user @/linux/namespaces/0/path";
    const net = "join the net namespace /run/netns/a @/linux/namespaces/1/path";
    t.strictSame(stageOne({ namespaces: JOINS }).slice(0, 2), [net, user]);
    t.strictSame(stageOne({ namespaces: JOINS }, false).slice(0, 2), [user, net]);
  },
);

t.test(
  "a new user namespace comes after the joined ones, and before the new ones that it is to own",
  async (t) => {
    const list = [{ type: "user" as const, path: undefined }, ...JOINS.slice(1)];
    t.strictSame(stageOne({ namespaces: list, uidMappings: maps(9), gidMappings: maps(9) }).slice(0, 3), [
      "join the net namespace /run/netns/a @/linux/namespaces/1/path",
      "make a user namespace @/linux/namespaces/0",
      "unshare CLONE_NEWNS @/linux/namespaces",
    ]);
  },
);

t.test(
  "setgroups stays denied only where an unprivileged caller maps nothing but its own group",
  async (t) => {
    const at = (privileged: boolean, size: number) => {
      const linux = { namespaces: namespaces("user"), uidMappings: maps(size), gidMappings: maps(size) };
      const plan = compile(bundle({ linux, mounts: [] }), facts({ privileged }), options());
      return [only(plan, "userns").setGroups, only(plan, "user").setGroups];
    };
    t.strictSame(at(true, 1), [2, 2], "somebody else may have made it, and denied it for good");
    t.strictSame(at(true, 2), [1, 1]);
    t.strictSame(at(false, 65536), [1, 1]);
    t.strictSame(at(false, 1), [0, 0]);
    const linux = { namespaces: namespaces("user"), uidMappings: maps(1), gidMappings: maps(1) };
    const process = { user: { uid: 0, gid: 0, umask: undefined, additionalGids: [5] } };
    t.throws(() => stageOne(linux, false, process), {
      code: "conflict",
      pointer: "/process/user/additionalGids",
    });
  },
);

t.test(
  "oom_score_adj is written before a user namespace takes the right away, else by the first process",
  async (t) => {
    const process = { oomScoreAdj: -500 };
    t.equal(
      stageOne({ namespaces: namespaces("user") }, true, process)[0],
      "set oom_score_adj to -500 @/process/oomScoreAdj",
    );
    const plan = compile(bundle({ process }), facts(), options());
    t.equal(all(plan, "oomScoreAdj").length, 1);
    t.ok(names(plan).indexOf("oomScoreAdj") > names(plan).indexOf("fork"));
  },
);

t.test("without a mount namespace nothing is compiled", async (t) => {
  t.throws(() => stageOne({ namespaces: [{ type: "pid", path: undefined }] }), {
    name: "BundleError",
    code: "unsupported",
    pointer: "/linux/namespaces",
    hint: 'add {"type": "mount"}',
  });
});

t.test("a joined namespace is not made", async (t) => {
  const list = [{ type: "cgroup" as const, path: "/proc/7/ns/cgroup" }, ...JOINS.slice(2)];
  const plan = compile(bundle({ linux: { namespaces: list }, mounts: [] }), facts(), options());
  t.strictSame(
    all(plan, "unshare").map(({ flags }) => flags),
    [CLONE.NEWNS],
  );
  t.equal(only(plan, "join").ns, CLONE.NEWCGROUP);
});

t.test("a joined cgroup namespace comes after the fork, but before a user namespace", async (t) => {
  const cgroup = { type: "cgroup" as const, path: "/proc/7/ns/cgroup" };
  const order = (...more: readonly Namespace[]): readonly string[] => {
    const linux = {
      namespaces: [cgroup, ...more, ...JOINS.slice(2)],
      uidMappings: more.length > 0 ? maps(1) : [],
      gidMappings: more.length > 0 ? maps(1) : [],
    };
    const plan = compile(bundle({ linux, mounts: [] }), facts(), options());
    return plan.steps.map(({ op }) => op.op).filter((op) => ["join", "userns", "fork"].includes(op));
  };
  t.strictSame(order(), ["fork", "join"], "from inside it nobody can be cloned into a cgroup outside");
  t.strictSame(order({ type: "user", path: undefined }), ["join", "userns", "fork"], "while it is allowed");
});
