import t from "tap";
import { actionOf, ancestors, planSteps } from "../../../src/cgroup/steps.ts";
import type { CgroupFacts } from "../../../src/plan/facts.ts";

t.test("ancestors: from the mount point to the parent", async (t) => {
  t.same(ancestors("/m", "/m/a/b"), ["/m", "/m/a"]);
  t.same(ancestors("/m", "/m/a"), ["/m"]);
});

const V2: CgroupFacts = {
  mode: "v2",
  hierarchies: [{ version: 2, controllers: [], mountpoint: "/m", root: "/", own: "/" }],
};
const LIMIT = { controller: "pids", file: "pids.max", value: "5", pointer: "/linux/resources/pids/limit" };

t.test("planSteps: v2 hands controllers down, makes the cgroup, writes", async (t) => {
  const steps = planSteps(V2, new Map([["/m", "/m/a/b"]]), [LIMIT], new Set(["cpu", "pids"]));
  t.same(steps.map(actionOf), [
    { do: "write", path: "/m/cgroup.subtree_control", text: "+cpu +pids" },
    { do: "write", path: "/m/a/cgroup.subtree_control", text: "+cpu +pids" },
    { do: "mkdir", path: "/m/a/b", mode: 0o755 },
    { do: "write", path: "/m/a/b/pids.max", text: "5", ifThere: false },
  ]);
});

t.test("planSteps: in hybrid mode the unified cgroup is only made", async (t) => {
  const hybrid: CgroupFacts = {
    mode: "hybrid",
    hierarchies: [
      { version: 1, controllers: ["pids"], mountpoint: "/p", root: "/", own: "/" },
      { version: 2, controllers: [], mountpoint: "/u", root: "/", own: "/" },
    ],
  };
  const dirs = new Map([
    ["/p", "/p/x"],
    ["/u", "/u/x"],
  ]);
  t.same(planSteps(hybrid, dirs, [LIMIT], new Set(["pids"])).map(actionOf), [
    { do: "mkdir", path: "/p/x", mode: 0o755 },
    { do: "mkdir", path: "/u/x", mode: 0o755 },
    { do: "write", path: "/p/x/pids.max", text: "5", ifThere: false },
  ]);
  dirs.delete("/p");
  t.throws(
    () => planSteps({ ...hybrid, hierarchies: hybrid.hierarchies.slice(0, 1) }, dirs, [LIMIT], new Set()),
    {
      code: "unsupported",
      pointer: "/linux/resources/pids/limit",
      message: "cannot set pids limit: container could not join or create cgroup",
    },
  );
});
