/** buildah, which runs the commands of a build with the runtime that it is told: runc and tsrun. */
import { rmSync } from "node:fs";
import { processesOf, until } from "../support/outside.ts";
import { both, type Case } from "./support/both.ts";
import { type Buildah, buildFolder, openBuildah } from "./support/buildah.ts";
import { PROBE, type RuntimeName } from "./support/corner.ts";
import { lineOf } from "./support/engine.ts";
import { AT_ONCE, atOnce, counted, inSequence, SEQUENCE } from "./support/load.ts";

const buildah = await openBuildah();
const { corner } = buildah;

/** A case of `buildah run` with some options and a script. */
function inside(
  name: string,
  options: readonly string[],
  script: string,
  expect: string | RegExp,
): Case<Buildah> {
  return program(name, options, ["sh", "-c", script], expect);
}

function program(
  name: string,
  options: readonly string[],
  words: readonly string[],
  expect: string | RegExp,
): Case<Buildah> {
  return {
    name,
    expect,
    run: async ({ working }, runtime) =>
      lineOf(
        await corner.call("buildah", [
          ...["run", "--runtime", corner.runtime(runtime), ...options, working[runtime], "--"],
          ...words,
        ]),
      ),
  };
}

/** A case of `buildah bud`: what the build printed, or how it ended. */
function build(name: string, lines: readonly string[], expect: string | RegExp): Case<Buildah> {
  return {
    name,
    expect,
    run: async ({ security }, runtime) => {
      const folder = buildFolder(buildah, lines);
      const options = ["--no-cache", "--quiet", "--network", "none", ...security];
      const words = ["bud", "--runtime", corner.runtime(runtime), ...options, "-t", corner.name(), folder];
      const { code, stdout, stderr } = await corner.call("buildah", words, { limit: 60_000 });
      rmSync(folder, { recursive: true });
      const shown = stdout.replace(/^[0-9a-f]{64}$/m, "IMAGE").trim();
      return `${code} ${shown}${code === 0 ? "" : stderr}`.trim();
    },
  };
}

const CASES: readonly Case<Buildah>[] = [
  inside("run", [], "echo hi; exit 3", /^3 hi/),
  inside("--user and --workingdir", ["--user", "1000", "--workingdir", "/tmp"], "id -u; pwd", "0 1000\n/tmp"),
  inside("-v for reading only", ["-v", `${corner.rootfs}:/mnt:ro`], "touch /mnt/x 2>&1", /^1 .*Read-only/s),
  inside("--cap-drop", ["--cap-drop", "CAP_CHOWN"], "chown 1 /tmp 2>&1", /^1 .*not permitted/s),
  inside("--hostname", ["--hostname", "made-up"], "hostname", "0 made-up"),
  {
    ...inside(
      "--mount of a tmpfs",
      ["--mount", "type=tmpfs,dst=/mnt,tmpfs-mode=700"],
      "stat -c %a /mnt",
      "0 755",
    ),
    otherwise: {
      expect: "0 700",
      why: "the mode that is asked for counts, as in runc 1.3, not that of the folder below",
    },
  },
  inside("what is written stays", [], "echo kept > /kept; cat /kept", "0 kept"),
  program("a program that is not in $PATH", [], ["nope"], /executable file not found in \$PATH/),
  program("a file that is no program", [], ["/etc/passwd"], /permission denied/),
  {
    name: "run -t",
    expect: /^4 .*"terminals":\[true,true,true\].*typed/s,
    run: async ({ working }, runtime) => {
      const script = "sleep 0.5; probe do tty; read x; echo $x; exit 4";
      const words = ["buildah", "run", "--runtime", corner.runtime(runtime), "-t", working[runtime], "--"];
      return lineOf(
        await corner.call(PROBE, ["pty", "--", ...words, "sh", "-c", script], { input: "typed\n" }),
      );
    },
  },
  build(
    "bud",
    ["RUN echo built > /built", "USER 1000", "WORKDIR /tmp", "RUN touch x && test $(id -u) = 1000"],
    "0 IMAGE",
  ),
  build("bud of a step that fails", ["RUN exit 7"], /^7 .*exit status 7|^1 .*exit status 7/s),
  build(
    "bud of many steps",
    Array.from({ length: 20 }, (_, step) => `RUN echo ${step} >> /steps`),
    "0 IMAGE",
  ),
];

/** `buildah run` in the runtime's own working container, or in another one. */
async function runIn(
  { working }: Buildah,
  runtime: RuntimeName,
  words: readonly string[],
  container = working[runtime],
): Promise<string> {
  const options = ["run", "--runtime", corner.runtime(runtime), container, "--"];
  return lineOf(await corner.call("buildah", [...options, ...words], { limit: 90_000 }));
}

const LOAD: readonly Case<Buildah>[] = [
  {
    // Each in its own: buildah removes the places of its mounts from a working container that others may be using.
    name: `${AT_ONCE} containers at once`,
    expect: `${AT_ONCE} times 0 x`,
    run: (buildah, runtime) =>
      atOnce(async () => {
        const words = ["from", "--network", "none", ...buildah.security, buildah.image];
        const container = await corner.must("buildah", words, { limit: 90_000 });
        const answer = await runIn(buildah, runtime, ["echo", "x"], container);
        await corner.must("buildah", ["rm", container], { limit: 90_000 });
        return answer;
      }),
  },
  {
    ...SEQUENCE,
    run: (buildah, runtime) => inSequence(runtime, () => runIn(buildah, runtime, ["true"])),
  },
  {
    name: "ten runs that run out of memory",
    // buildah has no code of its own for a program that a signal ends.
    expect: "10 times 1 container exited on killed\nError: while running runtime: exit status 1",
    run: async (buildah, runtime) => {
      const limits = ["--memory", "20m", "--memory-swap", "20m", "--network", "none"];
      const words = ["from", ...limits, ...buildah.security, buildah.image];
      const container = await corner.must("buildah", words);
      const answers: string[] = [];
      for (let round = 0; round < 10; round += 1) {
        answers.push(await runIn(buildah, runtime, ["tail", "/dev/zero"], container));
      }
      await corner.must("buildah", ["rm", container]);
      return counted(answers);
    },
  },
  {
    // buildah's own child, which called the runtime, ends the container and deletes it.
    name: "buildah killed with SIGKILL in the middle of a run",
    expect: "null, then nothing",
    run: async ({ working }, runtime) => {
      const mark = corner.name();
      const words = ["run", "--runtime", corner.runtime(runtime), working[runtime], "--", "sh", "-c"];
      const ended = corner.call("buildah", [...words, `: ${mark}; touch /${mark}; sleep 1000; :`]);
      const inside = (): readonly string[] =>
        processesOf(`: ${mark};`).filter((line) => / sh -c /.test(line));
      await until("the program", () => inside().length > 0);
      for (const line of processesOf(mark).filter((each) => / buildah /.test(each))) {
        process.kill(Number(line.split(" ")[0]), "SIGKILL");
      }
      const { code } = await ended;
      await until("the container's end", () => inside().length === 0).catch(() => undefined);
      return `${code}, then ${inside().join("; ") || "nothing"}`;
    },
  },
];

await both(buildah, CASES);
await both(buildah, LOAD);
await corner.end(async () => void (await corner.call("buildah", ["rm", "--all"])));
