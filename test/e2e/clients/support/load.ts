/** Many containers, at once and one after another; containers that do their worst; daemons that die in the middle. */
import { cgroupsOf, processesOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { type Engine, IMAGE, inspect, lineOf, must, removal, run, running } from "./engine.ts";

/** How many containers there are at once, and one after another. */
export const AT_ONCE = 30;
export const IN_SEQUENCE = 60;

/** The different answers, each with how often it came. */
export function counted(answers: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return [...counts].map(([answer, count]) => `${count} times ${answer}`).join("; ");
}

/** All of them. */
export const LOAD: readonly Case<Engine>[] = [
  {
    name: `${AT_ONCE} containers at once`,
    expect: `${AT_ONCE} times 3 done`,
    run: async (engine, runtime) =>
      counted(
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () =>
            lineOf(
              await run(engine, runtime, ["--rm", IMAGE, "sh", "-c", "echo done; exit 3"], { limit: 90_000 }),
            ).slice(0, 6),
          ),
        ),
      ),
  },
  {
    name: `${IN_SEQUENCE} containers one after another`,
    expect: `${IN_SEQUENCE} times 0`,
    run: async (engine, runtime) => {
      const answers: string[] = [];
      for (let round = 0; round < IN_SEQUENCE; round += 1) {
        answers.push(lineOf(await run(engine, runtime, ["--rm", IMAGE, "true"])));
      }
      return counted(answers);
    },
  },
  {
    name: "a fork bomb under --pids-limit",
    expect: "running, then no process",
    run: async (engine, runtime) => {
      const bomb = "f() { sleep 1000 & f & f; }; while :; do (f) 2>/dev/null; done";
      let pid = "0";
      const status = await running(
        engine,
        runtime,
        ["--pids-limit", "30", IMAGE, "sh", "-c", bomb],
        async (name) => {
          pid = await inspect(engine, name, "{{.Id}}");
          await new Promise((resolve) => setTimeout(resolve, 1500));
          return inspect(engine, name, "{{.State.Status}}");
        },
      );
      await until("no process of the bomb", () => processesOf(pid).length === 0);
      return `${status}, then ${cgroupsOf(pid).length === 0 ? "no process" : cgroupsOf(pid).join(" ")}`;
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
    name: "a program that runs out of memory again and again beside one that does not",
    expect: "running",
    run: (engine, runtime) =>
      running(
        engine,
        runtime,
        ["-m", "20m", "--memory-swap", "20m", IMAGE, "sh", "-c", "while :; do tail /dev/zero; done"],
        async (name) => {
          await new Promise((resolve) => setTimeout(resolve, 1500));
          return inspect(engine, name, "{{.State.Status}}");
        },
      ),
  },
  {
    name: "execs at once",
    expect: `${AT_ONCE} times 0 x`,
    run: (engine, runtime) =>
      running(engine, runtime, [IMAGE, "sleep", "1000"], async (name) =>
        counted(
          await Promise.all(
            Array.from(
              { length: AT_ONCE },
              async () => `0 ${await must(engine, ["exec", name, "echo", "x"])}`,
            ),
          ),
        ),
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
