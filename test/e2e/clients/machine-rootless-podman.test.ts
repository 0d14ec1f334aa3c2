/** podman of an ordinary user: with his own systemd manager, or where no cgroup is delegated to him; runc and tsrun beside each other. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupsOf, textOf } from "../support/outside.ts";
import { give, USER } from "../support/user.ts";
import { both, type Case } from "./support/both.ts";
import type { RuntimeName } from "./support/corner.ts";
import { call, IMAGE, inside, inspect, lineOf, must, run, running } from "./support/engine.ts";
import { DRIVER, openMachine } from "./support/machine-only.ts";
import { openRootlessPodman, type RootlessPodman } from "./support/rootless-podman.ts";

openMachine("an ordinary user with ranges of numbers, and a manager of his own");
const podman = await openRootlessPodman();
const { corner } = podman;

/** A case about a container that runs a script. */
function about(
  name: string,
  expect: string | RegExp,
  script: string,
  look: (container: string, runtime: RuntimeName) => Promise<string>,
): Case<RootlessPodman> {
  return {
    name,
    expect,
    run: (_, runtime) => running(podman, runtime, [IMAGE, "sh", "-c", script], (c) => look(c, runtime)),
  };
}

const SLEEP = "exec sleep 1000";
const MAP = "echo $(cat /proc/self/uid_map)";

const ANYWHERE: readonly Case<RootlessPodman>[] = [
  inside(
    "run",
    [],
    `id -u; ${MAP}; touch /x; stat -c %u /x; chown 1000 /x; stat -c %u /x`,
    `0 0\n0 ${USER.uid} 1 1 300000 65536\n0\n1000`,
  ),
  inside(
    "--userns keep-id",
    ["--userns", "keep-id"],
    `id -u; id -g; ${MAP}; touch /tmp/x; stat -c %u /tmp/x`,
    `0 ${USER.uid}\n${USER.gid}\n0 1 ${USER.uid} ${USER.uid} 0 1 ${USER.uid + 1} ${USER.uid + 1} ${65_536 - USER.uid}\n${USER.uid}`,
  ),
  inside(
    "--privileged",
    ["--privileged"],
    "grep CapEff /proc/self/status; mount -t tmpfs x /tmp; df /tmp | grep -c ^x",
    "0 CapEff:\t000001ffffffffff\n1",
  ),
  about(
    "-d, exec, stop and rm",
    "7 hello 0, exited 3, 0",
    "trap 'exit 3' TERM; sleep 1000 & wait",
    async (c) => {
      const exec = lineOf(await call(podman, ["exec", c, "sh", "-c", "echo hello $(id -u); exit 7"]));
      await must(podman, ["stop", "-t", "60", c]);
      const end = await inspect(podman, c, "{{.State.Status}} {{.State.ExitCode}}");
      return `${exec}, ${end}, ${(await call(podman, ["rm", c])).code}`;
    },
  ),
  {
    name: "buildah bud",
    expect: "0",
    run: async (_, runtime) => {
      const folder = join(podman.home, corner.name());
      mkdirSync(folder);
      const lines = [`FROM localhost/${IMAGE}`, "RUN id -u > /built", "RUN test $(cat /built) = 0", ""];
      writeFileSync(join(folder, "Dockerfile"), lines.join("\n"));
      give(folder, USER.uid, USER.gid);
      const options = ["--no-cache", "--quiet", "--network", "none", "--runtime", podman.path(runtime)];
      const words = podman.as("buildah", "bud", ...options, "-t", corner.name(), folder);
      const { code, stderr } = await corner.call(podman.program, words);
      return lineOf({ code, stdout: "", stderr });
    },
  },
];

const WITHOUT_CGROUPS: readonly Case<RootlessPodman>[] = [
  inside("a limit where no cgroup is delegated", ["-m", "20m"], "true", /^126 .*cgroup/s),
  about("pause where no cgroup is delegated", /^125 .*freezer/s, SLEEP, async (c) =>
    lineOf(await call(podman, ["pause", c])),
  ),
];

const WITH_A_MANAGER: readonly Case<RootlessPodman>[] = [
  {
    name: "run with USER in the environment",
    expect: "0 0",
    run: async (_, runtime) =>
      lineOf(await run(podman, runtime, ["--rm", IMAGE, "id", "-u"], { env: { USER: "tsruntest" } })),
  },
  inside(
    "limits",
    ["-m", "20m", "--pids-limit", "33", "--cpus", "0.5"],
    "cd /sys/fs/cgroup; echo $(cat memory.max pids.max cpu.max)",
    "0 20971520 33 50000 100000",
  ),
  {
    ...inside(
      "a limit whose controller is not delegated",
      ["--cpuset-cpus", "0"],
      "true",
      /^127 .*cpuset\.cpus: no such file/s,
    ),
    otherwise: {
      expect: /^126 .*cannot set cpuset limit: the cpuset controller is not available/s,
      why: "podman takes runc's words for those of a program that is missing",
    },
  },
  about("the container's cgroup, pause, update", /^his, paused, running, 0 31457280$/, SLEEP, async (c) => {
    const pid = await inspect(podman, c, "{{.State.Pid}}");
    const place = textOf(`/proc/${pid}/cgroup`) ?? "";
    const his = `/user.slice/user-${USER.uid}.slice/user@${USER.uid}.service/user.slice/libpod-`;
    await must(podman, ["pause", c]);
    const paused = await inspect(podman, c, "{{.State.Status}}");
    await must(podman, ["unpause", c]);
    const after = await inspect(podman, c, "{{.State.Status}}");
    await must(podman, ["update", "--memory", "30m", c]);
    const limit = lineOf(await call(podman, ["exec", c, "cat", "/sys/fs/cgroup/memory.max"]));
    return `${place.startsWith(`0::${his}`) ? "his" : place}, ${paused}, ${after}, ${limit}`;
  }),
  {
    name: "a pod",
    expect: "Running 2",
    run: async (_, runtime) => {
      const [pod, member] = [corner.name(), corner.name()];
      const chosen = ["podman", "--runtime", runtime];
      try {
        await corner.must(podman.program, podman.as(...chosen, "pod", "create", "--name", pod));
        const words = ["run", "-d", "--pod", pod, "--name", member, IMAGE, "sleep", "1000"];
        await corner.must(podman.program, podman.as(...chosen, ...words));
        return await must(podman, ["pod", "inspect", "--format", "{{.State}} {{.NumContainers}}", pod]);
      } finally {
        await call(podman, ["pod", "rm", "-f", "-t", "0", pod]);
      }
    },
  },
];

await both(podman, ANYWHERE);
await both(podman, DRIVER === "systemd" ? WITH_A_MANAGER : WITHOUT_CGROUPS);
await corner.end(async () => {
  const left = cgroupsOf("libpod-").filter((path) => path.includes(`user-${USER.uid}.slice`));
  await podman.close();
  if (left.length > 0) throw new Error(`cgroups are left: ${left.join(" ")}`);
});
