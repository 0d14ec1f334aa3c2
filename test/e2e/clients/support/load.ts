/** Many containers, at once and one after another; containers that do their worst; daemons that die in the middle. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { cgroupsOf, processesOf, textOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import type { RuntimeName } from "./corner.ts";
import { type Engine, IMAGE, inspect, lineOf, must, removal, run, running } from "./engine.ts";

/** How many containers there are at once. */
export const AT_ONCE = 30;

/** How many one after another: runc's are there to see that the engine can do it, and take as much time as tsrun's. */
export const IN_SEQUENCE: Readonly<Record<RuntimeName, number>> = { runc: 50, tsrun: 200 };

/** The case of containers one after another, but for how one is run. */
export const SEQUENCE = {
  name: `${IN_SEQUENCE.tsrun} containers one after another, ${IN_SEQUENCE.runc} with runc`,
  expect: "all 0",
  limit: 300_000,
} as const;

/** The different answers, each with how often it came. */
export function counted(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].map(([answer, count]) => `${count} times ${answer}`).join("; ");
}

/** Does something `AT_ONCE` times at once; the answers, counted. */
export async function atOnce(one: () => Promise<string>): Promise<string> {
  return counted(await Promise.all(Array.from({ length: AT_ONCE }, one)));
}

/** Does something as often as the runtime's share is, one after another: `all 0`, or the answers, counted. */
export async function inSequence(runtime: RuntimeName, one: () => Promise<string>): Promise<string> {
  const answers: string[] = [];
  for (let round = 0; round < IN_SEQUENCE[runtime]; round += 1) answers.push(await one());
  return answers.every((answer) => answer === "0") ? "all 0" : counted(answers);
}

/** A container's cgroup that has a file. */
function folderWith(id: string, file: string): string {
  return cgroupsOf(id).find((path) => existsSync(join(path, file))) ?? "no cgroup";
}

/** Waits until processes of a container have been killed three times for want of memory. */
export function threeKills(id: string): Promise<string> {
  return until("the third kill", () => {
    const texts = ["memory.oom_control", "memory.events"].map((file) =>
      textOf(join(folderWith(id, file), file)),
    );
    const kills = Number(/^oom_kill (\d+)/m.exec(texts.join("\n"))?.[1]);
    return kills >= 3 && "killed three times and more";
  });
}

/** What a fork bomb with a limit of 30 comes to in a second and a half, by its cgroup: whether it runs, and what it met. */
export async function bombSeen(id: string, status: () => Promise<string>): Promise<string> {
  const folder = folderWith(id, "pids.current");
  let most = 0;
  const end = Date.now() + 1500;
  await until("the bomb", () => {
    most = Math.max(most, Number(textOf(join(folder, "pids.current"))));
    return Date.now() > end;
  });
  const met = Number(/max (\d+)/.exec(textOf(join(folder, "pids.events")) ?? "")?.[1]) > 0;
  const limit = most <= 30 ? "never more than 30" : `${most} at once`;
  return `${await status()}, ${met ? "the limit was met" : "the limit was not met"}, ${limit}`;
}

/** All of them. */
export const LOAD: readonly Case<Engine>[] = [
  {
    name: `${AT_ONCE} containers at once`,
    expect: `${AT_ONCE} times 3 done`,
    run: (engine, runtime) =>
      atOnce(async () =>
        lineOf(
          await run(engine, runtime, ["--rm", IMAGE, "sh", "-c", "echo done; exit 3"], { limit: 90_000 }),
        ).slice(0, 6),
      ),
  },
  {
    ...SEQUENCE,
    run: (engine, runtime) =>
      inSequence(runtime, async () => lineOf(await run(engine, runtime, ["--rm", IMAGE, "true"]))),
  },
  {
    name: "a fork bomb under --pids-limit",
    expect: "running, the limit was met, never more than 30, then nothing",
    run: async (engine, runtime) => {
      const bomb = "f() { sleep 1000 & f & f; }; while :; do (f) 2>/dev/null; done";
      let id = "";
      const seen = await running(
        engine,
        runtime,
        ["--pids-limit", "30", IMAGE, "sh", "-c", bomb],
        async (name) => {
          id = await inspect(engine, name, "{{.Id}}");
          return bombSeen(id, () => inspect(engine, name, "{{.State.Status}}"));
        },
      );
      await until("no process of the bomb", () => processesOf(id).length === 0);
      return `${seen}, then ${cgroupsOf(id).join(" ") || "nothing"}`;
    },
  },
  {
    name: "ten containers that run out of memory",
    expect: "10 times 137",
    run: async (engine, runtime) => {
      const answers: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        const { code } = await run(engine, runtime, [
          ...["--rm", "-m", "20m", "--memory-swap", "20m", IMAGE, "tail", "/dev/zero"],
        ]);
        answers.push(String(code));
      }
      return counted(answers);
    },
  },
  {
    name: "a program that runs out of memory again and again",
    expect: "killed three times and more, running, then nothing",
    run: async (engine, runtime) => {
      const loop = "while :; do tail /dev/zero; done";
      const words = ["-m", "20m", "--memory-swap", "20m", IMAGE, "sh", "-c", loop];
      let id = "";
      const seen = await running(engine, runtime, words, async (name) => {
        id = await inspect(engine, name, "{{.Id}}");
        return `${await threeKills(id)}, ${await inspect(engine, name, "{{.State.Status}}")}`;
      });
      await until("no process of the loop", () => processesOf(id).length === 0);
      return `${seen}, then ${cgroupsOf(id).join(" ") || "nothing"}`;
    },
  },
  {
    name: "execs at once",
    expect: `${AT_ONCE} times 0 x`,
    run: (engine, runtime) =>
      running(engine, runtime, [IMAGE, "sleep", "1000"], (name) =>
        atOnce(async () => `0 ${await must(engine, ["exec", name, "echo", "x"])}`),
      ),
  },
  {
    name: "containers started at once and removed at once",
    expect: "0 processes, 0 cgroups",
    run: async (engine, runtime) => {
      const names = Array.from({ length: 10 }, () => engine.corner.name());
      const ids = await Promise.all(
        names.map((name) =>
          engine.corner.must(engine.program, [
            ...engine.making(runtime, "run"),
            ...["-d", "--name", name, IMAGE, "sleep", "1000"],
          ]),
        ),
      );
      await must(engine, removal(engine, ...names));
      // podman's own clean-up, which conmon calls, may be looking still.
      await until("no process", () => ids.flatMap(processesOf).length === 0);
      return `0 processes, ${ids.flatMap(cgroupsOf).length} cgroups`;
    },
  },
];
