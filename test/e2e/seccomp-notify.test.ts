/** SCMP_ACT_NOTIFY: an agent on the host answers system calls for the container (config-linux.md, listenerPath). */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import type { Json, Patch } from "./support/config.ts";
import { messageOf, onlyTsrun, openHost, PROBE } from "./support/host.ts";
import { until } from "./support/outside.ts";

const host = openHost();

/** The process state that an agent reads. */
interface Heard {
  readonly ociVersion: string;
  readonly fds: readonly string[];
  readonly pid: number;
  readonly metadata?: string;
  readonly state: {
    readonly id: string;
    readonly status: string;
    readonly pid: number;
    readonly bundle: string;
    readonly annotations?: Record<string, string>;
  };
}

/** An agent that answers mkdir with EMEDIUMTYPE and lets everything else go on. */
interface Agent {
  readonly path: string;
  states(): readonly Heard[];
  /** The numbers of the calls that it was asked about. */
  calls(): readonly number[];
}

let agents = 0;

async function agent(t: Test): Promise<Agent> {
  agents += 1;
  const path = join(host.dir, `agent-${agents}`);
  const child = spawn(PROBE, ["seccomp-agent", path], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.on("data", (bytes: Buffer) => {
    text += bytes.toString();
  });
  t.teardown(() => child.kill("SIGKILL"));
  await until("the agent listens", () => text.includes("listening"));
  const lines = (): readonly unknown[] =>
    text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as unknown);
  return {
    path,
    states: () =>
      lines().filter((line): line is Heard => typeof line === "object" && line !== null && "fds" in line),
    calls: () =>
      lines().flatMap((line) =>
        typeof line === "object" && line !== null && "call" in line ? [Number(line.call)] : [],
      ),
  };
}

function asking(path: string | undefined, names: readonly string[], more: Record<string, Json> = {}): Patch {
  return (config) => {
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      ...(path === undefined ? {} : { listenerPath: path }),
      ...more,
      syscalls: [{ names: [...names], action: "SCMP_ACT_NOTIFY" }],
    };
  };
}

const WAYS: readonly (readonly [string, Patch])[] = [
  ["with noNewPrivileges", () => {}],
  [
    "without",
    (config) => {
      config.process.noNewPrivileges = false;
    },
  ],
  [
    "as a user, without",
    (config) => {
      config.process.noNewPrivileges = false;
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.capabilities = {};
    },
  ],
];

t.test("the agent answers for the container", async (t) => {
  for (const [name, patch] of WAYS) {
    const { path, states, calls } = await agent(t);
    const bundle = host.bundle((config) => {
      patch(config);
      asking(path, ["mkdir", "mkdirat"], { listenerMetadata: "some words" })(config);
      config.annotations = { note: "x" };
      config.process.args = ["/bin/probe", "do", "mkdir", "/tmp/made", ",", "caps"];
    });
    const { stdout } = await host.run(bundle);
    t.match(stdout, /"error":"EMEDIUMTYPE"/, name);
    t.match(stdout, /"effective":"00000000(00000000|20000420)"/, `${name}: no privilege is left`);
    t.notOk(existsSync(join(bundle.rootfs, "tmp/made")), name);
    t.equal(calls().length, 1, name);
    const [heard, ...others] = states();
    t.equal(others.length, 0);
    t.match(
      heard,
      {
        fds: ["seccompFd"],
        metadata: "some words",
        state: { status: "creating", bundle: bundle.dir, annotations: { note: "x" } },
      },
      name,
    );
    t.ok(heard !== undefined && heard.pid > 0 && heard.pid === heard.state.pid);
  }
});

t.test("create hands the listener over, not start", async (t) => {
  const { path, states } = await agent(t);
  const id = await host.created(host.bundle(asking(path, ["mkdir", "mkdirat"])));
  await until("the listener has come", () => states().length === 1);
  t.equal(states()[0]?.state.id, id);
  t.notOk("metadata" in (states()[0] ?? {}));
  await host.must(["start", id]);
  await host.reaches(id, "stopped");
  await host.delete(id);
});

t.test("calls that the runtime itself makes after the filter may be asked about", async (t) => {
  const { path, calls } = await agent(t);
  const patch = asking(path, ["read", "close", "openat", "execve"]);
  const [nnp] = await host.ask(["nnp"], patch);
  t.equal(nnp.seccomp, 2);
  t.ok(calls().length > 0);
});

t.test("exec has a listener of its own", async (t) => {
  const { path, states, calls } = await agent(t);
  for (const [index, [name, patch]] of WAYS.entries()) {
    const bundle = host.bundle((config) => {
      patch(config);
      asking(path, ["mkdir", "mkdirat"])(config);
      config.process.args = ["/bin/probe", "pid1", "sleep", "600"];
    });
    const id = await host.running(bundle);
    const { stdout } = await host.call(["exec", id, "/bin/probe", "mkdir", "/tmp/made"]);
    t.match(stdout, /"error":"EMEDIUMTYPE"/, name);
    t.equal(calls().length, index + 1);
    const own = states().filter(({ state }) => state.id === id);
    t.same(
      own.map(({ state }) => state.status),
      ["creating", "running"],
    );
    t.equal(own[1]?.state.pid, own[0]?.pid, "the state is the container's");
    t.not(own[1]?.pid, own[0]?.pid, "the process is another");
    await host.delete(id);
  }
});

t.test("what cannot be", async (t) => {
  const fails = async (patch: Patch, words: RegExp): Promise<void> => {
    const outcome = await host.run(host.bundle(patch));
    t.not(outcome.code, 0);
    t.match(messageOf(outcome), words);
  };
  const { path } = await agent(t);
  await fails(asking(join(host.dir, "nobody"), ["mkdir"]), /nobody.*(ENOENT|no such file)/);
  await fails(asking(path, ["write"]), /SCMP_ACT_NOTIFY cannot be used for the write syscall/);
  await fails(asking(undefined, ["mkdir"]), /listenerPath is not set/);
  await fails(
    asking(path, ["mkdir"], { defaultAction: "SCMP_ACT_NOTIFY" }),
    /SCMP_ACT_NOTIFY cannot be used as default action/,
  );
});

t.test("WAIT_KILLABLE_RECV, and what check says of an agent that is not there", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const { path, calls } = await agent(t);
  const flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
  const bundle = host.bundle((config) => {
    asking(path, ["mkdir", "mkdirat"], { flags })(config);
    config.process.args = ["/bin/probe", "mkdir", "/tmp/made"];
  });
  t.match((await host.run(bundle)).stdout, /EMEDIUMTYPE/);
  t.equal(calls().length, 1);
  t.equal((await host.call(["check", "--bundle", bundle.dir], { bare: true })).code, 0);
  const alone = host.bundle(asking(join(host.dir, "nobody"), ["mkdir"]));
  const { code, stdout } = await host.call(["check", "--bundle", alone.dir], { bare: true });
  t.equal(code, 1);
  t.match(stdout, /send the seccomp listener to .*nobody: connect: ENOENT.*\/linux\/seccomp\/listenerPath/);
});

t.test("without a rule that asks, nobody is told", async (t) => {
  const [nnp] = await host.ask(["nnp"], (config) => {
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: join(host.dir, "nobody"),
      syscalls: [{ names: ["sync"], action: "SCMP_ACT_ERRNO" }],
    };
  });
  t.equal(nnp.seccomp, 2);
});

await host.end();
