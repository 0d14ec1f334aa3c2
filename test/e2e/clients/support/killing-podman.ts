/** conmon and podman, killed while containers run: nothing is lost, nothing is left. */
import { cgroupsOf, mountsOf, processesOf, until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import type { RuntimeName } from "./corner.ts";
import { call, IMAGE, inspect, lineOf, must, removal, run, SLEEP } from "./engine.ts";
import { counted } from "./load.ts";
import type { Podman } from "./podman.ts";

/** What a container has on the host. */
function leftOf(id: string): readonly string[] {
  return [...processesOf(id), ...cgroupsOf(id), ...mountsOf(id)];
}

/** Kills the conmon of a container. */
function killConmon(id: string): void {
  const line = processesOf(id).find((each) => /conmon .*-c/.test(each)) ?? "";
  process.kill(Number(line.split(" ")[0]), "SIGKILL");
}

/**
 * A container whose conmon has been killed, what `use` sees of it, and what is left after it has been removed. Without
 * conmon's exit file podman never lets the runtime delete the container: whoever cleans up after it has to.
 */
async function withoutConmon(
  podman: Podman,
  runtime: RuntimeName,
  use: (name: string, id: string) => Promise<string>,
): Promise<string> {
  const name = podman.corner.name();
  const words = [...podman.making(runtime, "run"), "-d", "--name", name, IMAGE, "sh", "-c", SLEEP];
  const id = await podman.corner.must("podman", words);
  killConmon(id);
  const seen = await use(name, id);
  await must(podman, removal(podman, name));
  await podman.corner.must(podman.corner.runtime(runtime), ["delete", "--force", id]);
  await until("nothing", () => leftOf(id).length === 0).catch(() => undefined);
  return `${seen}, then ${leftOf(id).join(" ") || "nothing"}`;
}

/** All of them. */
export const KILLING: readonly Case<Podman>[] = [
  {
    name: "conmon killed with SIGKILL: the container runs on",
    expect: "running, exec: 0 x, paused, running, then nothing",
    run: (podman, runtime) =>
      withoutConmon(podman, runtime, async (name) => {
        const status = (): Promise<string> => inspect(podman, name, "{{.State.Status}}");
        const first = await status();
        const exec = lineOf(await call(podman, ["exec", name, "echo", "x"]));
        await must(podman, ["pause", name]);
        const second = await status();
        await must(podman, ["unpause", name]);
        return `${first}, exec: ${exec}, ${second}, ${await status()}`;
      }),
  },
  {
    name: "conmon killed with SIGKILL, then the container stopped",
    expect: "0 stopping, then nothing",
    run: (podman, runtime) =>
      withoutConmon(podman, runtime, async (name) => {
        const { code } = await call(podman, ["stop", "-t", "0", name]);
        return `${code} ${await inspect(podman, name, "{{.State.Status}}")}`;
      }),
  },
  {
    name: "podman killed with SIGKILL while it waits for its containers",
    expect: "5 times null, 5 times running, exec: 0 x, then nothing",
    run: async (podman, runtime) => {
      const names = Array.from({ length: 5 }, () => podman.corner.name());
      const calls = names.map((name) =>
        run(podman, runtime, ["--name", name, IMAGE, "sleep", "1000"], { limit: 60_000 }),
      );
      const ids = await Promise.all(names.map((name) => started(podman, name)));
      for (const name of names) {
        const line = processesOf(`--name ${name} `).find((each) => / podman /.test(each)) ?? "";
        process.kill(Number(line.split(" ")[0]), "SIGKILL");
      }
      const codes = (await Promise.all(calls)).map(({ code }) => String(code));
      const states = await Promise.all(names.map((name) => inspect(podman, name, "{{.State.Status}}")));
      const exec = lineOf(await call(podman, ["exec", names[0] ?? "", "echo", "x"]));
      await must(podman, removal(podman, ...names));
      const left = (): readonly string[] => ids.flatMap(leftOf);
      await until("nothing", () => left().length === 0).catch(() => undefined);
      return `${counted(codes)}, ${counted(states)}, exec: ${exec}, then ${left().join(" ") || "nothing"}`;
    },
  },
];

/** Waits until a container runs; its id. */
function started(podman: Podman, name: string): Promise<string> {
  return until(
    `${name} running`,
    async () => {
      const { stdout } = await call(podman, ["inspect", "--format", "{{.State.Status}} {{.Id}}", name]);
      return stdout.startsWith("running ") && stdout.trim().slice("running ".length);
    },
    20_000,
  );
}
