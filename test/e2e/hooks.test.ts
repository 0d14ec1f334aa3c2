/** hooks: the six stages, their order, where they run, what they read and inherit. */
import { join } from "node:path";
import t from "tap";
import { type HookEntry, probe, script } from "./support/config.ts";
import { hooksLog, STAGES, type Stage, sh } from "./support/hooks.ts";
import { openHost, type State } from "./support/host.ts";
import { namespaceOf, until } from "./support/outside.ts";

const host = openHost({ busybox: true });

t.test("each stage runs once, in order, at its time", async (t) => {
  const { bundle, log, write } = hooksLog(host, "order");
  bundle.config.hooks = Object.fromEntries(
    STAGES.map((stage) => [stage, [write(stage, `echo ${stage} >> LOG/order`)]]),
  );
  script(bundle.config, "echo program >> /log/order; sleep 1000");
  bundle.save();
  const order = (): string[] => log("order").trim().split("\n");
  const id = await host.created(bundle);
  // runc 1.1.5 runs poststart hooks when create ends, before the program starts.
  const early = (await host.kind()) === "runc" ? ["poststart"] : [];
  t.same(order(), ["prestart", "createRuntime", "createContainer", ...early]);
  await host.must(["start", id]);
  await until("the program has run", () => order().includes("program"));
  t.same([...order()].sort(), [
    "createContainer",
    "createRuntime",
    "poststart",
    "prestart",
    "program",
    "startContainer",
  ]);
  t.equal(order()[3 + early.length], "startContainer");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  t.notOk(order().includes("poststop"));
  await host.must(["delete", id]);
  t.equal(order().at(-1), "poststop");
  t.equal(order().length, 7);
});

t.test("the state on standard input", async (t) => {
  const { bundle, log, write } = hooksLog(host, "state");
  bundle.config.hooks = Object.fromEntries(
    STAGES.map((stage) => [stage, [write(stage, `cat > LOG/${stage}`)]]),
  );
  bundle.config.annotations = { "org.example.key": "value" };
  probe(bundle.config, "sleep", "1000");
  bundle.save();
  const id = await host.running(bundle);
  const { pid } = await host.state(id);
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
  const tsrun = (await host.kind()) === "tsrun";
  // runtime.md, Lifecycle, as the official validation reads it; runc 1.1.5 differs in the commented places.
  const statuses: Record<Stage, string[]> = {
    prestart: ["creating", "created"],
    createRuntime: ["creating", "created"],
    createContainer: ["creating", "created"],
    startContainer: ["created"],
    poststart: ["running"],
    poststop: ["stopped"],
  };
  for (const stage of STAGES) {
    const state = JSON.parse(log(stage)) as State;
    t.equal(state.id, id, stage);
    t.equal(state.bundle, bundle.dir, stage);
    t.match(state.ociVersion, /^1\./);
    t.same(state.annotations, { "org.example.key": "value" });
    if (tsrun) t.ok(statuses[stage].includes(state.status), `${stage}: ${state.status}`);
    if (stage === "prestart" || stage === "createRuntime" || stage === "poststart")
      t.equal(state.pid, pid, stage);
    if (stage === "poststop" && tsrun) t.equal(state.pid ?? 0, 0, "no process is left to name");
  }
});

t.test("where each stage runs: namespaces, root, folder", async (t) => {
  const { bundle, log, write } = hooksLog(host, "where");
  bundle.config.hooks = Object.fromEntries(
    STAGES.map((stage) => [
      stage,
      [
        write(
          stage,
          `readlink /proc/self/ns/mnt > LOG/${stage}.mnt; readlink /proc/self/ns/pid > LOG/${stage}.pid; test -e /log; echo $? > LOG/${stage}.inside`,
        ),
      ],
    ]),
  );
  probe(bundle.config, "sleep", "1000");
  bundle.save();
  const id = await host.running(bundle);
  const { pid } = await host.state(id);
  const container = namespaceOf(pid, "mnt");
  await host.must(["kill", id, "KILL"]);
  await host.reaches(id, "stopped");
  await host.must(["delete", id]);
  const of = (stage: Stage, what: string): string => log(`${stage}.${what}`).trim();
  for (const stage of ["prestart", "createRuntime", "poststart", "poststop"] as const) {
    t.equal(of(stage, "mnt"), namespaceOf("self", "mnt"), stage);
    t.equal(of(stage, "pid"), namespaceOf("self", "pid"), stage);
    t.equal(of(stage, "inside"), "1", stage);
  }
  t.equal(of("createContainer", "mnt"), container);
  t.equal(of("createContainer", "inside"), "1", "before pivot_root: still the host's files");
  t.equal(of("startContainer", "mnt"), container);
  t.equal(of("startContainer", "inside"), "0", "inside the container");
});

t.test("args, env and path of a hook are what config.json says", async (t) => {
  const { bundle, log, folder } = hooksLog(host, "args");
  const file = join(folder, "out");
  bundle.config.hooks = {
    prestart: [
      {
        path: "/bin/sh",
        args: [
          "a-name",
          "-c",
          `echo "$0|$*|$A|$B|$HOME" > ${file}; tr '\\0' ' ' < /proc/$$/cmdline >> ${file}`,
          "zero",
          "one",
          "two words",
        ],
        env: ["A=1", "B=", "PATH=/bin:/usr/bin"],
      },
    ],
  };
  bundle.save();
  await host.run(bundle);
  t.match(log("out"), /^zero\|one two words\|1\|\|\n/);
  t.match(log("out"), /^a-name -c /m, "args[0] is the program's own name");
});

t.test("a hook without env gets the runtime's own, one with an empty list gets nothing", async (t) => {
  for (const [name, env] of [
    ["without", undefined],
    ["empty", []],
  ] as const) {
    const { bundle, log, folder } = hooksLog(host, `env-${name}`);
    const hook: HookEntry = {
      path: "/bin/sh",
      args: ["sh", "-c", `/usr/bin/env > ${join(folder, "out")}`],
    };
    if (env !== undefined) hook.env = [...env];
    bundle.config.hooks = { prestart: [hook] };
    bundle.save();
    await host.run(bundle, [], { env: { PATH: "/usr/bin:/bin", MARK: "of the caller" } });
    if (name === "without") t.match(log("out"), "MARK=of the caller");
    else if ((await host.kind()) === "tsrun") t.notMatch(log("out"), "MARK");
  }
});

t.test("a hook sees the container's process in its cgroups already", async (t) => {
  const { bundle, log, folder } = hooksLog(host, "cgroup");
  bundle.config.hooks = {
    prestart: [
      sh(
        `sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p' | { read pid; cat /proc/$pid/cgroup; } > ${join(folder, "out")}`,
      ),
    ],
  };
  bundle.save();
  const id = host.id();
  await host.must(["run", "-b", bundle.dir, id]);
  t.match(log("out"), id);
});

t.test("descriptors of the runtime do not leak into hooks", async (t) => {
  const stages = ["prestart", "createContainer", "poststart", "poststop"] as const;
  const { bundle, log, folder } = hooksLog(host, "fds");
  const file = folder;
  // The shell opens none of its own for an exec'd ls, which itself opens the folder.
  bundle.config.hooks = Object.fromEntries(
    stages.map((stage) => [stage, [sh(`ls /proc/self/fd > ${file}/${stage}`)]]),
  );
  bundle.save();
  await host.run(bundle, [], { launch: ["open=9:/dev/zero", "close=10", "close=251"] });
  const runc = (await host.kind()) === "runc";
  for (const stage of stages) {
    const open = log(stage).trim().split("\n").map(Number);
    // The caller's own descriptor may be passed on; what matters is that nothing of the runtime's is.
    if (!runc)
      t.same(
        open.filter((fd) => fd > 3 && fd !== 9),
        [],
        `${stage}: ${open.join(" ")}`,
      );
  }
});

await host.end();
