/** process: what config.json says about the program, asked inside. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { askingArgs } from "./support/answers.ts";
import { answersOf, messageOf, onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();

t.test("args and environment arrive as they are", async (t) => {
  const odd = ["with space", "", "quote\"and'apostrophe", "new\nline", "ünïcode", "-dash", "$HOME", "*"];
  const env = ["PATH=/bin", "EMPTY=", "SPACES= a  b ", "EQUALS=a=b=c", "UNI=ö", "LOWER_case.9=x"];
  const [args, seen] = await host.ask(["args", "env"], (config) => {
    config.process.env = env;
  });
  t.same(args, ["/bin/probe", "do", "args", ",", "env"]);
  t.same(
    seen.filter((entry) => !entry.startsWith("HOME=")),
    env,
  );
  const bundle = host.bundle((config) => {
    config.process.args = ["/bin/probe", "args", ...odd];
  });
  const [words] = answersOf(["args"] as const, await host.run(bundle));
  t.same(words, ["/bin/probe", "args", ...odd]);
});

t.test("the environment of the caller does not reach the program", async (t) => {
  const [env] = await host.ask(["env"], undefined, [], {
    env: {
      PATH: process.env["PATH"] ?? "",
      LD_LIBRARY_PATH: "/leak",
      GOMAXPROCS: "1",
      TTRPC_ADDRESS: "/leak",
      SECRET: "leak",
    },
  });
  t.notOk(
    env.some((entry) => /leak|GOMAXPROCS/.test(entry)),
    env.join(" "),
  );
});

t.test("a name without a slash is looked for in the PATH of config.json, in order", async (t) => {
  const questions = ["proc"] as const;
  const bundle = host.bundle((config) => {
    config.process.args = ["tool", "proc"];
    config.process.env = ["PATH=/first:/second"];
  });
  mkdirSync(join(bundle.rootfs, "first"));
  mkdirSync(join(bundle.rootfs, "second"));
  writeFileSync(join(bundle.rootfs, "first/tool"), "not executable");
  copyFileSync(join(bundle.rootfs, "bin/probe"), join(bundle.rootfs, "second/tool"));
  chmodSync(join(bundle.rootfs, "second/tool"), 0o755);
  const [proc] = answersOf(questions, await host.run(bundle));
  t.equal(proc.exe, "/second/tool");
});

t.test("HOME comes from the container's passwd where config.json does not set it", async (t) => {
  const home = async (uid: number, ...env: string[]): Promise<string | undefined> => {
    const [seen] = await host.ask(["env"], (config) => {
      config.process.user = { uid, gid: uid };
      config.process.env = ["PATH=/bin", ...env];
    });
    return seen.findLast((entry) => entry.startsWith("HOME="));
  };
  t.equal(await home(0), "HOME=/root");
  t.equal(await home(1000), "HOME=/home/user");
  t.equal(await home(4321), "HOME=/", "a user that passwd does not know");
  t.equal(await home(1000, "HOME=/elsewhere"), "HOME=/elsewhere");
});

t.test("cwd", async (t) => {
  const [cwd] = await host.ask(["cwd"], (config) => {
    config.process.cwd = "/usr/bin";
  });
  t.equal(cwd.cwd, "/usr/bin");
  const [made] = await host.ask(["cwd"], (config) => {
    config.process.cwd = "/not/there/before";
  });
  t.equal(made.cwd, "/not/there/before", "a folder that is missing is made");
});

t.test("a cwd outside the container is refused (CVE-2024-21626)", async (t) => {
  for (const cwd of ["/proc/self/fd/7", "/proc/self/fd/7/../.."]) {
    const bundle = host.bundle((config) => {
      config.process.args = askingArgs(["cwd"]);
      config.process.cwd = cwd;
    });
    const outcome = await host.run(bundle, [], { launch: ["open=7:/sys/fs/cgroup"] });
    if ((await host.kind()) === "tsrun") t.equal(outcome.code, 1, cwd);
    t.notMatch(outcome.stdout, "sys/fs");
  }
});

t.test("rlimits", async (t) => {
  const [limits] = await host.ask(["limits"], (config) => {
    config.process.rlimits = [
      { type: "RLIMIT_NOFILE", soft: 100, hard: 200 },
      { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      { type: "RLIMIT_NPROC", soft: 50, hard: 60 },
      { type: "RLIMIT_STACK", soft: 4_194_304, hard: 8_388_608 },
      { type: "RLIMIT_MSGQUEUE", soft: 1000, hard: 1000 },
      { type: "RLIMIT_RTTIME", soft: 5_000_000, hard: 5_000_000 },
      { type: "RLIMIT_CPU", soft: 10, hard: 10 },
      { type: "RLIMIT_FSIZE", soft: 9_007_199_254_740_992, hard: 9_007_199_254_740_992 },
    ];
  });
  t.same(limits["RLIMIT_NOFILE"], [100, 200]);
  t.same(limits["RLIMIT_CORE"], [0, 0]);
  t.same(limits["RLIMIT_NPROC"], [50, 60]);
  t.same(limits["RLIMIT_STACK"], [4_194_304, 8_388_608]);
  t.same(limits["RLIMIT_MSGQUEUE"], [1000, 1000]);
  t.same(limits["RLIMIT_RTTIME"], [5_000_000, 5_000_000]);
  t.same(limits["RLIMIT_CPU"], [10, 10]);
  t.same(limits["RLIMIT_FSIZE"], [9_007_199_254_740_992, 9_007_199_254_740_992]);
});

t.test("without rlimits the caller's reach the program, also the number of open files", async (t) => {
  const [limits] = await host.ask(["limits"], undefined, [], { launch: ["nofile=777"] });
  if ((await host.kind()) === "runc")
    t.comment("runc 1.1.5 is built with Go 1.19, which raises the soft limit and leaves it");
  else t.equal(limits["RLIMIT_NOFILE"]?.[0], 777);
  t.type(limits["RLIMIT_CORE"]?.[0], "number");
});

t.test("unlimited survives as it is", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.args = askingArgs(["limits"]);
    config.process.rlimits = [{ type: "RLIMIT_AS", soft: 2 ** 64, hard: 2 ** 64 }];
  });
  const file = join(bundle.dir, "config.json");
  // JSON.stringify cannot write this number: 2^64 - 1 has no double.
  writeFileSync(file, readFileSync(file, "utf8").replaceAll(String(2 ** 64), "18446744073709551615"));
  const [limits] = answersOf(["limits"] as const, await host.run(bundle));
  t.same(limits["RLIMIT_AS"], ["unlimited", "unlimited"]);
});

t.test("oomScoreAdj", async (t) => {
  for (const value of [500, 0, 1000]) {
    const [oom] = await host.ask(["oom"], (config) => {
      config.process.oomScoreAdj = value;
    });
    t.equal(oom.oomScoreAdj, value);
  }
});

t.test("oomScoreAdj is the caller's where config.json has none", async (t) => {
  const [oom] = await host.ask(["oom"]);
  t.equal(oom.oomScoreAdj, Number(readFileSync("/proc/self/oom_score_adj", "utf8")));
});

t.test("personality", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [linux32, plain] = await Promise.all(
    ["LINUX32", "LINUX"].map((domain) =>
      host.ask(["personality"], (config) => {
        config.linux.personality = { domain };
      }),
    ),
  );
  t.equal(linux32?.[0].persona, "0000000000000008");
  t.equal(linux32?.[0].machine, "i686");
  t.equal(plain?.[0].persona, "0000000000000000");
});

t.test("scheduler", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  const [batch] = await host.ask(["sched"], (config) => {
    config.process.scheduler = { policy: "SCHED_BATCH", nice: 5 };
  });
  t.match(batch, { policy: 3, nice: 5 });
  const [idle] = await host.ask(["sched"], (config) => {
    config.process.scheduler = { policy: "SCHED_IDLE", flags: ["SCHED_FLAG_RESET_ON_FORK"] };
  });
  t.match(idle, { policy: 5, flags: 1 });
});

t.test("ioPriority", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.2 and later
  for (const [name, number] of [
    ["IOPRIO_CLASS_BE", 2],
    ["IOPRIO_CLASS_IDLE", 3],
  ] as const) {
    const [seen] = await host.ask(["ioprio"], (config) => {
      config.process.ioPriority = { class: name, priority: 4 };
    });
    t.equal(seen.class, number);
    if (number === 2) t.equal(seen.priority, 4);
  }
});

t.test("memoryPolicy", async (t) => {
  if (!(await onlyTsrun(host, t))) return; // runc 1.4 and later
  const [seen] = await host.ask(["mempolicy"], (config) => {
    config.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] };
  });
  t.equal(seen.mode, 2 | (1 << 15));
  t.equal(seen.nodes, "0000000000000001");
});

t.test("process is required to run, and its fields are checked", async (t) => {
  const bundle = host.bundle((config) => {
    config.process.cwd = "relative";
  });
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), /[Cc]wd must be an absolute path/);
});

await host.end();
