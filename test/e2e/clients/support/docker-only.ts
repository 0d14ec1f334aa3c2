/** What Docker has and podman has not, or has otherwise: its daemon's info and events, checks of health, compose. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../support/outside.ts";
import type { Case } from "./both.ts";
import { hasSeccomp, pathOf } from "./corner.ts";
import type { Docker } from "./docker.ts";
import { IMAGE, inside, inspect, lineOf, must, run, running } from "./engine.ts";

/** A service of a compose file. */
function composeFile(docker: Docker, runtime: string): string {
  const folder = join(docker.corner.dir, docker.corner.name());
  mkdirSync(folder);
  const service = (command: readonly string[]): object => ({
    image: IMAGE,
    runtime,
    network_mode: "none",
    command,
    security_opt: hasSeccomp() ? [] : ["seccomp=unconfined"],
  });
  const services = {
    one: service(["sh", "-c", "echo composed; exec sleep 1000"]),
    two: service(["sleep", "1000"]),
  };
  writeFileSync(join(folder, "compose.json"), JSON.stringify({ version: "2.4", services }));
  return folder;
}

async function compose(docker: Docker, runtime: string): Promise<string> {
  try {
    pathOf("docker-compose");
  } catch {
    return "docker-compose is not installed";
  }
  const folder = composeFile(docker, runtime);
  const words = ["-H", `unix://${docker.corner.dir}/docker.sock`, "-f", join(folder, "compose.json")];
  const { corner } = docker;
  await corner.must("docker-compose", [...words, "up", "-d"]);
  try {
    const ids = (await corner.must("docker-compose", [...words, "ps", "-q"])).split("\n");
    const exec = await corner.must("docker-compose", [...words, "exec", "-T", "two", "hostname"]);
    const logs = await corner.must("docker-compose", [...words, "logs", "--no-color", "one"]);
    const ofTwo = await corner.must("docker-compose", [...words, "ps", "-q", "two"]);
    return `${ids.length} ${ofTwo.startsWith(exec)} ${/composed/.test(logs)}`;
  } finally {
    await corner.must("docker-compose", [...words, "down", "-t", "0"]);
  }
}

/** All of them. */
export const DOCKER_ONLY: readonly Case<Docker>[] = [
  {
    name: "info lists the runtime",
    expect: "listed",
    run: async (docker, runtime) =>
      new RegExp(`Runtimes:.*\\b${runtime}\\b`).test(await must(docker, ["info"])) ? "listed" : "not listed",
  },
  {
    name: "events",
    expect: "create start exec_die die destroy",
    run: async (docker, runtime) => {
      const since = String(Date.now() / 1000);
      const name = await running(docker, runtime, [IMAGE, "sleep", "1000"], async (name) => {
        await must(docker, ["exec", name, "true"]);
        await must(docker, ["kill", name]);
        return name;
      });
      const until = String(Date.now() / 1000 + 0.5);
      const words = ["events", "--since", since, "--until", until, "--filter", `container=${name}`];
      const seen = (await must(docker, [...words, "--format", "{{.Action}}"])).split("\n");
      return seen.filter((action) => /^(create|start|exec_die|die|destroy)$/.test(action)).join(" ");
    },
  },
  {
    name: "health checks",
    expect: "healthy then unhealthy",
    run: (docker, runtime) =>
      running(
        docker,
        runtime,
        [
          "--health-cmd",
          "test ! -e /ill",
          "--health-interval",
          "300ms",
          "--health-retries",
          "1",
          IMAGE,
          "sleep",
          "1000",
        ],
        async (name) => {
          const reaches = (health: string): Promise<string> =>
            until(health, async () => {
              const now = await inspect(docker, name, "{{.State.Health.Status}}");
              return now === health && now;
            });
          const well = await reaches("healthy");
          await must(docker, ["exec", name, "touch", "/ill"]);
          return `${well} then ${await reaches("unhealthy")}`;
        },
      ),
  },
  { name: "compose", expect: "2 true true", lacking: /is not installed/, run: compose },
  {
    ...inside("--privileged", ["--privileged"], "grep -c CapEff /proc/self/status", /^0 1$/),
    // Docker gives all capabilities that there are, also those its own root lacks.
    lacking: /unable to apply caps: operation not permitted/,
  },
  {
    name: "--restart on-failure",
    expect: "2 restarts",
    run: (docker, runtime) =>
      running(docker, runtime, ["--restart", "on-failure:2", IMAGE, "false"], async (name) =>
        until("the restarts", async () => {
          const count = await inspect(docker, name, "{{.RestartCount}} {{.State.Status}}");
          return count === "2 exited" && "2 restarts";
        }),
      ),
  },
  {
    name: "a program that only the host has",
    expect: /^127/,
    run: async (docker, runtime) => lineOf(await run(docker, runtime, ["--rm", IMAGE, "dockerd"])),
  },
];
