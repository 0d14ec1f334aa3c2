/** What engines see of a container that runs, and change about it: its output, its terminal, its use, its limits. */
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import {
  about,
  call,
  type Engine,
  IMAGE,
  inspect,
  lineOf,
  must,
  onTerminal,
  reaches,
  run,
  SLEEP,
} from "./engine.ts";

/** All of them. */
export const LOOKING: readonly Case<Engine>[] = [
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
  about("update of processors", SLEEP, "0 0\n200", async (engine, c) => {
    await must(engine, ["update", "--cpuset-cpus", "0", "--cpu-shares", "200", c]);
    const files = ["cpuset/cpuset.cpus", "cpu/cpu.shares"].map((file) => `/sys/fs/cgroup/${file}`);
    return lineOf(await call(engine, ["exec", c, "cat", ...files]));
  }),
  about(
    "stats of memory",
    SLEEP,
    /^0 \S+ [1-9][\d.]*\w+ \/ 20(MiB|\.97MB)$/,
    async (engine, c) =>
      lineOf(await call(engine, ["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", c])),
    ["-m", "20m"],
  ),
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
  about("logs -f", "for i in 1 2 3; do echo $i; sleep 0.3; done", "0 1\n2\n3", async (engine, c) =>
    lineOf(await call(engine, ["logs", "-f", c])),
  ),
  // podman 4.3 forgets the exit code of a container that ends while it is attached to it.
  about("attach", "sleep 1; echo seen; exit 3", /^[03] seen$/, async (engine, c) =>
    lineOf(await call(engine, ["attach", c])),
  ),
  about("top with columns", SLEEP, /^0 .*sleep/s, async (engine, c) =>
    lineOf(
      await call(engine, ["top", c, ...(engine.kind === "podman" ? ["pid", "comm"] : ["-o", "pid,comm"])]),
    ),
  ),
  about("cp, into it and out of it", SLEEP, "0 copied", async (engine, c) => {
    const file = engine.corner.file(engine.corner.name(), "copied");
    await must(engine, ["cp", file, `${c}:/copied`]);
    await must(engine, ["exec", c, "cp", "/copied", "/again"]);
    await must(engine, ["cp", `${c}:/again`, `${file}-again`]);
    return lineOf(await engine.corner.call("cat", [`${file}-again`]));
  }),
  about(
    "commit, for which it is paused",
    "echo committed > /committed; exec sleep 1000",
    "0 committed, running",
    async (engine, c, runtime) => {
      const image = engine.corner.name();
      await until("the file", async () => (await call(engine, ["exec", c, "cat", "/committed"])).code === 0);
      await must(engine, ["commit", "--pause", c, image]);
      const seen = lineOf(await run(engine, runtime, ["--rm", image, "cat", "/committed"]));
      await must(engine, ["rmi", image]);
      return `${seen}, ${await inspect(engine, c, "{{.State.Status}}")}`;
    },
  ),
  about("kill while paused", SLEEP, "exited 137", async (engine, c) => {
    await must(engine, ["pause", c]);
    await call(engine, ["kill", c]);
    await call(engine, ["unpause", c]);
    await reaches(engine, c, "exited");
    return inspect(engine, c, "{{.State.Status}} {{.State.ExitCode}}");
  }),
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
