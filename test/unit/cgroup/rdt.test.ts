/** Intel RDT against a folder that looks like a resctrl filesystem, as far as a folder can. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { IntelRdt } from "../../../src/bundle/types.ts";
import { changeRdt, joinRdt, makeRdt, planRdt, removeRdt, resctrlIn } from "../../../src/cgroup/rdt.ts";
import { noLibrary } from "../native.ts";

const skip = noLibrary;

/** A resctrl root with one class, `gold`. */
function resctrl(t: Test): string {
  const root = mkdtempSync(join(tmpdir(), "tsrun-test-rdt-"));
  t.teardown(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "info"));
  writeFileSync(join(root, "info/last_cmd_status"), "ok\n");
  group(root, "", "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n");
  group(root, "gold", "    MB:0= 20;1=70\n    L3:0=07f0;1=01F\n");
  return root;
}

function group(root: string, name: string, schemata: string): void {
  mkdirSync(join(root, name, "mon_groups"), { recursive: true });
  writeFileSync(join(root, name, "schemata"), schemata);
  writeFileSync(join(root, name, "tasks"), "");
}

function rdt(change: Partial<IntelRdt>): IntelRdt {
  const none = { closID: undefined, l3CacheSchema: undefined, memBwSchema: undefined };
  return { ...none, schemata: [], enableMonitoring: false, ...change };
}

t.test("where it is mounted", async (t) => {
  const lines =
    "22 1 0:5 / /proc rw - proc proc rw\n77 22 0:60 / /sys/fs/resctrl rw,relatime - resctrl resctrl rw\n";
  t.equal(resctrlIn(lines), "/sys/fs/resctrl");
  t.equal(resctrlIn("22 1 0:5 / /sys/fs/resctrl rw - tmpfs tmpfs rw\n"), undefined);
});

t.test("without resctrl it is refused", async (t) => {
  t.throws(() => planRdt(rdt({}), "c1", undefined), {
    code: "unsupported",
    pointer: "/linux/intelRdt",
    message: /intelRdt is specified in config, but Intel RDT is not enabled/,
    hint: /mount -t resctrl/,
  });
});

t.test("without closID: a class named as the container, which goes with it", { skip }, async (t) => {
  const root = resctrl(t);
  const setup = planRdt(
    rdt({ l3CacheSchema: "L3:0=f\nMB:0=10", memBwSchema: "MB:0=30", schemata: ["L2:0=f", "L2:1=3"] }),
    "c1",
    root,
  );
  const dir = join(root, "c1");
  t.strictSame(setup.groups, { root, dir, own: true });
  t.strictSame(setup.steps, [
    { action: { do: "mkdir", path: dir, mode: 0o755 }, pointer: "/linux/intelRdt" },
    {
      action: { do: "write", path: `${dir}/schemata`, text: "L3:0=f\nMB:0=30\n" },
      pointer: "/linux/intelRdt/l3CacheSchema",
    },
    {
      action: { do: "write", path: `${dir}/schemata`, text: "L2:0=f\nL2:1=3\n" },
      pointer: "/linux/intelRdt/schemata",
    },
  ]);
  const bare = planRdt(rdt({}), "c1", root);
  makeRdt(bare);
  t.ok(existsSync(dir));
  removeRdt(bare.groups);
  t.notOk(existsSync(dir));
  removeRdt(bare.groups);
});

t.test("a group of this name that is there already is somebody else's", { skip }, async (t) => {
  const root = resctrl(t);
  t.throws(() => planRdt(rdt({}), "gold", root), { code: "conflict", pointer: "/linux/intelRdt" });
  mkdirSync(join(root, "gold/mon_groups/c1"));
  t.throws(() => planRdt(rdt({ closID: "gold", enableMonitoring: true }), "c1", root), {
    code: "conflict",
    pointer: "/linux/intelRdt/enableMonitoring",
  });
});

t.test("closID without schemas: the class must be there, and stays", { skip }, async (t) => {
  const root = resctrl(t);
  const setup = planRdt(rdt({ closID: "gold" }), "c1", root);
  t.strictSame(setup, { groups: { root, dir: join(root, "gold"), own: false }, steps: [] });
  joinRdt(setup.groups, 42);
  t.equal(readFileSync(join(root, "gold/tasks"), "utf8"), "42");
  removeRdt(setup.groups);
  t.ok(existsSync(join(root, "gold")));
  t.throws(() => planRdt(rdt({ closID: "lead" }), "c1", root), {
    code: "missing",
    pointer: "/linux/intelRdt/closID",
    message: /lead does not exist/,
  });
  t.equal(planRdt(rdt({ closID: "/" }), "c1", root).groups.dir, root);
});

t.test("closID with schemas: the class is made, or must have them", { skip }, async (t) => {
  const root = resctrl(t);
  const fresh = planRdt(rdt({ closID: "lead", memBwSchema: "MB:0=10" }), "c1", root);
  t.strictSame(
    fresh.steps.map(({ action, pointer }) => [action.do, pointer]),
    [
      ["mkdir", "/linux/intelRdt/closID"],
      ["write", "/linux/intelRdt/memBwSchema"],
    ],
  );
  t.equal(fresh.groups.own, false);
  const same = rdt({ closID: "gold", l3CacheSchema: "L3:0=7f0;1=1f", memBwSchema: "MB:1=70" });
  t.strictSame(planRdt(same, "c1", root).steps, []);
  for (const [change, pointer] of [
    [{ l3CacheSchema: "L3:0=7ff" }, "/linux/intelRdt/l3CacheSchema"],
    [{ memBwSchema: "MB:0=30" }, "/linux/intelRdt/memBwSchema"],
    [{ l3CacheSchema: "L2:0=f" }, "/linux/intelRdt/l3CacheSchema"],
  ] as const) {
    t.throws(() => planRdt(rdt({ closID: "gold", ...change }), "c1", root), { code: "conflict", pointer });
  }
  const more = planRdt(rdt({ closID: "gold", schemata: ["L3:0=f"] }), "c1", root);
  t.strictSame(
    more.steps.map(({ action }) => action.do),
    ["write"],
  );
});

t.test("monitoring: a group of its own, removed in any case", { skip }, async (t) => {
  const root = resctrl(t);
  const setup = planRdt(rdt({ closID: "gold", enableMonitoring: true }), "c1", root);
  const monitor = join(root, "gold/mon_groups/c1");
  t.equal(setup.groups.monitor, monitor);
  makeRdt(setup);
  // What the kernel would put there.
  writeFileSync(join(monitor, "tasks"), "");
  joinRdt(setup.groups, 7);
  t.equal(readFileSync(join(monitor, "tasks"), "utf8"), "7");
  rmSync(join(monitor, "tasks"));
  removeRdt(setup.groups);
  t.notOk(existsSync(monitor));
  t.ok(existsSync(join(root, "gold")));
});

t.test("a refusal has the kernel's own words", { skip }, async (t) => {
  const root = resctrl(t);
  writeFileSync(join(root, "info/last_cmd_status"), "Non-consecutive 1-bits in mask 5\n");
  const setup = planRdt(rdt({ l3CacheSchema: "L3:0=5" }), "c1", root);
  // A folder has no schemata until somebody makes one.
  t.throws(() => makeRdt(setup), {
    code: "ENOENT",
    pointer: "/linux/intelRdt/l3CacheSchema",
    message: /c1\/schemata of Intel RDT \(Non-consecutive 1-bits in mask 5\): open: ENOENT/,
  });
});

t.test("other schemata for a class, and back", { skip }, async (t) => {
  const root = resctrl(t);
  const { groups } = planRdt(rdt({ closID: "gold" }), "c1", root);
  const file = join(root, "gold/schemata");
  const before = readFileSync(file, "utf8");
  const undo = changeRdt(groups, ["L3:0=1", "MB:0=40"]);
  t.ok(readFileSync(file, "utf8").startsWith("L3:0=1\nMB:0=40\n"), "a file of resctrl is not truncated");
  undo();
  t.equal(readFileSync(file, "utf8"), before);
});
