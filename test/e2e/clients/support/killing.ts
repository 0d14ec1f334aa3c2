/** Docker's daemon and its shims, killed while containers run: nothing is lost, nothing is left. */
import { cgroupsOf, mountsOf, processesOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import type { Docker } from "./docker.ts";
import { call, IMAGE, inspect, must, removal, run } from "./engine.ts";

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
    name: "dockerd killed with SIGKILL, and started again",
    expect: `${HOW_MANY} times running 0, exec works, then nothing`,
    run: async (docker, runtime) => {
      const names = Array.from({ length: HOW_MANY }, () => docker.corner.name());
      const ids = await Promise.all(
        names.map((name) =>
          docker.corner.must(docker.program, [
            ...docker.making(runtime, "run"),
            ...["-d", "--name", name, IMAGE, "sleep", "1000"],
          ]),
        ),
      );
      const dying = run(docker, runtime, ["--rm", IMAGE, "true"]);
      await docker.restartKilled();
      await dying;
      const states = await Promise.all(names.map((name) => status(docker, name)));
      const { code } = await call(docker, ["exec", names[0] ?? "", "true"]);
      await must(docker, removal(docker, ...names));
      await until("nothing", () => ids.flatMap(leftOf).length === 0).catch(() => undefined);
      const lost = states.filter((each) => each !== "running 0");
      const seen = lost.length === 0 ? `${HOW_MANY} times running 0` : lost.join(", ");
      return `${seen}, exec ${code === 0 ? "works" : "fails"}, then ${ids.flatMap(leftOf).join(" ") || "nothing"}`;
    },
  },
];
