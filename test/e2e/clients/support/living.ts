/** Further programs in a container that runs, and its end. */
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { about, call, type Engine, inspect, lineOf, must, onTerminal, reaches, SLEEP } from "./engine.ts";

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

/** All of them. */
export const LIVING: readonly Case<Engine>[] = [...EXEC, ...STOPPING];
