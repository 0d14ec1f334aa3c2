/** hooks: the six stages, their order, what they read, what their failure does. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { type HookEntry, probe, script } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, type State, type TestBundle } from "./support/host.ts";
import { cgroupsOf, namespaceOf, textOf, until } from "./support/outside.ts";

const host = openHost({ busybox: true });
const STAGES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
type Stage = (typeof STAGES)[number];
const shared = join(host.dir, "hooks");
mkdirSync(shared);

/** A hook of the host or of the container: /bin/sh is in both. */
function sh(text: string, extra: Partial<HookEntry> = {}): HookEntry {
  return { path: "/bin/sh", args: ["sh", "-c", text], env: ["PATH=/bin:/usr/bin"], ...extra };
}

/** A bundle whose hooks write below /hooks-log, which both sides see under that name. */
function logging(name: string): {
  bundle: TestBundle;
  log(file: string): string;
  write(stage: Stage, text: string): HookEntry;
} {
  const folder = join(shared, name);
  mkdirSync(folder);
  const inside = ["startContainer"];
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/log", type: "bind", source: folder, options: ["bind"] });
    probe(config, "write", "/log/program", "ran");
  });
  return {
    bundle,
    log: (file) => textOf(join(folder, file)) ?? "",
    write: (stage, text) => sh(text.replaceAll("LOG", inside.includes(stage) ? "/log" : folder)),
  };
}

t.test("each stage runs once, in order, at its time", async (t) => {
  const { bundle, log, write } = logging("order");
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
  const { bundle, log, write } = logging("state");
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
  const { bundle, log, write } = logging("where");
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
  const { bundle, log } = logging("args");
  const file = join(shared, "args", "out");
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
    const { bundle, log } = logging(`env-${name}`);
    const hook: HookEntry = {
      path: "/bin/sh",
      args: ["sh", "-c", `/usr/bin/env > ${join(shared, `env-${name}`, "out")}`],
    };
    if (env !== undefined) hook.env = [...env];
    bundle.config.hooks = { prestart: [hook] };
    bundle.save();
    await host.run(bundle, [], { env: { PATH: "/usr/bin:/bin", MARK: "of the caller" } });
    if (name === "without") t.match(log("out"), "MARK=of the caller");
    else if ((await host.kind()) === "tsrun") t.notMatch(log("out"), "MARK");
  }
});

t.test("a hook that does not read its input is no failure", async (t) => {
  const { bundle } = logging("epipe");
  bundle.config.annotations = { large: "x".repeat(200_000) };
  bundle.config.hooks = Object.fromEntries(STAGES.map((stage) => [stage, [sh("exec <&-; exit 0")]]));
  bundle.save();
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
});

t.test("a failing hook before the start fails create, and poststop hooks run", async (t) => {
  for (const stage of ["prestart", "createRuntime", "createContainer"] as const) {
    const { bundle, log, write } = logging(`fail-${stage}`);
    bundle.config.hooks = {
      [stage]: [
        write(stage, "true"),
        write(stage, "echo complaint >&2; exit 7"),
        write(stage, "touch LOG/third"),
      ],
      poststop: [write("poststop", "echo ran > LOG/poststop")],
    };
    bundle.save();
    const id = host.id();
    const outcome = await host.call(["create", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1, stage);
    t.match(messageOf(outcome), /error running (\w+ )?hook/);
    t.match(messageOf(outcome), "complaint", "what the hook wrote is shown");
    t.match(messageOf(outcome), "7");
    if ((await host.kind()) === "tsrun") t.match(messageOf(outcome), `config.json#/hooks/${stage}/1`);
    t.equal(log("third"), "", "the hooks after it do not run");
    t.equal((await host.call(["state", id])).code, 1, "nothing is left");
    t.same(cgroupsOf(id), []);
    if ((await host.kind()) === "tsrun") t.equal(log("poststop"), "ran\n");
  }
});

t.test("a failing startContainer hook fails start: the program does not run", async (t) => {
  const { bundle, log, write } = logging("fail-start");
  bundle.config.hooks = { startContainer: [write("startContainer", "exit 5")] };
  bundle.save();
  const id = await host.created(bundle);
  const outcome = await host.call(["start", id]);
  if ((await host.kind()) === "tsrun") {
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), "error running");
  } else t.comment("runc's start returns 0: an exec fifo cannot say that the rest failed");
  await host.reaches(id, "stopped");
  t.equal(log("program"), "");
  await host.delete(id);
});

t.test("a failing poststart hook stops the container and fails start", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { bundle, write } = logging("fail-poststart");
  bundle.config.hooks = { poststart: [write("poststart", "exit 5")] };
  probe(bundle.config, "sleep", "1000");
  bundle.save();
  const id = await host.created(bundle);
  const outcome = await host.call(["start", id]);
  t.equal(outcome.code, 1);
  t.match(messageOf(outcome), "error running");
  const after = await host.call(["state", id]);
  if (after.code === 0) t.match(after.stdout, /"status": "stopped"/);
  await host.delete(id);
});

t.test("a failing poststop hook is reported, and the container is gone all the same", async (t) => {
  const { bundle, log, write } = logging("fail-poststop");
  bundle.config.hooks = {
    poststop: [write("poststop", "exit 5"), write("poststop", "echo ran > LOG/second")],
  };
  bundle.save();
  const id = await host.running(bundle);
  await host.reaches(id, "stopped");
  const outcome = await host.call(["delete", id]);
  t.equal((await host.call(["state", id])).code, 1);
  t.same(cgroupsOf(id), []);
  if ((await host.kind()) === "tsrun") {
    t.match(outcome.stderr, /poststop/);
    t.equal(log("second"), "ran\n", "the spec: the remaining hooks run");
  }
});

t.test("a hook that takes too long is ended", async (t) => {
  for (const stage of ["prestart", "createContainer"] as const) {
    const { bundle } = logging(`timeout-${stage}`);
    bundle.config.hooks = { [stage]: [sh("exec sleep 1000", { timeout: 1 })] };
    bundle.save();
    const id = host.id();
    const before = Date.now();
    const outcome = await host.call(["create", "-b", bundle.dir, id]);
    t.equal(outcome.code, 1, stage);
    t.match(messageOf(outcome), /hook/);
    t.match(messageOf(outcome), /timed out|too long|timeout/);
    t.ok(Date.now() - before < 8000, "soon after its second");
    t.equal((await host.call(["state", id])).code, 1);
  }
});

t.test("a hook that is not there, or cannot be executed", async (t) => {
  const plain = join(host.dir, "plain");
  writeFileSync(plain, "#!/bin/sh\n", { mode: 0o644 });
  for (const [path, words] of [
    ["/no/such/hook", /no such file or directory/],
    [plain, /permission denied/],
  ] as const) {
    const bundle = host.bundle((config) => {
      config.hooks = { prestart: [{ path }] };
    });
    const outcome = await host.run(bundle);
    t.equal(outcome.code, 1);
    t.match(messageOf(outcome), words);
  }
});

t.test("a hook sees the container's process in its cgroups already", async (t) => {
  const { bundle, log } = logging("cgroup");
  bundle.config.hooks = {
    prestart: [
      sh(
        `sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p' | { read pid; cat /proc/$pid/cgroup; } > ${join(shared, "cgroup", "out")}`,
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
  const { bundle, log } = logging("fds");
  const file = join(shared, "fds");
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
