import { execFileSync } from "node:child_process";
import t from "tap";
import { compile } from "../../../src/plan/compile.ts";
import { describe } from "../../../src/plan/describe.ts";
import { details } from "../../../src/plan/details.ts";
import { explain, type HostStep } from "../../../src/plan/explain.ts";
import { capabilityNames, ioPriorityText, listText, memoryPolicyName } from "../../../src/plan/names.ts";
import type { Op, Plan } from "../../../src/plan/ops.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";
import { bundle, device, facts, hook, mount, namespaces, options, SPEC_MOUNTS } from "./support.ts";

const HOST: readonly HostStep[] = [
  { what: "mkdir", path: "/sys/fs/cgroup/memory/c1", pointer: "/linux/cgroupsPath" },
  {
    what: "write",
    path: "/sys/fs/cgroup/memory/c1/memory.limit",
    value: "5",
    pointer: "/linux/resources/memory/limit",
  },
  { what: "attach", path: "/sys/fs/cgroup/memory/c1", pointer: undefined },
];

/** A plan that has much of everything, and texts that a shell or a terminal would trip over. */
function hostile(): Plan {
  const evil = "/e'v\"i`l$(x)\n\u001b[2J; rm -rf";
  const mounts = [
    ...SPEC_MOUNTS,
    mount(evil, "tmpfs", evil, "ro", evil, "tmpcopyup"),
    mount("/b", "bind", "/srv/dir", "rbind", "rro", "noatime", "rshared"),
    mount("/t", "tmpfs", "-o", "remount", "noexec"),
  ];
  const process = {
    args: ["sh", "-c", evil],
    env: [`A=${evil}`],
    cwd: evil,
    scheduler: {
      policy: "SCHED_RR" as const,
      nice: 1,
      priority: 2,
      flags: ["SCHED_FLAG_RESET_ON_FORK"] as const,
      runtime: 0n,
      deadline: 0n,
      period: 0n,
    },
    ioPriority: { class: "IOPRIO_CLASS_IDLE" as const, priority: 0 },
    oomScoreAdj: 5,
  };
  const linux = {
    namespaces: [{ type: "network" as const, path: evil }, ...namespaces("user", "pid", "time", "cgroup")],
    uidMappings: [{ containerID: 0, hostID: 1, size: 9 }],
    gidMappings: [{ containerID: 0, hostID: 1, size: 9 }],
    devices: [device("p", evil, 0, 0)],
    sysctl: new Map([["kernel.x", evil]]),
    timeOffsets: { monotonic: { secs: 5n, nanosecs: 0 }, boottime: undefined },
    personality: { domain: "LINUX32" as const },
    maskedPaths: [evil],
  };
  const hooks = {
    createContainer: [{ ...hook(evil, evil, evil), env: [evil], timeout: 2 }],
    prestart: [hook("/x")],
  };
  return compile(bundle({ mounts, process, linux, hooks, hostname: evil }), facts(), options());
}

t.test("text: stages, flags by name, pointers at the right", async (t) => {
  const text = explain(compile(bundle(), facts(), options()), HOST, "text");
  const lines = text.split("\n");
  t.strictSame(
    lines.filter((line) => line !== "" && !line.startsWith(" ")),
    ["host", "stage one: namespaces", "stage two: root filesystem", "stage three: inside", "start"],
  );
  t.equal(lines[1], `${"  make the cgroup /sys/fs/cgroup/memory/c1".padEnd(72)}  /linux/cgroupsPath`);
  t.ok(
    lines.includes(
      "  mount sysfs at /sys (ro, nosuid, nodev, noexec, no symbolic link on the way)  /mounts/5",
    ),
  );
  t.ok(lines.includes(`${"  make the mounts at / rslave"}`));
});

t.test("text: one line an operation, whatever the bundle holds", async (t) => {
  const plan = hostile();
  const text = explain(plan, [], "text");
  t.equal(
    text.split("\n").length - 1,
    plan.steps.length + 4 + (plan.warnings.length > 0 ? 1 + plan.warnings.length : 0),
  );
  t.notMatch(text, /[\u0000-\u0009\u000b-\u001f]/);
});

t.test("json: everything, numbers lossless", async (t) => {
  const limits = [{ type: "RLIMIT_CORE" as const, soft: 0n, hard: 18446744073709551615n }];
  const plan = compile(bundle({ process: { rlimits: limits } }), facts(), options());
  const got = JSON.parse(explain(plan, HOST, "json"));
  t.strictSame(got.host[1].value, "5");
  t.equal(got.steps.length, plan.steps.length);
  const limit = got.steps.find((step: { op: string }) => step.op === "rlimit");
  t.match(limit, { stage: "inside", soft: 0, hard: "18446744073709551615", pointer: "/process/rlimits/0" });
  t.match(limit.text, "set RLIMIT_CORE to 0:unlimited");
});

t.test("sh: a script that sh accepts, whatever the bundle holds", async (t) => {
  for (const plan of [hostile(), compile(bundle(), facts(), options({ noPivot: true }))]) {
    const script = explain(plan, HOST, "sh");
    execFileSync("/bin/sh", ["-n"], { input: script });
  }
  const script = explain(compile(bundle(), facts(), options()), HOST, "sh");
  for (const line of [
    'exec unshare --mount --uts --ipc --pid --net --fork sh "$0" inside',
    "mkdir -p /sys/fs/cgroup/memory/c1",
    "mount -t sysfs -o ro,nosuid,nodev,noexec sysfs /bundle/rootfs/sys",
    "mount -o remount,bind,ro /bundle/rootfs",
    "prlimit --pid $$ --nofile=1024:1024",
  ]) {
    t.ok(script.split("\n").includes(line), line);
  }
});

t.test("sh: a hostile text stays one word", async (t) => {
  const args = ["a'b", "$(echo no)", "`no`", "x\ny", "-n", ""];
  const plan = compile(bundle({ process: { args: ["printf", "<%s>", ...args] } }), facts(), options());
  const line = explain(plan, [], "sh").split("--shell=/bin/sh -- ").at(-1) ?? "";
  const printed = execFileSync("/bin/sh", ["-c", `/bin/sh ${line}`], { encoding: "utf8" });
  t.equal(printed, args.map((arg) => `<${arg}>`).join(""));
});

t.test("describe has a sentence for every operation", async (t) => {
  const sample = { U32: 0, U64: 0n, STR: "x", STRS: ["y"], U64S: [], BYTES: new Uint8Array(8) };
  const seen = new Set<string>();
  for (const [name, { fields }] of Object.entries(PLAN.ops)) {
    const op = Object.fromEntries([
      ["op", name],
      ...fields.map(([field, kind]) => [field, sample[kind]]),
    ]) as Op;
    const sentence = describe(op);
    t.match(sentence, /^[a-z].+/, name);
    t.notOk(seen.has(sentence), `${name} has its own words`);
    seen.add(sentence);
    t.ok(Array.isArray(details(op)));
  }
});

t.test("names of flags and sets", async (t) => {
  t.equal(capabilityNames(0n), "none");
  t.equal(capabilityNames((1n << 41n) - 1n), "all");
  t.equal(capabilityNames(33n), "CAP_CHOWN,CAP_KILL");
  t.equal(ioPriorityText((1 << 13) | 7), "IOPRIO_CLASS_RT 7");
  t.equal(memoryPolicyName(32770), "MPOL_BIND|MPOL_F_STATIC_NODES");
  t.equal(listText([0b1110001n, 1n]), "0,4-6,64");
  t.equal(listText([]), "");
});
