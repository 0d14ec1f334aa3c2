/** What tsrun waits for never comes: a container's root stops what exec brings in, a hook does not end. A second signal ends it. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { openHost } from "../support/host.ts";
import { cgroupsOf, hasEnded, processesOf, until } from "../support/outside.ts";

const host = openHost({ busybox: true, only: "tsrun" });

/** Stops every process of the container but itself, over and over. */
const STOPPER = "while :; do kill -STOP -1; done";

/** The processes of a container that are stopped. */
function stoppedIn(tag: string): readonly number[] {
  return processesOf(tag)
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => {
      try {
        return /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      } catch {
        return false;
      }
    });
}

for (const [name, number] of [
  ["SIGTERM", 15],
  ["SIGINT", 2],
] as const) {
  t.test(`exec into a container whose root stops it, and ${name} twice`, async (t) => {
    const bundle = host.bundle((config) => {
      config.process.args = ["/bin/sh", "-c", STOPPER];
    });
    const id = await host.running(bundle);
    const exec = host.start(["exec", id, "/bin/true"], { limit: 60_000 });
    const [helper = 0] = await until("the helper to be stopped", () => {
      const found = stoppedIn(host.tag);
      return found.length > 0 ? found : undefined;
    });
    exec.kill(name);
    exec.kill(name);
    // Two of the same that wait together are one.
    await until("the end of exec", () => {
      if (!hasEnded(exec.pid)) exec.kill(name);
      return hasEnded(exec.pid);
    });
    const { code, stderr, signal } = await exec.ended;
    t.same({ code, signal }, { code: 128 + number, signal: null });
    t.match(
      stderr,
      new RegExp(`^ended by a second signal, ${name}, while waiting for [^\\n]*; hint: [^\\n]*\\n$`),
    );
    await until("the helper's end", () => hasEnded(helper));
    t.equal((await host.state(id)).status, "running");
    await host.delete(id);
  });
}

t.test("run with a hook that does not end", async (t) => {
  const note = join(host.dir, "hook-runs");
  const hook = join(host.dir, "hook");
  writeFileSync(hook, `#!/bin/sh\necho $$ > ${note}\nexec sleep 1000\n`, { mode: 0o755 });
  const bundle = host.bundle((config) => {
    config.hooks = { createRuntime: [{ path: hook }] };
  });
  const id = host.id();
  const run = host.start(["run", "-b", bundle.dir, id], { limit: 60_000 });
  await until("the hook to run", () => existsSync(note) && readFileSync(note, "utf8").endsWith("\n"));
  const sleeper = Number(readFileSync(note, "utf8"));
  await until("the end of run", () => {
    if (!hasEnded(run.pid)) run.kill("SIGTERM");
    return hasEnded(run.pid);
  });
  const { code, stderr } = await run.ended;
  t.equal(code, 143);
  t.match(stderr, /^ended by a second signal, SIGTERM, while waiting for [^\n]*\/hook; hint: [^\n]*\n$/);
  t.ok(hasEnded(sleeper), "the hook is killed");
  t.notOk(existsSync(join(host.stateRoot, id)), "no state is left");
  t.same(cgroupsOf(id), []);
});

t.test("run whose first process another container's root stops while it is set up", async (t) => {
  const stopper = await host.running(
    host.bundle((config) => {
      config.process.args = ["/bin/sh", "-c", STOPPER];
    }),
  );
  const { pid } = await host.state(stopper);
  // It joins the other's pid namespace, and waits there in a hook: time enough.
  const note = join(host.dir, "joined");
  const hook = join(host.dir, "slow-hook");
  writeFileSync(hook, `#!/bin/sh\necho > ${note}\nsleep 1\n`, { mode: 0o755 });
  const bundle = host.bundle((config) => {
    config.hooks = { createRuntime: [{ path: hook }] };
    config.linux.namespaces = config.linux.namespaces.map((namespace) =>
      namespace.type === "pid" ? { type: "pid", path: `/proc/${pid}/ns/pid` } : namespace,
    );
  });
  const id = host.id();
  const run = host.start(["run", "-b", bundle.dir, id], { limit: 60_000 });
  await until("its first process to be stopped", () => stoppedIn(host.tag).length > 0);
  await until("the end of run", () => {
    if (!hasEnded(run.pid)) run.kill("SIGTERM");
    return hasEnded(run.pid);
  });
  const { code, stderr } = await run.ended;
  t.equal(code, 143);
  t.match(stderr, /^ended by a second signal, SIGTERM, while waiting for [^\n]*\n$/);
  t.notOk(existsSync(join(host.stateRoot, id)), "no state is left");
  await host.delete(stopper);
});
