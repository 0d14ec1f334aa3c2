/** Many containers under containerd, some that do their worst, and shims and daemons that are killed beside them. */
import { join } from "node:path";
import { processesOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { type Containerd, leftOf, must, remove, running, taskStatus } from "./containerd.ts";
import type { RuntimeName } from "./corner.ts";
import { lineOf } from "./engine.ts";
import { AT_ONCE, atOnce, bombSeen, counted, inSequence, SEQUENCE, threeKills } from "./load.ts";

const SLEEPER = ["/bin/sleep", "1000"];
const MEMORY = ["--memory-limit", String(20 << 20)];
const HOW_MANY = 5;

/** `ctr run` of a script in the foreground. */
async function script(
  { ctr, run, corner }: Containerd,
  runtime: RuntimeName,
  text: string,
  options: readonly string[] = [],
): Promise<string> {
  const words = run(runtime, ["--rm", ...options], corner.name(), "/bin/sh", "-c", text);
  return lineOf(await ctr(words, { limit: 90_000 }));
}

/** What is left of containers after some time for clean-up. */
async function leftLater(ids: readonly string[]): Promise<string> {
  await until("nothing left", () => ids.flatMap(leftOf).length === 0).catch(() => undefined);
  return ids.flatMap(leftOf).join(" ") || "nothing";
}

/** ctr knows no limit of processes: the bomb comes with a configuration of its own. */
function bombConfig({ corner }: Containerd, id: string): string {
  const namespaces = ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type }));
  const bomb = "f() { sleep 1000 & f & f; }; while :; do (f) 2>/dev/null; done";
  return corner.file(
    `${id}.json`,
    JSON.stringify({
      ociVersion: "1.0.2",
      process: { args: ["/bin/sh", "-c", bomb], cwd: "/", env: ["PATH=/bin"], user: { uid: 0, gid: 0 } },
      root: { path: corner.rootfs },
      mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
      linux: { namespaces, cgroupsPath: `/${corner.tag}/${id}`, resources: { pids: { limit: 30 } } },
    }),
  );
}

/** All that may run with both runtimes at the same time. */
export const LOAD: readonly Case<Containerd>[] = [
  {
    name: `${AT_ONCE} containers at once`,
    expect: `${AT_ONCE} times 3 done`,
    run: (containerd, runtime) => atOnce(() => script(containerd, runtime, "echo done; exit 3")),
  },
  {
    ...SEQUENCE,
    run: ({ ctr, run, corner }, runtime) =>
      inSequence(runtime, async () => lineOf(await ctr(run(runtime, ["--rm"], corner.name(), "/bin/true")))),
  },
  {
    name: "a fork bomb under a limit of processes",
    expect: "RUNNING, the limit was met, never more than 30, then nothing",
    run: async (containerd, runtime) => {
      const { corner } = containerd;
      const id = corner.name();
      const shim = ["--runtime", "io.containerd.runc.v2", "--runc-binary", corner.runtime(runtime)];
      const root = ["--runc-root", join(corner.dir, `runtime-${runtime}`)];
      await must(containerd, [
        "run",
        "--detach",
        ...shim,
        ...root,
        "--config",
        bombConfig(containerd, id),
        id,
      ]);
      const seen = await bombSeen(id, () => taskStatus(containerd, id));
      await remove(containerd, id);
      return `${seen}, then ${await leftLater([id])}`;
    },
  },
  {
    name: "ten containers that run out of memory",
    expect: "10 times 137",
    run: async (containerd, runtime) => {
      const answers: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        answers.push(await script(containerd, runtime, "exec /bin/tail /dev/zero", MEMORY));
      }
      return counted(answers);
    },
  },
  {
    name: "a program that runs out of memory again and again",
    expect: "killed three times and more, RUNNING, then nothing",
    run: async (containerd, runtime) => {
      const loop = ["/bin/sh", "-c", "while :; do /bin/tail /dev/zero; done"];
      let id = "";
      const seen = await running(
        containerd,
        runtime,
        loop,
        async (container) => {
          id = container;
          return `${await threeKills(id)}, ${await taskStatus(containerd, id)}`;
        },
        MEMORY,
      );
      return `${seen}, then ${await leftLater([id])}`;
    },
  },
  {
    name: "execs at once",
    expect: `${AT_ONCE} times 0 x`,
    run: (containerd, runtime) =>
      running(containerd, runtime, SLEEPER, (id) => {
        let count = 0;
        return atOnce(async () => {
          count += 1;
          const fifos = ["--fifo-dir", join(containerd.corner.dir, "fifo"), "--exec-id", `e${count}`];
          return lineOf(
            await containerd.ctr(["task", "exec", ...fifos, id, "/bin/echo", "x"], { limit: 90_000 }),
          );
        });
      }),
  },
  {
    name: "a shim killed with SIGKILL",
    expect: "nothing, the id can be had again",
    run: (containerd, runtime) =>
      running(containerd, runtime, SLEEPER, async (id) => {
        const shims = processesOf(id).filter((line) => /containerd-shim/.test(line));
        const shim = shims.find((line) => line.includes(`${id} `)) ?? "";
        process.kill(Number(shim.split(" ")[0]), "SIGKILL");
        const left = await leftLater([id]);
        await remove(containerd, id);
        const again = await containerd.ctr(containerd.run(runtime, ["--detach"], id, ...SLEEPER));
        return `${left}, ${again.code === 0 ? "the id can be had again" : again.stderr}`;
      }),
  },
];

/** What takes the daemon away from both. */
export const KILLING: readonly Case<Containerd>[] = [
  {
    name: "containerd killed with SIGKILL, and started again",
    expect: `${HOW_MANY} times RUNNING, exec: 0 x, then nothing`,
    run: async (containerd, runtime) => {
      const { corner, ctr } = containerd;
      const make = async (id: string): Promise<string> => {
        await ctr(containerd.run(runtime, ["--detach"], id, ...SLEEPER));
        return id;
      };
      const ids = await Promise.all(Array.from({ length: HOW_MANY }, () => make(corner.name())));
      await containerd.restartKilled();
      const states = await Promise.all(ids.map((id) => taskStatus(containerd, id)));
      const fifos = ["--fifo-dir", join(corner.dir, "fifo"), "--exec-id", "e1"];
      const exec = lineOf(await ctr(["task", "exec", ...fifos, ids[0] ?? "", "/bin/echo", "x"]));
      for (const id of ids) await remove(containerd, id);
      return `${counted(states)}, exec: ${exec}, then ${await leftLater(ids)}`;
    },
  },
];
