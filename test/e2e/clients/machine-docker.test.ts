/** What Docker needs cgroup v2, all of root's capabilities and a kernel that criu knows for: runc and tsrun beside each other. */
import { both, type Case } from "./support/both.ts";
import type { RuntimeName } from "./support/corner.ts";
import { COUNTING, counted, sequel } from "./support/counting.ts";
import { type Docker, openDocker } from "./support/docker.ts";
import { call, IMAGE, inside, inspect, lineOf, must, running } from "./support/engine.ts";
import { openMachine } from "./support/machine-only.ts";

openMachine("checkpoints, --privileged and what hears of OOM kills");
// `docker checkpoint` is an experiment of Docker's.
const docker = await openDocker({ experimental: true });

const COUNTER = [IMAGE, "sh", "-c", COUNTING];

/** The first process of a container that runs. */
const pid = (name: string): Promise<string> => inspect(docker, name, "{{.State.Pid}}");

const status = (name: string): Promise<string> =>
  inspect(docker, name, "{{.State.Status}} {{.State.ExitCode}}");

/** A case about a container that runs. */
function about(
  name: string,
  expect: string,
  words: readonly string[],
  look: (container: string, runtime: RuntimeName) => Promise<string>,
): Case<Docker> {
  return { name, expect, run: (_, runtime) => running(docker, runtime, words, (c) => look(c, runtime)) };
}

const CASES: readonly Case<Docker>[] = [
  inside(
    "--privileged",
    ["--privileged"],
    "grep -E '(CapEff|Seccomp):' /proc/self/status; mount -t tmpfs x /tmp; df /tmp | grep -c ^x; ls -d /dev/fuse /dev/vda; " +
      "mkdir /sys/fs/cgroup/mine && echo made",
    // Docker 20.10 knows no newer capabilities.
    "0 CapEff:\t0000003fffffffff\nSeccomp:\t0\n1\n/dev/fuse\n/dev/vda\nmade",
  ),
  about(
    "OOMKilled",
    "137, exited 137 true",
    ["-m", "20m", "--memory-swap", "20m", IMAGE, "tail", "/dev/zero"],
    async (c) => {
      const code = await must(docker, ["wait", c]);
      return `${code}, ${await inspect(docker, c, "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}")}`;
    },
  ),
  about(
    "checkpoint create, and start --checkpoint, with a terminal and a limit",
    "exited 137, goes on, 0 52428800 /dev/pts/0, exited 3",
    ["-t", "-m", "50m", ...COUNTER],
    async (c) => {
      const before = await counted(await pid(c));
      await must(docker, ["checkpoint", "create", c, "one"]);
      const stopped = await status(c);
      await must(docker, ["start", "--checkpoint", "one", c]);
      const goes = await sequel(before, await pid(c));
      const script = "echo $(cat /sys/fs/cgroup/memory.max) $(readlink /proc/1/fd/0)";
      const inside = lineOf(await call(docker, ["exec", c, "sh", "-c", script]));
      await must(docker, ["stop", "-t", "60", c]);
      return `${stopped}, ${goes}, ${inside}, ${await status(c)}`;
    },
  ),
  about(
    "checkpoint create --leave-running, and back to it after a kill",
    "running 0, goes on, one, goes on",
    COUNTER,
    async (c) => {
      const before = await counted(await pid(c));
      await must(docker, ["checkpoint", "create", "--leave-running", c, "one"]);
      const first = `${await status(c)}, ${await sequel(before, await pid(c))}`;
      await must(docker, ["kill", c]);
      const list = (await must(docker, ["checkpoint", "ls", c])).split("\n").slice(1).join(" ");
      await must(docker, ["start", "--checkpoint", "one", c]);
      return `${first}, ${list}, ${await sequel(before, await pid(c))}`;
    },
  ),
];

await both(docker, CASES);
await docker.corner.end(async () => undefined);
