/** Device rules on cgroup v2: what each kind of rule gives and refuses, seen from inside, and which programs there are. */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Json, type Patch, script, share } from "./support/config.ts";
import {
  attachForeign,
  deviceProgramsOf,
  loadedPrograms,
  unifiedCgroupOf,
} from "./support/device-programs.ts";
import { askIn, entered } from "./support/exec.ts";
import { intended, messageOf, onlyTsrun, openHost } from "./support/host.ts";
import { cgroupsOf, textOf, until } from "./support/outside.ts";

const host = openHost({ cgroupV2: true, busybox: true });
const kind = await host.kind();

/** How many programs a cgroup can have (kernel/bpf/cgroup.c, BPF_CGROUP_MAX_PROGS). */
const PROGRAMS_MAX = 64;

/** How many containers are created and deleted in the last test. */
const CYCLES = Number(process.env["TSRUN_TEST_CYCLES"] ?? 100);

/**
 * A rule as `+c 60:1 rw` (allow) or `-* *:* rwm` (deny). 60 is for experiments: no driver has it (kernel
 * Documentation/admin-guide/devices.txt), so that an allowed access is answered by ENXIO.
 */
function rule(text: string): Json {
  const [, sign, type, major, minor, access] = /^([+-])([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(text) ?? [];
  if (type === undefined || access === undefined) throw new Error(`bad rule in the test: ${text}`);
  return {
    allow: sign === "+",
    type,
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
    access,
  };
}

const DENY = "-a *:* rwm";

/** The nodes that the containers have. */
const NODES = ["c60:1", "c60:2", "b60:1"] as const;

function withNodes(rules: readonly string[] | undefined, patch?: Patch): Patch {
  return (config) => {
    config.linux.devices = NODES.map((name) => {
      const [, type = "", major = "", minor = ""] = /^(.)(\d+):(\d+)$/.exec(name) ?? [];
      const path = `/dev/${name}`;
      return { path, type, major: Number(major), minor: Number(minor), fileMode: 0o666, uid: 0, gid: 0 };
    });
    if (rules === undefined) delete config.linux.resources["devices"];
    else config.linux.resources["devices"] = rules.map(rule);
    const all = ["CAP_MKNOD", "CAP_SYS_ADMIN"];
    config.process.capabilities = { bounding: all, effective: all, permitted: all };
    patch?.(config);
  };
}

const QUESTIONS = [
  ["open", "/dev/c60:1", "rwbm"],
  ["open", "/dev/c60:2", "rwbm"],
  ["open", "/dev/b60:1", "rwbm"],
  ["open", "/dev/zero", "rwb"],
] as const;

interface Opened {
  readonly r?: string;
  readonly w?: string;
  readonly b?: string;
  readonly m?: string;
}

/** The letters that were granted: `r`, `w`, `b` for both at once, `m`. */
function granted(answers: readonly Opened[]): readonly string[] {
  return answers.map((each) =>
    (["r", "w", "b", "m"] as const)
      .filter((letter) => {
        const answer = each[letter];
        return answer === "ok" || answer === "ENXIO";
      })
      .join(""),
  );
}

/** What is granted for c 60:1, c 60:2 and b 60:1; a default device is granted always. */
type Granted = readonly [string, string, string];

const HOLE =
  "runc refuses rules that cgroup v1 could not take; tsrun does on v2 what they say, in their order";
const PARTIAL =
  "runc's program asks whether one rule decides all letters; tsrun's decides letter by letter, as the specification says";

const TABLE: readonly {
  readonly rules: readonly string[] | undefined;
  readonly granted: Granted;
  /** Where runc differs: what it grants, or that it refuses the rules. */
  readonly runc?: { readonly granted: Granted | "refused"; readonly why: string };
}[] = [
  { rules: undefined, granted: ["m", "m", "m"] },
  { rules: [], granted: ["m", "m", "m"] },
  { rules: [DENY], granted: ["m", "m", "m"] },
  { rules: ["+a *:* rwm"], granted: ["rwbm", "rwbm", "rwbm"] },
  { rules: [DENY, "+c 60:1 r"], granted: ["rm", "m", "m"] },
  { rules: [DENY, "+c 60:1 w"], granted: ["wm", "m", "m"] },
  { rules: [DENY, "+c 60:1 rw"], granted: ["rwbm", "m", "m"] },
  { rules: [DENY, "+c 60:1 r", "+c 60:1 w"], granted: ["rwbm", "m", "m"] },
  { rules: [DENY, "+c 60:* rw"], granted: ["rwbm", "rwbm", "m"] },
  { rules: [DENY, "+c *:1 rw"], granted: ["rwbm", "m", "m"] },
  { rules: [DENY, "+b *:* rwm"], granted: ["m", "m", "rwbm"] },
  { rules: [DENY, "+b 60:1 rw", DENY], granted: ["m", "m", "m"] },
  { rules: [DENY, "+c 60:1 rw", "-c 60:1 w"], granted: ["rm", "m", "m"] },
  {
    rules: [DENY, "+c 60:1 r", "+c 60:* w"],
    granted: ["rwbm", "wm", "m"],
    runc: { granted: ["rwm", "wm", "m"], why: PARTIAL },
  },
  {
    rules: [DENY, "+a 60:1 rw"],
    granted: ["rwbm", "m", "rwbm"],
    runc: { granted: ["rwbm", "rwbm", "rwbm"], why: "runc takes it as a rule for every device" },
  },
  {
    rules: [DENY, "+c 60:* rwm", "-c 60:2 rw"],
    granted: ["rwbm", "m", "m"],
    runc: { granted: "refused", why: HOLE },
  },
  {
    rules: [DENY, "+c 60:2 rw", "-c 60:* r"],
    granted: ["m", "wm", "m"],
    runc: { granted: ["m", "rwbm", "m"], why: "runc ignores a denial that is wider than what was allowed" },
  },
  { rules: ["+a *:* rwm", "-c 60:1 rw"], granted: ["m", "rwbm", "rwbm"] },
  {
    rules: ["+a *:* rwm", "-c 60:1 w"],
    granted: ["rm", "rwbm", "rwbm"],
    runc: { granted: ["rbm", "rwbm", "rwbm"], why: PARTIAL },
  },
];

for (const { rules, granted: wanted, runc } of TABLE) {
  t.test(`the rules ${rules?.join(", ") ?? "that are not there"}`, async (t) => {
    const bundle = host.bundle(withNodes(rules));
    const expected = kind === "runc" ? (runc?.granted ?? wanted) : wanted;
    if (expected === "refused") {
      const outcome = await host.run(bundle);
      t.not(outcome.code, 0, `${runc?.why}`);
      return;
    }
    const answers = await host.ask(QUESTIONS, withNodes(rules));
    t.same(granted(answers), [...expected, "rwb"], runc?.why ?? "granted");
  });
}

t.test("a node that is denied after all are allowed cannot be made", async (t) => {
  const answers = await host.ask(
    [
      ["mknod", "c", "60", "3", "/dev/denied"],
      ["mknod", "c", "60", "4", "/dev/allowed"],
    ],
    withNodes(["+a *:* rwm", "-c 60:3 rwm"]),
  );
  t.same(answers, [{ call: "mknod", error: "EPERM" }, { result: "ok" }]);
});

t.test("a user namespace changes nothing of it", async (t) => {
  const answers = await host.ask(
    [
      ["open", "/dev/bound", "rw"],
      ["open", "/dev/zero", "rwb"],
    ],
    (config) => {
      config.linux.namespaces.push({ type: "user" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
      config.mounts.push({ destination: "/dev/bound", type: "bind", source: "/dev/kmsg", options: ["bind"] });
    },
  );
  t.same(answers[0], { r: "EPERM", w: "EPERM" }, "root could write to the host's kernel messages");
  t.same(answers[1], { r: "ok", w: "ok", b: "ok" });
});

t.test("more rules than the kernel's verifier can follow", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const rules = Array.from({ length: 15_000 }, (_, i) => `+c 61:${i} rw`);
  const outcome = await host.run(host.bundle(withNodes(rules)));
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /^cannot load the program of \d+ instructions for the device rules \(.*too complex.*\): BPF_PROG_LOAD: \w+: .*; hint: there are more rules than the kernel can check: give wildcards/,
  );
});

t.test("1,000 rules", async (t) => {
  const rules = Array.from({ length: 1000 }, (_, i) => `+c 61:${i} ${["rw", "rwm", "r"][i % 3]}`);
  const answers = await host.ask(QUESTIONS, withNodes([DENY, ...rules, "+c 60:1 rw"]));
  t.same(granted(answers), ["rwbm", "m", "m", "rwb"]);
});

/** A container that stays, with its cgroup. */
async function staying(rules: readonly string[], patch?: Patch): Promise<{ id: string; cgroup: string }> {
  const id = await entered(host, withNodes(rules, patch));
  return { id, cgroup: unifiedCgroupOf((await host.state(id)).pid) };
}

const update = (id: string, resources: Json) =>
  host.call(["update", "--resources", "-", id], { input: JSON.stringify(resources) });

/** runc's programs have no name. */
const NAME = intended(kind, { runc: "", tsrun: "tsrun_devices", why: "so that bpftool says whose they are" });

function onlyOurs(t: Test, cgroup: string, what: string): void {
  const programs = deviceProgramsOf(cgroup);
  t.same(
    programs.map(({ name }) => name),
    [NAME],
    what,
  );
}

t.test("one program, and what exec starts is under it too", async (t) => {
  const { id, cgroup } = await staying([DENY, "+c 60:1 r"]);
  onlyOurs(t, cgroup, "created");
  t.same(granted(await askIn(host, id, QUESTIONS)), ["rm", "m", "m", "rwb"]);
  await host.delete(id);
});

t.test("update without device rules leaves them", async (t) => {
  const { id, cgroup } = await staying([DENY, "+c 60:1 r"]);
  const before = deviceProgramsOf(cgroup);
  t.equal((await host.call(["update", "--pids-limit", "40", id])).code, 0);
  t.equal((await update(id, { pids: { limit: 50 } })).code, 0);
  t.equal((await update(id, { devices: [] })).code, 0);
  t.same(deviceProgramsOf(cgroup), before, "the very same program");
  t.same(granted(await askIn(host, id, QUESTIONS)), ["rm", "m", "m", "rwb"]);
  await host.delete(id);
});

t.test("update replaces the rules", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc's update takes no device rules
  const { id, cgroup } = await staying([DENY, "+c 60:1 r"]);
  for (const [rules, expected] of [
    [
      [DENY, "+c 60:2 rw"],
      ["m", "rwbm", "m"],
    ],
    [["+c 60:1 w"], ["wm", "m", "m"]],
    [
      ["+a *:* rwm", "-b *:* rw"],
      ["rwbm", "rwbm", "m"],
    ],
  ] as const) {
    t.equal((await update(id, { devices: rules.map(rule) })).code, 0);
    t.same(granted(await askIn(host, id, QUESTIONS)), [...expected, "rwb"], rules.join(", "));
    onlyOurs(t, cgroup, "not one upon the other");
  }
  t.equal((await update(id, { devices: [rule("+a *:* rwm")] })).code, 0);
  t.same(deviceProgramsOf(cgroup), [], "everything allowed takes no program");
  t.same(granted(await askIn(host, id, QUESTIONS)), ["rwbm", "rwbm", "rwbm", "rwb"]);
  t.equal((await update(id, { devices: [rule(DENY)] })).code, 0);
  onlyOurs(t, cgroup, "and denied again");
  t.same(granted(await askIn(host, id, QUESTIONS)), ["m", "m", "m", "rwb"]);
  await host.delete(id);
});

t.test("update: where another limit is refused the old rules hold, and the other way round", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { id, cgroup } = await staying([DENY, "+c 60:1 r"]);
  const before = deviceProgramsOf(cgroup);
  const pids = (): string | undefined => textOf(join(cgroup, "pids.max"))?.trim();
  const unified = { "pids.max": "33", "pids.none": "1" };
  const first = await update(id, { devices: [rule("+a *:* rwm")], unified });
  t.equal(first.code, 1, messageOf(first));
  t.same(deviceProgramsOf(cgroup), before);
  t.equal(pids(), "max");
  for (let i = before.length; i < PROGRAMS_MAX; i++) attachForeign(cgroup, "allow", "multi");
  const crowd = deviceProgramsOf(cgroup);
  const second = await update(id, { pids: { limit: 77 }, devices: [rule("+c 60:2 rw")] });
  t.equal(second.code, 1);
  t.match(messageOf(second), /^cannot put the device rules in force in \S+: BPF_PROG_ATTACH: E2BIG/);
  t.same(deviceProgramsOf(cgroup), crowd);
  t.equal(pids(), "max");
  t.same(granted(await askIn(host, id, QUESTIONS)), ["rm", "m", "m", "rwb"]);
  await host.delete(id);
});

t.test("100 updates: no moment in which a default device is refused or another is allowed", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { id, cgroup } = await staying([DENY], (config) =>
    script(
      config,
      "(while true >/dev/null; do :; done; touch /refused) & " +
        "while [ ! -e /refused ]; do case $(probe open /dev/c60:2 b) in *EPERM*) ;; *) exit 4;; esac; done; exit 3",
    ),
  );
  for (let round = 0; round < 50; round++) {
    const one = await update(id, { devices: [rule(DENY), rule("+c 60:1 rw")] });
    const other = await update(id, { devices: [rule(DENY)] });
    if (one.code !== 0 || other.code !== 0) t.fail(one.stderr + other.stderr);
  }
  t.equal((await host.state(id)).status, "running", "it would have ended at the first refusal");
  onlyOurs(t, cgroup, "not 101");
  await host.delete(id);
});

t.test("programs of others on the cgroup: update puts its own in their place", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { id, cgroup } = await staying(["+a *:* rwm"]);
  t.same(deviceProgramsOf(cgroup), [], "an open container has none");
  for (const how of ["alone", "override"] as const) {
    attachForeign(cgroup, "deny", how);
    t.equal((await update(id, { devices: [rule("+c 60:1 rw")] })).code, 0, how);
    onlyOurs(t, cgroup, how);
    t.same(granted(await askIn(host, id, QUESTIONS)), ["rwbm", "m", "m", "rwb"]);
    t.equal((await update(id, { devices: [rule("+a *:* rwm")] })).code, 0);
    t.same(deviceProgramsOf(cgroup), [], how);
  }
  for (const count of [1, 2, 5]) {
    for (let i = 0; i < count; i++) attachForeign(cgroup, "deny", "multi");
    t.equal((await update(id, { devices: [rule("+c 60:1 rw")] })).code, 0);
    onlyOurs(t, cgroup, `in place of ${count}`);
    attachForeign(cgroup, "allow", "multi");
    t.equal((await update(id, { devices: [rule("+c 60:2 rw")] })).code, 0);
    onlyOurs(t, cgroup, "beside our own");
    t.same(granted(await askIn(host, id, QUESTIONS)), ["m", "rwbm", "m", "rwb"]);
  }
  await host.delete(id);
});

t.test("programs that a cgroup above has are left there, and hold", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const parent = `/sys/fs/cgroup/${host.tag}-above`;
  mkdirSync(parent);
  attachForeign(parent, "allow", "multi");
  const { id, cgroup } = await staying([DENY, "+c 60:1 r"], (config) => {
    config.linux.cgroupsPath = `/${host.tag}-above/own`;
  });
  t.equal(cgroup, join(parent, "own"));
  onlyOurs(t, cgroup, "its own");
  t.same(
    deviceProgramsOf(parent).map(({ name }) => name),
    ["foreign"],
  );
  t.same(granted(await askIn(host, id, QUESTIONS)), ["rm", "m", "m", "rwb"]);
  attachForeign(parent, "deny", "multi");
  t.equal((await update(id, { devices: [rule("+a *:* rwm")] })).code, 0);
  t.equal(deviceProgramsOf(parent).length, 2);
  t.same(granted(await askIn(host, id, QUESTIONS)), ["", "", "", ""], "both have to grant");
  await host.delete(id);
  rmdirSync(parent);
});

t.test("a cgroup that is there already, with what somebody has left on it", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // with runc 1.1.5 the denial goes on
  for (const rules of [[DENY, "+c 60:1 r"], ["+a *:* rwm"]]) {
    const path = `/${host.tag}-left`;
    mkdirSync(`/sys/fs/cgroup${path}`);
    attachForeign(`/sys/fs/cgroup${path}`, "deny", "multi");
    attachForeign(`/sys/fs/cgroup${path}`, "allow", "multi");
    const { id, cgroup } = await staying(rules, (config) => {
      config.linux.cgroupsPath = path;
    });
    if (rules.length === 2) onlyOurs(t, cgroup, "in place of both");
    else t.same(deviceProgramsOf(cgroup), []);
    const expected = rules.length === 2 ? ["rm", "m", "m", "rwb"] : ["rwbm", "rwbm", "rwbm", "rwb"];
    t.same(granted(await askIn(host, id, QUESTIONS)), expected);
    await host.delete(id);
    await until("the cgroup is gone", () => textOf(join(cgroup, "cgroup.procs")) === undefined, 500).catch(
      () => rmdirSync(cgroup),
    );
  }
});

t.test("a caller who may not: said with its place and what to do, and nothing is left", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle((config) => {
    share(config, "network");
    config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
  });
  const outcome = await host.run(bundle, [], {
    through: ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"],
  });
  t.equal(outcome.code, 1);
  t.match(
    messageOf(outcome),
    /^cannot put the device rules in force in \S+: BPF_PROG_QUERY: EPERM: .*\(config.json#\/linux\/resources\/devices\); hint: cgroup v2 takes device rules only with CAP_SYS_ADMIN and CAP_NET_ADMIN/,
  );
});

t.test("explain tells of the program", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const explained = async (rules: readonly string[], ...format: string[]): Promise<string> =>
    (await host.must(["explain", "--bundle", host.bundle(withNodes(rules)).dir, ...format])).stdout;
  t.match(
    await explained([DENY]),
    /attach an eBPF program of \d+ instructions for the device rules to \/sys\/fs\/cgroup\S+ +\/linux\/resources\/devices\n/,
  );
  t.notMatch(await explained(["+a *:* rwm"]), "eBPF");
  t.match(await explained([DENY], "--format", "sh"), "# (an eBPF program of ");
});

t.test(`${CYCLES} containers leave no program and no cgroup`, async (t) => {
  t.setTimeout(CYCLES * 10_000);
  const bundle = host.bundle(withNodes([DENY, "+c 60:1 rw"]));
  const before = loadedPrograms();
  let most = 0;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const id = await host.created(bundle);
    most = Math.max(most, loadedPrograms());
    await host.must(["delete", "--force", id]);
  }
  t.ok(most > before, "each has had one");
  // The kernel frees them some time after their cgroup is gone.
  const left = await until("no program is left", () => loadedPrograms() <= before && "none", 30_000).catch(
    () => `${loadedPrograms() - before} of ${CYCLES}`,
  );
  t.equal(left, "none");
  t.comment(
    `${CYCLES} cycles: ${before} programs before, at most ${most} in between, ${loadedPrograms()} after`,
  );
  t.same(cgroupsOf(host.tag), []);
});

await host.end();
