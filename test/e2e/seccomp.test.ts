/** linux.seccomp (config-linux.md, Seccomp): what a filter does to the container's system calls. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { dockerFilter } from "../../scripts/docker-filter.ts";
import type { Config, Json, Patch } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost({ busybox: true });
const x86 = process.arch === "x64" ? false : "needs x86_64's system calls";

/** System calls of x86_64 that a probe does not need itself. */
const GETPGID = 121;
const GETPRIORITY = 140;
const ALARM = 37;
const SYNC = 162;
/** Far beyond what any kernel has. */
const UNKNOWN = 3000;

/** A filter of some rules on top of a default. */
function filter(rules: readonly Json[], more: Record<string, Json> = {}): Patch {
  return (config) => {
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      ...more,
      syscalls: [...rules],
    };
  };
}

const rule = (action: string, name: string, more: Record<string, Json> = {}): Json => ({
  names: [name],
  action,
  ...more,
});

const all =
  (...patches: readonly Patch[]): Patch =>
  (config) => {
    for (const patch of patches) patch(config);
  };
const withPrivileges: Patch = (config) => {
  config.process.noNewPrivileges = false;
};
const asUser: Patch = (config) => {
  config.process.user = { uid: 1000, gid: 1000 };
  config.process.capabilities = {};
};
const mapped: Patch = (config) => {
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }];
  config.linux.gidMappings = [{ containerID: 0, hostID: 200000, size: 65536 }];
};

/** What a system call answers in a container. */
async function tried(
  patch: Patch,
  number: number,
  way: "64" | "32" | "x32" = "64",
  ...args: readonly string[]
): Promise<{ readonly result?: number; readonly error?: string }> {
  const [answer] = await host.ask([["call", way, String(number), ...args]], patch);
  return answer;
}

/** How a container ends that makes one system call. */
async function ended(patch: Patch, number: number): Promise<{ code: number | null; stdout: string }> {
  const bundle = host.bundle(
    all(patch, (config) => {
      config.process.args = ["/bin/probe", "call", "64", String(number)];
    }),
  );
  return host.run(bundle);
}

const WAYS: readonly (readonly [string, Patch])[] = [
  ["with noNewPrivileges", () => {}],
  ["without noNewPrivileges", withPrivileges],
  ["as a user, with noNewPrivileges", asUser],
  ["as a user, without noNewPrivileges", all(asUser, withPrivileges)],
  ["in a user namespace", all(mapped, withPrivileges)],
];

t.test("ERRNO, with its own errno and the default one, however privileged", { skip: x86 }, async (t) => {
  for (const [name, patch] of WAYS) {
    const refusing = filter([
      rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 95 }),
      rule("SCMP_ACT_ERRNO", "sync"),
      rule("SCMP_ACT_ERRNO", "alarm", { errnoRet: 0 }),
    ]);
    const [pgid, sync, alarm, nnp, caps] = await host.ask(
      [
        ["call", "64", `${GETPGID}`],
        ["call", "64", `${SYNC}`],
        ["call", "64", `${ALARM}`, "5"],
        "nnp",
        "caps",
      ],
      all(patch, refusing),
    );
    t.same(pgid, { error: "EOPNOTSUPP" }, `${name}: getpgid`);
    t.same(sync, { error: "EPERM" }, `${name}: sync`);
    t.same(alarm, { result: 0 }, `${name}: alarm`);
    t.equal(nnp.seccomp, 2, name);
    t.notMatch(caps.permitted, /2[0-9a-f]{5}$/, `${name}: no CAP_SYS_ADMIN is left`);
  }
});

t.test("every action", { skip: x86 }, async (t) => {
  const SIGSYS = 128 + 31;
  for (const action of ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"]) {
    const { code, stdout } = await ended(filter([rule(action, "getpgid")]), GETPGID);
    t.same([code, stdout], [SIGSYS, ""], action);
  }
  for (const [action, wanted] of [
    ["SCMP_ACT_ALLOW", { result: 1 }],
    ["SCMP_ACT_LOG", { result: 1 }],
    // Nobody traces.
    ["SCMP_ACT_TRACE", { error: "ENOSYS" }],
  ] as const) {
    const patch = filter([rule(action, "getpgid", action === "SCMP_ACT_TRACE" ? { errnoRet: 7 } : {})], {
      defaultAction: action === "SCMP_ACT_ALLOW" ? "SCMP_ACT_LOG" : "SCMP_ACT_ALLOW",
    });
    t.same(await tried(patch, GETPGID), wanted, action);
  }
});

t.test(
  "conditions: every operator, 64 bits, several together and on one argument",
  { skip: x86 },
  async (t) => {
    const big = 0x1_0000_0005;
    const cases: readonly (readonly [string, Record<string, Json>, readonly number[], readonly number[]])[] =
      [
        ["SCMP_CMP_EQ", { value: big }, [big], [5, big + 1]],
        ["SCMP_CMP_NE", { value: big }, [5], [big]],
        ["SCMP_CMP_LT", { value: big }, [5, big - 1], [big]],
        ["SCMP_CMP_LE", { value: big }, [big], [big + 1]],
        ["SCMP_CMP_GE", { value: big }, [big, big + 1], [big - 1, 6]],
        ["SCMP_CMP_GT", { value: big }, [big + 1], [big, 0xffffffff]],
        ["SCMP_CMP_MASKED_EQ", { value: 0xf0, valueTwo: 0x30 }, [0x35, 0x1030], [0x40, 0]],
      ];
    for (const [op, values, hits, misses] of cases) {
      const patch = filter([
        rule("SCMP_ACT_ERRNO", "getpriority", { errnoRet: 95, args: [{ index: 1, op, ...values }] }),
      ]);
      const asked = [...hits, ...misses];
      const answers = await host.ask(
        asked.map((value) => ["call", "64", `${GETPRIORITY}`, "9", String(value)] as const),
        patch,
      );
      t.same(
        answers.map(({ error }) => error === "EOPNOTSUPP"),
        asked.map((_, at) => at < hits.length),
        `${op} ${JSON.stringify(asked)}`,
      );
    }
    const both = [
      { index: 0, op: "SCMP_CMP_EQ", value: 9 },
      { index: 1, op: "SCMP_CMP_EQ", value: 1 },
    ];
    const either = [
      { index: 0, op: "SCMP_CMP_EQ", value: 9 },
      { index: 0, op: "SCMP_CMP_EQ", value: 8 },
    ];
    for (const [args, wanted] of [
      [both, [true, false, false]],
      [either, [true, true, true]],
    ] as const) {
      const patch = filter([rule("SCMP_ACT_ERRNO", "getpriority", { errnoRet: 95, args: [...args] })]);
      const answers = await host.ask(
        [
          ["call", "64", `${GETPRIORITY}`, "9", "1"],
          ["call", "64", `${GETPRIORITY}`, "9", "2"],
          ["call", "64", `${GETPRIORITY}`, "8", "1"],
        ],
        patch,
      );
      t.same(
        answers.map(({ error }) => error === "EOPNOTSUPP"),
        wanted,
      );
    }
  },
);

t.test("architectures: a filter holds on those it names, and kills on others", { skip: x86 }, async (t) => {
  const GETPGID_32 = 132;
  const named = filter([rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 95 })]);
  t.same(await tried(named, GETPGID_32, "32"), { error: "EOPNOTSUPP" });
  t.same(await tried(named, GETPGID, "x32"), { error: "EOPNOTSUPP" });
  const own = filter([rule("SCMP_ACT_ERRNO", "getpgid")], { architectures: [] });
  const bundle = host.bundle(
    all(own, (config) => {
      config.process.args = ["/bin/probe", "call", "32", String(GETPGID_32)];
    }),
  );
  t.equal((await host.run(bundle)).code, 128 + 31);
});

/** What a probe that only tries calls needs, and what runtimes need under a filter. */
const NEEDED = dockerFilter().syscalls;

t.test("what is newer than the filter is ENOSYS, what it leaves out is refused", { skip: x86 }, async (t) => {
  const without = (name: string): Json =>
    NEEDED.map(({ names, ...rest }) => ({ ...rest, names: names.filter((each) => each !== name) })) as Json;
  for (const [name, patch] of WAYS) {
    const strict = (config: Config): void => {
      config.linux.seccomp = { ...dockerFilter(), syscalls: without("sync") };
    };
    const [sync, unknown, unknown32, getpgid] = await host.ask(
      [
        ["call", "64", `${SYNC}`],
        ["call", "64", `${UNKNOWN}`],
        ["call", "32", `${UNKNOWN}`],
        ["call", "64", `${GETPGID}`],
      ],
      all(patch, strict),
    );
    t.same(sync, { error: "EPERM" }, `${name}: left out`);
    t.same(unknown, { error: "ENOSYS" }, `${name}: newer`);
    t.same(unknown32, { error: "ENOSYS" }, `${name}: newer, 32 bits`);
    t.same(getpgid, { result: 1 }, `${name}: allowed`);
  }
});

t.test("an engine's own profile, with a shell, in the words of /proc", async (t) => {
  for (const patch of [() => {}, withPrivileges]) {
    const bundle = host.bundle(
      all(patch, (config) => {
        config.linux.seccomp = { ...dockerFilter(), syscalls: [...NEEDED] as unknown as Json };
        config.process.args = [
          "/bin/sh",
          "-c",
          "cd /tmp && mkdir -p a/b && ls -d a/* | cat && (sleep 0 & wait) && grep -E '^Seccomp' /proc/self/status; mount -t tmpfs x /tmp 2>&1; unshare -U true 2>&1; exit 3",
        ];
      }),
    );
    const { code, stdout } = await host.run(bundle);
    t.equal(code, 3, stdout);
    t.match(stdout, /^a\/b\nSeccomp:\s+2\nSeccomp_filters:\s+1\n/);
    t.match(stdout, /[Pp]ermission denied|not permitted/, "what it forbids is forbidden");
  }
});

t.test("exec runs under the container's filter", { skip: x86 }, async (t) => {
  const refusing = filter([rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 95 })]);
  for (const patch of [refusing, all(refusing, withPrivileges), all(refusing, mapped)]) {
    const bundle = host.bundle(
      all(patch, (config) => {
        config.process.args = ["/bin/probe", "pid1", "sleep", "600"];
      }),
    );
    const id = await host.running(bundle);
    for (const options of [[], ["--user", "1000:1000"]]) {
      const { stdout } = await host.must(["exec", ...options, id, "/bin/probe", "call", "64", `${GETPGID}`]);
      t.same(JSON.parse(stdout), { error: "EOPNOTSUPP" });
    }
    await host.delete(id);
  }
});

t.test(
  "in the pid namespace of another container, where no privilege is kept for long",
  { skip: x86 },
  async (t) => {
    const first = await host.running(
      host.bundle((config) => {
        config.process.args = ["/bin/probe", "pid1", "sleep", "600"];
      }),
    );
    const { pid } = await host.state(first);
    const bundle = host.bundle((config) => {
      withPrivileges(config);
      config.linux.seccomp = { ...dockerFilter(), syscalls: [...NEEDED] as unknown as Json };
      config.linux.namespaces = config.linux.namespaces.map((namespace) =>
        namespace.type === "pid" ? { type: "pid", path: `/proc/${pid}/ns/pid` } : namespace,
      );
      config.process.args = ["/bin/probe", "do", "nnp", ",", "call", "64", String(UNKNOWN)];
    });
    const id = await host.created(bundle);
    const waiting = readFileSync(`/proc/${(await host.state(id)).pid}/status`, "utf8");
    t.match(waiting, /^CapPrm:\t0000000020000420$/m, "it waits without more than its own");
    t.match(waiting, /^Seccomp:\t2$/m);
    await host.must(["start", id]);
    await host.reaches(id, "stopped");
    for (const each of [id, first]) await host.delete(each);
  },
);

t.test("without libseccomp the error names the package, for create and check", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle(filter([rule("SCMP_ACT_ERRNO", "no_such_call_yet")]));
  const hide =
    'for f in $(ldconfig -p | sed -n "s/.*libseccomp.*=> //p"); do mount --bind /dev/null "$f"; done; exec "$0" "$@"';
  for (const words of [
    ["--root", host.stateRoot, "create", "--bundle", bundle.dir, host.id()],
    ["check", "--bundle", bundle.dir],
  ]) {
    const run = spawnSync("unshare", ["-m", "sh", "-c", hide, host.runtime, ...words], { encoding: "utf8" });
    t.equal(run.status, 1);
    t.match(
      `${run.stderr}${run.stdout}`,
      /there is no libseccomp\.so\.2.*\/linux\/seccomp.*libseccomp2 on Debian/,
    );
  }
  t.equal((await host.run(bundle)).code, 0, "it is there again");
});

t.test("flags", { skip: x86 }, async (t) => {
  const kept = [rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 95 })];
  for (const flags of [
    [],
    ["SECCOMP_FILTER_FLAG_LOG"],
    ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    ["SECCOMP_FILTER_FLAG_TSYNC"],
  ]) {
    const kind = await host.kind();
    // runc 1.1 has none yet.
    if (kind === "runc" && flags.length > 0) continue;
    t.same(await tried(filter(kept, { flags }), GETPGID), { error: "EOPNOTSUPP" }, flags.join(" "));
  }
});

t.test("unknown calls are skipped, and no filter at all is no filter", async (t) => {
  const [nnp] = await host.ask(["nnp"], filter([rule("SCMP_ACT_ERRNO", "no_such_call_on_earth")]));
  t.equal(nnp.seccomp, 2);
  const [without] = await host.ask(["nnp"], (config) => {
    config.linux.seccomp = null;
  });
  t.equal(without.seccomp, 0);
});

t.test("a filter that forbids execve: the error says so, and nothing is left", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const [also, words] of [
    [[], /execve \/bin\/probe: EPERM: .*/],
    [["sendmsg"], /execve \/bin\/probe: EPERM: .*/],
    [["sendmsg", "write"], /ended before it executed its program/],
    [["sendmsg", "write", "exit_group"], /ended before it executed its program/],
  ] as const) {
    const bundle = host.bundle(
      filter(
        ["execve", ...also].map((name) => rule("SCMP_ACT_ERRNO", name)),
        { architectures: [] },
      ),
    );
    const outcome = await host.run(bundle);
    t.not(outcome.code, 0);
    t.match(messageOf(outcome), words, also.join(" "));
    t.match(outcome.stderr, /filter/, "the hint speaks of the filter");
  }
  const killing = host.bundle(filter([rule("SCMP_ACT_KILL_PROCESS", "execve")]));
  t.match(messageOf(await host.run(killing)), /ended before it executed its program/);
});

t.test("set-user-ID programs and startContainer hooks run under it", async (t) => {
  const bundle = host.bundle(
    all(withPrivileges, filter([rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 95 })]), (config) => {
      config.hooks = {
        startContainer: [
          { path: "/bin/sh", args: ["sh", "-c", "grep ^Seccomp: /proc/self/status > /hooked"] },
        ],
      };
      config.process.args = ["/bin/probe", "do", "nnp", ",", "read", "/hooked"];
    }),
  );
  const { stdout } = await host.run(bundle);
  t.match(stdout, /"seccomp":2/);
  t.match(stdout, /Seccomp:\\u00092/, "the hook's own");
});

t.test("compiled filters are kept, and what was damaged is compiled anew", { skip: x86 }, async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const folder = join(host.stateRoot, "~seccomp");
  const refusing = filter([rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 77 })]);
  const before = new Set(readdirSync(folder));
  const works = async (what: string): Promise<void> => {
    t.same(await tried(refusing, GETPGID), { error: "EBADFD" }, what);
  };
  await works("compiled");
  const [name = ""] = readdirSync(folder).filter((each) => !before.has(each));
  const file = join(folder, name);
  t.equal(statSync(folder).mode & 0o777, 0o700);
  t.equal(statSync(file).mode & 0o777, 0o600);
  const good = readFileSync(file);
  const { ino } = statSync(file);
  await works("kept");
  t.equal(statSync(file).ino, ino, "it is not written again");
  for (const [what, damage] of [
    ["cut", () => truncateSync(file, good.length - 8)],
    ["cut to nothing", () => truncateSync(file, 0)],
    ["one bit of the program", () => writeFileSync(file, flipped(good, good.length - 3))],
    ["one bit of the header", () => writeFileSync(file, flipped(good, 0))],
    ["longer", () => writeFileSync(file, Buffer.concat([good, Buffer.alloc(8)]))],
  ] as const) {
    damage();
    await works(what);
    t.same(readFileSync(file).length, good.length, `${what}: replaced`);
  }
  const listed = JSON.parse((await host.must(["list", "--format", "json"])).stdout) as unknown[];
  t.same(listed ?? [], [], "no container is called so");
});

function flipped(bytes: Buffer, at: number): Buffer {
  const other = Buffer.from(bytes);
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

t.test("no more than 64 filters are kept", { skip: x86 }, async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const folder = join(host.stateRoot, "~seccomp");
  for (let i = 0; i < 70; i++) writeFileSync(join(folder, i.toString(16).padStart(16, "0")), "x");
  for (let i = 0; i < 12; i++)
    await tried(filter([rule("SCMP_ACT_ERRNO", "getpgid", { errnoRet: 100 + i })]), GETPGID);
  t.equal(readdirSync(folder).length, 64);
});

await host.end();
