/** What engines do with a container that runs. */
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { type CallOptions, type Outcome, PROBE, type RuntimeName } from "./corner.ts";
import { call, type Engine, IMAGE, inspect, lineOf, must, run, running } from "./engine.ts";

/** A call on a terminal of its own, with lines typed. */
function onTerminal(engine: Engine, words: readonly string[], options?: CallOptions): Promise<Outcome> {
  return engine.corner.call(PROBE, ["pty", "size=31x97", "--", engine.program, ...words], options);
}

/** A case about a container that runs a script. */
function about(
  name: string,
  script: string,
  expect: string | RegExp,
  look: (engine: Engine, container: string, runtime: RuntimeName) => Promise<string>,
  options: readonly string[] = [],
  lacking?: RegExp,
): Case<Engine> {
  return {
    name,
    expect,
    ...(lacking && { lacking }),
    run: (engine, runtime) =>
      running(engine, runtime, [...options, IMAGE, "sh", "-c", script], (container) =>
        look(engine, container, runtime),
      ),
  };
}

const SLEEP = "exec sleep 1000";

/** The container's status, once it is this one. */
function reaches(engine: Engine, container: string, status: string): Promise<string> {
  return until(`${container} ${status}`, async () => {
    const now = await inspect(engine, container, "{{.State.Status}}");
    return now === status && now;
  });
}

const EXEC: readonly Case<Engine>[] = [
  about("exec", SLEEP, "7 hello\n/", async (engine, container) =>
    lineOf(await call(engine, ["exec", container, "sh", "-c", "echo hello; pwd; exit 7"])),
  ),
  about("exec with options", SLEEP, "0 1000 /tmp 1", async (engine, container) =>
    lineOf(
      await call(engine, [
        ...["exec", "--user", "1000", "--workdir", "/tmp", "--env", "A=1", container],
        ...["sh", "-c", 'echo $(id -u) $(pwd) "$A"'],
      ]),
    ),
  ),
  about("exec reads standard input", SLEEP, "0 typed", async (engine, container) =>
    lineOf(await call(engine, ["exec", "-i", container, "cat"], { input: "typed" })),
  ),
  about("exec -d", SLEEP, "made", async (engine, container) => {
    await must(engine, ["exec", "-d", container, "sh", "-c", "echo made > /made"]);
    return until("the file", async () => {
      const { stdout } = await call(engine, ["exec", container, "cat", "/made"]);
      return stdout !== "" && stdout.trim();
    });
  }),
  about("exec -it", SLEEP, /^5 .*"size":\[31,97\].*typed/s, async (engine, container) =>
    lineOf(
      await onTerminal(
        engine,
        engine.words(
          "exec",
          "-it",
          container,
          "sh",
          "-c",
          "sleep 0.5; probe do tty; read x; echo $x; exit 5",
        ),
        { input: "typed\n" },
      ),
    ),
  ),
  about("exec of a program that is not in $PATH", SLEEP, /^12[67] .*not found/s, async (engine, container) =>
    lineOf(await call(engine, ["exec", container, "nope"])),
  ),
  about("exec of a file that is no program", SLEEP, /^126 .*permission denied/is, async (engine, container) =>
    lineOf(await call(engine, ["exec", container, "/etc/passwd"])),
  ),
];

const STOPPING: readonly Case<Engine>[] = [
  about(
    "stop of a program that listens",
    "trap 'exit 3' TERM; sleep 1000 & wait",
    "exited 3",
    async (engine, c) => {
      await must(engine, ["stop", "-t", "20", c]);
      return inspect(engine, c, "{{.State.Status}} {{.State.ExitCode}}");
    },
  ),
  about("stop of a program that does not", "trap '' TERM; sleep 1000", "exited 137", async (engine, c) => {
    await must(engine, ["stop", "-t", "1", c]);
    return inspect(engine, c, "{{.State.Status}} {{.State.ExitCode}}");
  }),
  about(
    "kill with a signal",
    "trap 'echo usr1' USR1; while :; do sleep 0.1; done",
    "usr1",
    async (engine, c) => {
      await until("the signal", async () => {
        await must(engine, ["kill", "-s", "USR1", c]);
        return (await must(engine, ["logs", c])).includes("usr1");
      });
      return "usr1";
    },
  ),
  about("kill", SLEEP, "exited 137", async (engine, c) => {
    await must(engine, ["kill", c]);
    await reaches(engine, c, "exited");
    return inspect(engine, c, "{{.State.Status}} {{.State.ExitCode}}");
  }),
  about("wait", "sleep 0.3; exit 9", "9", (engine, c) => must(engine, ["wait", c])),
  about("restart", SLEEP, "another process runs", async (engine, c) => {
    const before = await inspect(engine, c, "{{.State.Pid}}");
    await must(engine, ["restart", "-t", "0", c]);
    const [status, after] = (await inspect(engine, c, "{{.State.Status}} {{.State.Pid}}")).split(" ");
    return status === "running" && before !== after ? "another process runs" : `${status} ${before} ${after}`;
  }),
  about("start again after the end", "echo again", "0 again\nagain", async (engine, c) => {
    await reaches(engine, c, "exited");
    await must(engine, ["start", "-a", c]);
    return lineOf(await call(engine, ["logs", c]));
  }),
];

const LOOKING: readonly Case<Engine>[] = [
  about("logs", "echo out; echo err >&2", "0 out | err", async (engine, c) => {
    await must(engine, ["wait", c]);
    const { code, stdout, stderr } = await call(engine, ["logs", c]);
    return `${code} ${stdout.trim()} | ${stderr.trim()}`;
  }),
  about("pause and unpause", SLEEP, "paused, refused, running", async (engine, c) => {
    await must(engine, ["pause", c]);
    const paused = await inspect(engine, c, "{{.State.Status}}");
    const exec = await call(engine, ["exec", c, "true"]);
    await must(engine, ["unpause", c]);
    await must(engine, ["exec", c, "true"]);
    return `${paused}, ${exec.code === 0 ? "done" : "refused"}, ${await inspect(engine, c, "{{.State.Status}}")}`;
  }),
  about("removal while paused", SLEEP, "0", async (engine, c) => {
    await must(engine, ["pause", c]);
    const { code } = await call(engine, ["rm", "-f", c]);
    return String(code);
  }),
  about("update", SLEEP, "0 31457280\n20000", async (engine, c) => {
    await must(engine, ["update", "--memory", "30m", "--memory-swap", "60m", "--cpu-quota", "20000", c]);
    const files = ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us"].map(
      (file) => `/sys/fs/cgroup/${file}`,
    );
    return lineOf(await call(engine, ["exec", c, "cat", ...files]));
  }),
  about("stats --no-stream", SLEEP, /^0 \S+ [1-9]\d*$/, async (engine, c) =>
    lineOf(await call(engine, ["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", c])),
  ),
  about("top", SLEEP, /^0 .*sleep 1000/s, async (engine, c) => lineOf(await call(engine, ["top", c]))),
  about("inspect's pid", SLEEP, "sleep", async (engine, c) => {
    const { readFileSync } = await import("node:fs");
    const pid = await inspect(engine, c, "{{.State.Pid}}");
    return until("the program", () => {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      return name === "sleep" && name;
    });
  }),
  about(
    "OOMKilled",
    "exec tail /dev/zero",
    "exited 137 true",
    async (engine, c) => {
      await reaches(engine, c, "exited");
      return inspect(engine, c, "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}");
    },
    ["-m", "20m", "--memory-swap", "20m"],
    // conmon 2.1 hears of it through cgroup v2 alone on a hybrid host.
    /^exited 137 false$/,
  ),
  {
    name: "run -it",
    expect: /^4 .*"size":\[31,97\].*typed/s,
    run: async (engine, runtime) =>
      lineOf(
        await onTerminal(
          engine,
          [
            ...engine.making(runtime, "run"),
            "--rm",
            "-it",
            IMAGE,
            "sh",
            "-c",
            "sleep 0.5; probe do tty; read x; echo $x; exit 4",
          ],
          { input: "typed\n" },
        ),
      ),
  },
  {
    name: "run -i passes standard input on",
    expect: "0 5",
    run: async (engine, runtime) =>
      lineOf(await run(engine, runtime, ["--rm", "-i", IMAGE, "wc", "-c"], { input: "typed" })),
  },
];

/** All of them. */
export const LIVING: readonly Case<Engine>[] = [...EXEC, ...STOPPING, ...LOOKING];
