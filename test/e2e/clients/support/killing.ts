import { cgroupsOf, mountsOf, processesOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import type { RuntimeName } from "./corner.ts";
import type { Docker } from "./docker.ts";
import { call, IMAGE, inspect, must, removal, run } from "./engine.ts";
import { counted } from "./load.ts";

const HOW_MANY = 5;

/** The shim of a container: the one process that has its id among its arguments. */
export function shimOf(id: string): number {
  const line = processesOf(id).find((each) => /containerd-shim/.test(each)) ?? "";
  return Number(line.split(" ")[0]);
}

/** What a container has on the host. */
function leftOf(id: string): readonly string[] {
  return [...processesOf(id), ...cgroupsOf(id), ...mountsOf(id)];
}

function status(docker: Docker, name: string): Promise<string> {
  return inspect(docker, name, "{{.State.Status}} {{.State.ExitCode}}");
}

/** All of them. The daemon is one for both runtimes: these cases must not run at the same time. */
export const KILLING: readonly Case<Docker>[] = [
  {
    name: "a shim killed with SIGKILL",
    expect: "exited 137, then running 0, then nothing",
    run: async (docker, runtime) => {
      const name = docker.corner.name();
      const words = [...docker.making(runtime, "run"), "-d", "--name", name, IMAGE, "sleep", "1000"];
      const id = await docker.corner.must(docker.program, words);
      process.kill(shimOf(id), "SIGKILL");
      const after = await until("the end", async () => {
        const now = await status(docker, name);
        return now.startsWith("exited") && now;
      });
      await until("no process", () => processesOf(id).length === 0);
      await must(docker, ["start", name]);
      const again = await status(docker, name);
      await must(docker, removal(docker, name));
      await until("nothing", () => leftOf(id).length === 0).catch(() => undefined);
      return `${after}, then ${again}, then ${leftOf(id).join(" ") || "nothing"}`;
    },
  },
  {
    name: "dockerd killed with SIGKILL while containers run, and started again",
    expect: `${HOW_MANY} times running 0, exec works, then nothing`,
    run: async (docker, runtime) => {
      const earlier = shimsOf(docker);
      const { names, ids } = await severalRunning(docker, runtime);
      // These end while there is no daemon. (One that dies while it makes containers may leave shims of nobody's, with any runtime.)
      const ending = names.map(() => run(docker, runtime, ["--rm", IMAGE, "sleep", "2"]));
      await until("all containers", async () => {
        const seen = await must(docker, ["ps", "--quiet", "--filter", "status=running"]);
        return seen.split("\n").length === 2 * HOW_MANY;
      });
      await docker.restartKilled();
      await Promise.all(ending);
      return stillThere(docker, names, ids, earlier);
    },
  },
];

/** Containers that sleep. */
async function severalRunning(
  docker: Docker,
  runtime: RuntimeName,
): Promise<{ readonly names: readonly string[]; readonly ids: readonly string[] }> {
  const names = Array.from({ length: HOW_MANY }, () => docker.corner.name());
  const make = (name: string): Promise<string> =>
    docker.corner.must(docker.program, [
      ...docker.making(runtime, "run"),
      ...["-d", "--name", name, IMAGE, "sleep", "1000"],
    ]);
  return { names, ids: await Promise.all(names.map(make)) };
}

/**
 * How they are, whether they can be used, and what is left of them and of all others after they have been removed.
 *
 * @param earlier shims that the daemon had forgotten before
 */
async function stillThere(
  docker: Docker,
  names: readonly string[],
  ids: readonly string[],
  earlier: readonly string[],
): Promise<string> {
  const states = await Promise.all(names.map((name) => status(docker, name)));
  const { code } = await call(docker, ["exec", names[0] ?? "", "true"]);
  await must(docker, removal(docker, ...names));
  // The others have ended, and a daemon that starts removes them; those that it fails at know nothing but `rm`.
  await until(
    "the end of all others",
    async () => {
      const others = (await must(docker, ["ps", "--all", "--quiet"])).split("\n").filter((id) => id !== "");
      if (others.length > 0) await call(docker, removal(docker, ...others));
      return others.length === 0;
    },
    20_000,
  );
  const left = (): readonly string[] => [
    ...ids.flatMap(leftOf),
    ...shimsOf(docker).filter((line) => !earlier.includes(line)),
  ];
  await until("nothing", () => left().length === 0).catch(() => undefined);
  return `${counted(states)}, exec ${code === 0 ? "works" : "fails"}, then ${left().join(" ") || "nothing"}`;
}

/** All shims of the daemon's. */
function shimsOf({ corner }: Docker): readonly string[] {
  return processesOf(corner.dir).filter((line) => line.includes("containerd-shim"));
}
