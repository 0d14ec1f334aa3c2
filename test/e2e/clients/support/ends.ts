/** How containers end, and how engines tell why one could not begin: their exit codes come from the runtime's words. */
import { chmodSync } from "node:fs";
import type { Case } from "./both.ts";
import { call, type Engine, IMAGE, inside, inspect, lineOf, must, removal, run, running } from "./engine.ts";

/** A container whose program cannot be started: what the engine's exit code is. */
function unstartable(name: string, words: readonly string[], expect: RegExp): Case<Engine> {
  return {
    name,
    expect,
    run: async (engine, runtime) => lineOf(await run(engine, runtime, ["--rm", ...words])),
  };
}

/** A container whose program the kernel refuses to execute, for what its file holds. */
function badProgram(name: string, text: string, words: string): Case<Engine> {
  return {
    name,
    expect: new RegExp(`^1 (.*\n)?exec /program: ${words}$`),
    otherwise: {
      expect: new RegExp(`^12[567] .*execve /program: E[A-Z]+: ${words}`, "s"),
      why: "the start fails, where runc's has ended well by then",
    },
    run: async (engine, runtime) => {
      const file = engine.corner.file(engine.corner.name(), text);
      chmodSync(file, 0o755);
      return lineOf(await run(engine, runtime, ["--rm", "-v", `${file}:/program`, IMAGE, "/program"]));
    },
  };
}

const AT_ONCE: readonly Case<Engine>[] = [
  inside("the program's exit code", [], "exit 7", /^7\b/),
  unstartable(
    "a program that is not in $PATH: 127",
    [IMAGE, "nope"],
    /^127 .*executable file not found in \$PATH/s,
  ),
  unstartable("a program that is not there: 127", [IMAGE, "/nope"], /^127 .*no such file or directory/s),
  unstartable("a file that is no program: 126", [IMAGE, "/etc/passwd"], /^126 .*permission denied/is),
  unstartable("a folder: 126", [IMAGE, "/etc"], /^126 .*(permission denied|is a directory)/is),
  unstartable(
    "a user that is not there",
    ["--user", "nobody-knows", IMAGE, "true"],
    /^12[56] .*nobody-knows/s,
  ),
  unstartable(
    "a name that $PATH has as a file that is no program: 127",
    ["-e", "PATH=/etc", IMAGE, "passwd"],
    /^127 .*executable file not found in \$PATH/s,
  ),
  unstartable(
    "a folder to work in that is a file",
    ["-w", "/etc/passwd", IMAGE, "true"],
    /^12[56] .*not a directory/s,
  ),
  unstartable(
    "a mount below a file",
    ["--tmpfs", "/etc/passwd/x", IMAGE, "true"],
    /^12[56] .*etc\/passwd.*: not a directory/s,
  ),
  badProgram("a script whose interpreter is not there", "#!/nope\n", "no such file or directory"),
  badProgram("a program of no known kind", "\u007fELF nothing", "exec format error"),
  inside("an end by a signal", ["--init"], "kill -SEGV $$", /^139/),
  unstartable(
    "more memory than the limit: 137",
    ["-m", "20m", "--memory-swap", "20m", IMAGE, "tail", "/dev/zero"],
    /^137/,
  ),
];

/** A case about an exec in a container that runs. */
function inExec(
  name: string,
  expect: RegExp,
  options: readonly string[],
  words: readonly string[],
): Case<Engine> {
  return {
    name,
    expect,
    run: (engine, runtime) =>
      running(engine, runtime, [IMAGE, "sleep", "1000"], async (container) =>
        lineOf(await call(engine, ["exec", ...options, container, ...words])),
      ),
  };
}

const LATER: readonly Case<Engine>[] = [
  {
    name: "start of a program that is not there",
    expect: /^1(25)? .*no such file or directory.* created (0|127)$/s,
    run: async (engine, runtime) => {
      const name = engine.corner.name();
      await engine.corner.must(engine.program, [
        ...engine.making(runtime, "create"),
        "--name",
        name,
        IMAGE,
        "/nope",
      ]);
      try {
        const started = await call(engine, ["start", name]);
        return `${lineOf(started)} ${await inspect(engine, name, "{{.State.Status}} {{.State.ExitCode}}")}`;
      } finally {
        await call(engine, removal(engine, name));
      }
    },
  },
  inExec("exec in a folder that is not there", /^12[67] .*no such file/s, ["--workdir", "/nope"], ["true"]),
  inExec(
    "exec as a user that is not there",
    /^(126|255) .*nobody-knows/s,
    ["--user", "nobody-knows"],
    ["true"],
  ),
  inExec("exec of a program that is not there", /^12[67] .*no such file/s, [], ["/nope"]),
  inExec("exec of a folder", /^126 .*(permission denied|is a directory)/is, [], ["/etc"]),
  inExec("exec that a signal ends", /^137$/, [], ["sh", "-c", "kill -KILL $$"]),
  {
    name: "update to less memory than is used",
    expect: /^1(25)? .*unable to set memory limit to 8388608 \(current usage: \d+, peak usage: \d+\)/s,
    run: (engine, runtime) =>
      running(engine, runtime, ["-m", "60m", "--tmpfs", "/mnt", IMAGE, "sleep", "1000"], async (name) => {
        await must(engine, ["exec", name, "dd", "if=/dev/zero", "of=/mnt/x", "bs=1M", "count=30"]);
        return lineOf(await call(engine, ["update", "-m", "8m", name]));
      }),
  },
];

/** All of them. */
export const ENDS: readonly Case<Engine>[] = [...AT_ONCE, ...LATER];
