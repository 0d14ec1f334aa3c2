/**
 * Set-ups that never come to their end: a process inside the container stops tsrun-init, the host does, a hook hangs. A signal that
 * asks tsrun to end is heard all the same, and nothing is left. In the foreground the first one is for the program.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { type Config, type Patch, probe, script, share } from "../support/config.ts";
import { onlyTsrun, openHost, type Running, type TestBundle } from "../support/host.ts";
import { hasEnded, textOf, until } from "../support/outside.ts";
import { patience, some } from "../support/slow.ts";

const host = openHost({ busybox: true });
t.setTimeout(patience(300_000));
if (!(await onlyTsrun(host, t))) {
  await host.end();
  process.exit(0);
}

const NUMBERS = { SIGTERM: 15, SIGINT: 2 } as const;
type Name = keyof typeof NUMBERS;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, patience(ms)));

function childrenOf(pid: number): number[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`) ?? "";
  return text.split(" ").filter(Boolean).map(Number);
}

function stateOf(pid: number): string | undefined {
  return /^State:\t(\w)/m.exec(textOf(`/proc/${pid}/status`) ?? "")?.[1];
}

/**
 * Sends the signals one after the other: only the last ends the call, soon, with one line that names it and what was waited for.
 * Answers the children that it had until then.
 */
async function endedBy(t: Test, call: Running, signals: readonly Name[], waitedFor: RegExp): Promise<void> {
  const children = childrenOf(call.pid);
  for (const [index, name] of signals.entries()) {
    const before = Date.now();
    call.kill(name);
    if (index < signals.length - 1) {
      await pause(200);
      t.notOk(hasEnded(call.pid), `${name} is for the program`);
      continue;
    }
    const outcome = await call.ended;
    t.equal(outcome.code, 128 + NUMBERS[name], `ends with ${name}`);
    t.ok(Date.now() - before < patience(5000), "soon");
    t.match(outcome.stderr, new RegExp(`^interrupted by ${name}: .*\n$`), "one line");
    t.match(outcome.stderr, waitedFor);
  }
  for (const pid of children) t.ok(hasEnded(pid), "what it waited for has ended");
}

/** Nothing of a container is left. */
function isGone(t: Test, id: string, cgroup: string): void {
  t.notOk(existsSync(join(host.stateRoot, id)), "no state");
  t.same(
    ["devices", "memory", "unified", ""].filter((name) => existsSync(join("/sys/fs/cgroup", name, cgroup))),
    [],
    "no cgroup",
  );
}

const FOREGROUND: readonly (readonly Name[])[] = [
  ["SIGTERM", "SIGTERM"],
  ["SIGINT", "SIGINT"],
  ["SIGINT", "SIGTERM"],
];
const DETACHED: readonly (readonly Name[])[] = [["SIGTERM"], ["SIGINT"]];

/** The shell of the container's root, which stops the process that gets the next pid as soon as it is there. */
const STOPPER = "echo ready; while ! kill -STOP 2 2>/dev/null; do :; done; echo stopped; exec sleep 1000";

for (const [detach, rounds] of [
  [false, FOREGROUND],
  [true, DETACHED],
] as const) {
  for (const signals of rounds) {
    const title = `exec${detach ? " -d" : ""} whose helper the container's root stops: ${signals.join(", ")}`;
    t.test(title, async (t) => {
      const id = host.id();
      const create = host.start(["create", "-b", host.bundle((config) => script(config, STOPPER)).dir, id]);
      await create.ended;
      await host.must(["start", id]);
      await until("it is ready", () => create.stdout().includes("ready"));
      const exec = host.start(["exec", ...(detach ? ["-d"] : []), id, "/bin/probe", "sleep", "1000"]);
      await until("it is stopped", () => create.stdout().includes("stopped"));
      const [helper = 0] = await until("the helper", () => {
        const found = childrenOf(exec.pid).filter((pid) => stateOf(pid) === "T");
        return found.length > 0 && found;
      });
      await pause(200);
      t.notOk(hasEnded(exec.pid), "exec waits");
      await endedBy(t, exec, signals, /the process was /);
      t.ok(hasEnded(helper), "the helper is gone");
      t.equal((await host.state(id)).status, "running", "the container runs on");
      t.match((await host.must(["ps", "--format", "json", id])).stdout, /^\[\d+\]\n$/, "with one process");
      t.equal(
        (await host.must(["exec", id, "/bin/sh", "-c", "echo hi"])).stdout,
        "hi\n",
        "the next exec works",
      );
      await host.delete(id);
    });
  }
}

/** A hook on the host that stops the container's first process. */
const stopsFirst: Patch = (config) => {
  // The state is one line of JSON.
  const text = `kill -STOP "$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/')"`;
  config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", text] }] };
};

const hangs = (
  stage: "prestart" | "createRuntime" | "createContainer" | "startContainer" | "poststart",
): Patch => {
  return (config) => {
    const path = stage === "startContainer" ? "/bin/busybox" : "/bin/sleep";
    config.hooks = { [stage]: [{ path, args: ["sleep", "1000"] }] };
  };
};

interface Case {
  readonly how: string;
  readonly patch: Patch;
  readonly waitedFor: RegExp;
  /** Whether `create` comes to its end, and `start` waits. */
  readonly atStart?: boolean;
}

const CASES: readonly Case[] = [
  {
    how: "the first process is stopped",
    patch: stopsFirst,
    waitedFor: /the container's first process was setting up/,
  },
  { how: "a prestart hook hangs", patch: hangs("prestart"), waitedFor: /prestart hook #0 was running/ },
  {
    how: "a createRuntime hook hangs",
    patch: hangs("createRuntime"),
    waitedFor: /createRuntime hook #0 was/,
  },
  {
    how: "a createContainer hook hangs",
    patch: hangs("createContainer"),
    waitedFor: /first process was setting up/,
  },
  {
    how: "a startContainer hook hangs",
    patch: hangs("startContainer"),
    waitedFor: /a startContainer hook/,
    atStart: true,
  },
  {
    how: "a poststart hook hangs",
    patch: hangs("poststart"),
    waitedFor: /poststart hook #0 was/,
    atStart: true,
  },
];

/** Namespaces of its own, and the host's process ids: nothing takes its processes along there. */
const WHERE: readonly (readonly [string, Patch])[] = [
  ["", () => undefined],
  [", in the host's pid namespace", (config) => share(config, "pid")],
];

function bundleOf(id: string, ...patches: readonly Patch[]): TestBundle {
  return host.bundle((config: Config) => {
    probe(config, "sleep", "1000");
    config.linux.cgroupsPath = `/${id}`;
    for (const patch of patches) patch(config);
  });
}

/** Waits until the call has a child that is stopped or asleep for good: nothing else is going on. */
async function settled(call: Running): Promise<void> {
  await until("it hangs", () => childrenOf(call.pid).length > 0 || undefined);
  await pause(400);
}

for (const { how, patch, waitedFor, atStart } of CASES) {
  for (const [where, shared] of WHERE) {
    t.test(`${how}${where}`, async (t) => {
      for (const signals of some(t, FOREGROUND, 3)) {
        const id = host.id();
        const call = host.start(["run", "-b", bundleOf(id, patch, shared).dir, id]);
        await settled(call);
        await endedBy(t, call, signals, waitedFor);
        isGone(t, id, id);
      }
      for (const signals of some(t, DETACHED, 2)) {
        const id = host.id();
        const bundle = bundleOf(id, patch, shared);
        const run = host.start(["run", "-d", "-b", bundle.dir, id]);
        await settled(run);
        await endedBy(t, run, signals, waitedFor);
        isGone(t, id, id);
        const create = host.start(["create", "-b", bundle.dir, id]);
        if (atStart) {
          t.equal((await create.ended).code, 0);
          const { pid } = await host.state(id);
          const start = host.start(["start", id]);
          await pause(400);
          await endedBy(t, start, signals, waitedFor);
          t.ok(hasEnded(pid), "its first process has ended");
          t.equal((await host.state(id)).status, "stopped");
          await host.must(["delete", id]);
        } else {
          await settled(create);
          await endedBy(t, create, signals, waitedFor);
        }
        isGone(t, id, id);
      }
    });
  }
}

t.test("a created container whose first process is stopped: start", async (t) => {
  for (const signals of DETACHED) {
    const id = await host.created(host.bundle((config) => probe(config, "sleep", "1000")));
    const { pid } = await host.state(id);
    process.kill(pid, "SIGSTOP");
    const start = host.start(["start", id]);
    await pause(300);
    t.notOk(hasEnded(start.pid), "start waits");
    await endedBy(t, start, signals, /the container's first process was executing its program/);
    t.ok(hasEnded(pid), "its first process has ended");
    t.equal((await host.state(id)).status, "stopped");
    await host.must(["delete", id]);
  }
});

t.test("more signals than are needed, also during the clean-up, leave nothing either", async (t) => {
  const id = host.id();
  const call = host.start(["run", "-b", bundleOf(id, hangs("createRuntime")).dir, id]);
  await settled(call);
  // Those that come while one is waiting to be delivered are one to the kernel.
  for (let i = 0; i < 8 && !hasEnded(call.pid); i++) {
    call.kill("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const { code, signal } = await call.ended;
  t.ok(code === 143 || signal === "SIGTERM", `ended by it: ${code} ${signal}`);
  await host.call(["delete", "--force", id]);
  isGone(t, id, id);
});

t.test("what the caller ignores is ignored", async (t) => {
  const id = host.id();
  const call = host.start(["create", "-b", bundleOf(id, hangs("createRuntime")).dir, id], {
    launch: ["ignore=2"],
  });
  await settled(call);
  call.kill("SIGINT");
  await pause(200);
  t.notOk(hasEnded(call.pid), "SIGINT is ignored");
  await endedBy(t, call, ["SIGTERM"], /createRuntime hook/);
  isGone(t, id, id);
});

await host.end();
