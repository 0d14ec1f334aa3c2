import t from "tap";
import { type Present, planUpdate } from "../../../src/cgroup/update-plan.ts";
import { type Change, resources } from "./sample.ts";

/** A cgroup with every controller and these files. */
function present(version: 1 | 2, files: Readonly<Record<string, string>> = {}): Present {
  return { version, has: () => true, read: (_controller, file) => files[file] };
}

function plan(version: 1 | 2, change: Change, files: Readonly<Record<string, string>> = {}): string[] {
  return planUpdate(resources(change), present(version, files)).map(({ file, value }) => `${file} ${value}`);
}

t.test("nothing asked for, nothing written", async (t) => {
  t.same(plan(1, {}), []);
  t.same(plan(2, {}), []);
});

t.test("v1: memory without a limit has no limit of swap either", async (t) => {
  t.same(plan(1, { memory: { limit: -1n } }), ["memory.limit_in_bytes -1", "memory.memsw.limit_in_bytes -1"]);
});

t.test("v1: the OOM killer can be given back", async (t) => {
  t.same(plan(1, { memory: { disableOOMKiller: false } }), ["memory.oom_control 0"]);
  t.same(plan(1, { memory: { disableOOMKiller: true } }), ["memory.oom_control 1"]);
});

t.test("a limit of TCP memory is left out, as runc does", async (t) => {
  t.same(plan(1, { memory: { kernelTCP: 4096n } }), []);
  t.same(plan(2, { memory: { kernelTCP: 4096n } }), []);
});

t.test("pids.limit 0 leaves the limit, unless the container's version makes it one", async (t) => {
  for (const version of [1, 2] as const) {
    t.same(plan(version, { pids: { limit: 0n } }), []);
    const writes = planUpdate(resources({ pids: { limit: 0n } }), present(version), true);
    t.same(
      writes.map(({ file, value }) => `${file} ${value}`),
      ["pids.max 1"],
    );
  }
});

t.test("v2: a quota or a period alone is completed with what the kernel has", async (t) => {
  const files = { "cpu.max": "20000 50000\n" };
  t.same(plan(2, { cpu: { quota: 30000n } }, files), ["cpu.max 30000"], "the kernel keeps the period");
  t.same(plan(2, { cpu: { period: 100000n } }, files), ["cpu.max 20000 100000"]);
  t.same(plan(2, { cpu: { period: 100000n } }, { "cpu.max": "max 50000\n" }), ["cpu.max max 100000"]);
  t.same(plan(2, { cpu: { quota: -1n } }, files), ["cpu.max max"]);
  t.same(plan(2, { cpu: { quota: -1n, period: 100000n } }, files), ["cpu.max max 100000"]);
});

t.test("v2: swap alone is what is above the kernel's limit of memory", async (t) => {
  const swap = { memory: { swap: 100n << 20n } };
  t.same(plan(2, swap, { "memory.max": `${60 << 20}\n` }), [`memory.swap.max ${40 << 20}`]);
  t.same(plan(2, { memory: { swap: -1n } }, { "memory.max": "max\n" }), ["memory.swap.max max"]);
  t.throws(() => plan(2, swap, { "memory.max": "max\n" }), {
    code: "conflict",
    pointer: "/linux/resources/memory/swap",
    message: "unable to set swap limit without memory limit",
  });
  t.throws(() => plan(2, swap, { "memory.max": `${200 << 20}\n` }), {
    code: "conflict",
    pointer: "/linux/resources/memory/swap",
    message: /^memory\+swap limit should be >= memory limit/,
  });
});

t.test("v2: memory and swap together, and memory without a limit", async (t) => {
  t.same(plan(2, { memory: { limit: 60n << 20n, swap: 100n << 20n } }), [
    `memory.swap.max ${40 << 20}`,
    `memory.max ${60 << 20}`,
  ]);
  t.same(plan(2, { memory: { limit: -1n } }), ["memory.swap.max max", "memory.max max"]);
});

t.test("v2: unified has the last word, and device rules are no writes", async (t) => {
  const unified = new Map([["cpu.max", "1000 2000"]]);
  t.same(plan(2, { cpu: { quota: 5000n }, unified }), ["cpu.max 5000", "cpu.max 1000 2000"]);
  const deny = { allow: false, type: "a", major: undefined, minor: undefined, access: "rwm" } as const;
  t.same(plan(2, { devices: [deny] }), []);
});

t.test("a controller that the cgroup has not", async (t) => {
  const without: Present = { ...present(2), has: (controller) => controller !== "pids" };
  t.throws(() => planUpdate(resources({ pids: { limit: 5n } }), without), {
    code: "unsupported",
    pointer: "/linux/resources/pids/limit",
  });
});

t.test("checkBeforeUpdate: a limit at or below the usage is refused, with runc's words", async (t) => {
  const check = { checkBeforeUpdate: true };
  const v1 = { "memory.usage_in_bytes": "50000000\n", "memory.memsw.usage_in_bytes": "60000000\n" };
  const v2 = { "memory.current": "50000000\n" };
  for (const [version, files] of [
    [1, v1],
    [2, v2],
  ] as const) {
    t.throws(() => plan(version, { memory: { limit: 50000000n, ...check } }, files), {
      code: "conflict",
      pointer: "/linux/resources/memory/limit",
      message: "rejecting memory limit 50000000 <= usage 50000000",
    });
    t.ok(plan(version, { memory: { limit: 50000001n, ...check } }, files).length > 0);
    t.ok(plan(version, { memory: { limit: 40000000n } }, files).length > 0, "not asked to check");
    t.ok(plan(version, { memory: { limit: 40000000n, ...check } }, {}).length > 0, "no usage to be had");
    t.ok(plan(version, { memory: { limit: -1n, ...check } }, files).length > 0);
  }
  t.throws(() => plan(1, { memory: { limit: 55000000n, swap: 60000000n, ...check } }, v1), {
    pointer: "/linux/resources/memory/swap",
    message: "rejecting memory+swap limit 60000000 <= usage 60000000",
  });
});
