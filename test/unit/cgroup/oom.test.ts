import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import {
  killsIn,
  limitIn,
  type Oom,
  oomHint,
  oomKills,
  oomOf,
  oomReport,
  oomText,
} from "../../../src/cgroup/oom.ts";
import { noLibrary } from "../native.ts";

t.test("the counter of kills", async (t) => {
  t.equal(killsIn("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), 3, "v1");
  t.equal(killsIn("low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n"), 1, "v2");
  t.equal(killsIn("oom_kill_disable 0\nunder_oom 0\n"), 0, "before 4.13");
  t.equal(killsIn(undefined), undefined);
});

t.test("a limit", async (t) => {
  t.equal(limitIn("1048576\n"), 1048576n);
  t.equal(limitIn("max\n"), undefined);
  t.equal(limitIn("9223372036854771712\n"), undefined, "v1's word for none");
  t.equal(limitIn(undefined), undefined);
});

t.test("the words", async (t) => {
  const oom = (source: Oom["source"], limit?: bigint, dir?: string): Oom => ({
    kills: 1,
    source,
    limit,
    dir,
  });
  t.equal(oomText(oom("memory", 1024n)), "killed by the memory limit of 1024 bytes");
  t.equal(oomText(oom("memory and swap", 1024n)), "killed by the memory and swap limit of 1024 bytes");
  t.equal(
    oomText(oom("above", 5n, "/sys/fs/cgroup/pod")),
    "killed by the memory limit of 5 bytes of /sys/fs/cgroup/pod, a cgroup above the container's",
  );
  t.equal(oomText(oom("elsewhere")), "killed by the kernel for want of memory");
  for (const source of ["memory", "memory and swap", "above", "elsewhere"] as const) {
    t.match(oomHint(oom(source)), /limit/);
  }
});

/** Folders that look like a v1 or v2 hierarchy, made of files by path. */
function tree(files: Readonly<Record<string, string>>, at: string): string {
  for (const [path, text] of Object.entries(files)) {
    const whole = join(at, path);
    mkdirSync(join(whole, ".."), { recursive: true });
    writeFileSync(whole, text);
  }
  return at;
}

t.test("whose limit it was", { skip: noLibrary }, async (t) => {
  const v1 = (peak: string, above: string): string =>
    tree(
      {
        "pod/memory.limit_in_bytes": "8388608",
        "pod/memory.max_usage_in_bytes": above,
        "pod/c/memory.limit_in_bytes": "4194304",
        "pod/c/memory.memsw.limit_in_bytes": "4194304",
        "pod/c/memory.max_usage_in_bytes": peak,
        "pod/c/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
      },
      t.testdir({}),
    );
  const report = (at: string): string | undefined => oomReport(new Map([["memory", `${at}/pod/c`]]));
  t.equal(report(v1("4194304", "8388608")), "killed by the memory limit of 4194304 bytes", "its own first");
  const above = v1("1048576", "8388608");
  t.equal(
    report(above),
    `killed by the memory limit of 8388608 bytes of ${above}/pod, a cgroup above the container's`,
  );
  t.equal(report(v1("1048576", "1048576")), "killed by the kernel for want of memory");

  const v2 = (local: string): string =>
    tree(
      {
        "pod/memory.max": "max",
        "pod/memory.events.local": "oom 0\noom_kill 0\n",
        "pod/c/memory.max": "1048576",
        "pod/c/memory.events.local": local,
        "pod/c/memory.events": "oom 1\noom_kill 2\n",
      },
      t.testdir({}),
    );
  const unified = (at: string): ReturnType<typeof oomOf> => oomOf(new Map([["", `${at}/pod/c`]]));
  const own = v2("oom 1\noom_kill 2\n");
  t.same(unified(own), { kills: 2, source: "memory", limit: 1048576n, dir: `${own}/pod/c` });
  t.match(unified(v2("oom 0\noom_kill 0\n")), { source: "elsewhere", limit: undefined });
});

t.test("no kill, no cgroup", { skip: noLibrary }, async (t) => {
  const at = tree({ "c/memory.oom_control": "oom_kill 0\n" }, t.testdir({}));
  t.equal(oomReport(new Map([["memory", `${at}/c`]])), undefined);
  t.equal(oomReport(new Map([["memory", `${at}/gone`]])), undefined);
  t.equal(oomReport(new Map()), undefined);
  t.equal(oomKills({ dir: `${at}/gone`, v1: true }), undefined);
});

t.test("v1: kills in cgroups below count", { skip: noLibrary }, async (t) => {
  const at = tree(
    {
      "c/memory.oom_control": "oom_kill 1\n",
      "c/a/memory.oom_control": "oom_kill 2\n",
      "c/a/b/memory.oom_control": "oom_kill 4\n",
    },
    t.testdir({}),
  );
  t.equal(oomKills({ dir: `${at}/c`, v1: true }), 7);
});
