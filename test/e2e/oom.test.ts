/** A kill for want of memory is explained: in the state, in the list, and where a start fails for it. */
import t from "tap";
import { probe } from "./support/config.ts";
import { messageOf, openHost, type State } from "./support/host.ts";
import { THROWAWAY } from "./support/machine.ts";

// systemd removes the cgroup with its last process, and the kernel's counts with it.
const host = openHost({ only: "tsrun", cgroupfs: true });
const LIMIT = 16 << 20;

type Explained = State & { readonly reason?: string };

t.test("the state and the list of a container that was killed", async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "eat", String(64 << 20));
    config.linux.resources["memory"] = { limit: LIMIT, swap: LIMIT };
  });
  const id = await host.running(bundle);
  const stopped: Explained = await host.reaches(id, "stopped");
  t.match(stopped.reason, `killed by the memory limit of ${LIMIT} bytes`);
  const [listed] = JSON.parse((await host.must(["list", "--format", "json"])).stdout) as Explained[];
  t.equal(listed?.reason, stopped.reason);
  await host.delete(id);
});

t.test("memory and swap together", async (t) => {
  const bundle = host.bundle((config) => {
    probe(config, "eat", String(64 << 20));
    config.linux.resources["memory"] = { limit: LIMIT };
  });
  const id = await host.running(bundle);
  const stopped: Explained = await host.reaches(id, "stopped");
  t.match(stopped.reason, `killed by the memory limit of ${LIMIT} bytes`, "without swap on the host");
  await host.delete(id);
});

t.test("a container that ended by itself has no reason", async (t) => {
  const bundle = host.bundle((config) => {
    config.linux.resources["memory"] = { limit: LIMIT };
  });
  const id = await host.running(bundle);
  t.notOk("reason" in (await host.reaches(id, "stopped")));
  await host.delete(id);
});

t.test("a start whose program does not fit says so", async (t) => {
  const bundle = host.bundle((config) => {
    // The kernel copies the environment for execve: 1.8 MB, charged to the container.
    for (let i = 0; i < 18; i++) config.process.env.push(`A${i}=${"x".repeat(100_000)}`);
    config.linux.resources["memory"] = { limit: 1 << 20, swap: 1 << 20 };
  });
  const id = await host.created(bundle);
  const outcome = await host.call(["start", id]);
  // Where the host's process 1 reaps at once, as that of a throw-away machine, nobody can tell in time that execve has failed.
  if (!(THROWAWAY && outcome.code === 0)) {
    t.equal(outcome.code, 1);
    t.match(
      messageOf(outcome),
      `the container's first process ended before it executed its program: killed by the memory limit of ${1 << 20} bytes ` +
        "(config.json#/linux/resources/memory/limit); hint: raise the limit",
    );
  }
  t.match(
    ((await host.reaches(id, "stopped")) as Explained).reason,
    "killed by the memory limit of 1048576 bytes",
  );
  await host.delete(id);
});

t.test(
  "an exec whose program does not fit says so, and an earlier kill explains no later failure",
  async (t) => {
    const bundle = host.bundle((config) => {
      probe(config, "sleep", "1000");
      config.linux.resources["memory"] = { limit: 1 << 20, swap: 1 << 20 };
    });
    const id = await host.running(bundle);
    const env = Array.from({ length: 18 }, (_, i) => ["--env", `A${i}=${"x".repeat(100_000)}`]).flat();
    const outcome = await host.call(["exec", ...env, id, "/bin/probe", "true"]);
    t.equal(outcome.code, 255);
    t.match(messageOf(outcome), `killed by the memory limit of ${1 << 20} bytes`);
    t.equal((await host.state(id)).status, "running");
    const other = await host.call(["exec", id, "/no-such-program"]);
    t.equal(other.code, 255);
    t.notMatch(messageOf(other), "memory");
    await host.delete(id);
  },
);

await host.end();
