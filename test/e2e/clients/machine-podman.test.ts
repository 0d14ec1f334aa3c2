/** What podman needs cgroup v2, all of root's capabilities and a kernel that criu knows for: runc and tsrun beside each other. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { both, type Case } from "./support/both.ts";
import type { RuntimeName } from "./support/corner.ts";
import { COUNTING, counted, sequel } from "./support/counting.ts";
import { call, IMAGE, inside, inspect, lineOf, must, removal, running } from "./support/engine.ts";
import { removeCgroups } from "./support/leftovers.ts";
import { DRIVER, openMachine } from "./support/machine-only.ts";
import { openPodman, type Podman } from "./support/podman.ts";

openMachine("checkpoints, --privileged, --userns auto and what hears of OOM kills");
const podman = await openPodman();
// What `--userns auto` takes its ranges from.
for (const file of ["/etc/subuid", "/etc/subgid"]) appendFileSync(file, "containers:200000:131072\n");

const COUNTER = [IMAGE, "sh", "-c", COUNTING];

/** The first process of a container that runs. */
const pid = (name: string): Promise<string> => inspect(podman, name, "{{.State.Pid}}");

/** A case about a container that counts. */
function about(
  name: string,
  expect: string | RegExp,
  options: readonly string[],
  look: (container: string, runtime: RuntimeName) => Promise<string>,
): Case<Podman> {
  return {
    name,
    expect,
    run: (_, runtime) => running(podman, runtime, [...options, ...COUNTER], (c) => look(c, runtime)),
  };
}

/** Exports a checkpoint, removes the container with its volumes, and restores it with further options. */
async function moved(
  runtime: RuntimeName,
  from: string,
  options: { readonly checkpoint?: readonly string[]; readonly restore: readonly string[] },
): Promise<void> {
  const archive = join(podman.corner.dir, `${from}.tar.gz`);
  await must(podman, [
    ...["container", "checkpoint", "--export", archive],
    ...(options.checkpoint ?? []),
    from,
  ]);
  await must(podman, [...removal(podman, from), "-v"]);
  const words = ["container", "restore", "--import", archive, ...options.restore];
  await podman.corner.must("podman", [...podman.chosen(runtime), ...words]);
}

const CHECKPOINTS: readonly Case<Podman>[] = [
  about(
    "checkpoint and restore, with a limit",
    "exited true, goes on, 0 52428800, exited 3",
    ["-m", "50m"],
    async (c) => {
      const before = await counted(await pid(c));
      await must(podman, ["container", "checkpoint", c]);
      const stopped = await inspect(podman, c, "{{.State.Status}} {{.State.Checkpointed}}");
      await must(podman, ["container", "restore", c]);
      const goes = await sequel(before, await pid(c));
      const limit = lineOf(await call(podman, ["exec", c, "cat", "/sys/fs/cgroup/memory.max"]));
      await must(podman, ["stop", "-t", "60", c]);
      const end = await inspect(podman, c, "{{.State.Status}} {{.State.ExitCode}}");
      return `${stopped}, ${goes}, ${limit}, ${end}`;
    },
  ),
  about("checkpoint --leave-running", "running, goes on", [], async (c) => {
    const before = await counted(await pid(c));
    await must(podman, ["container", "checkpoint", "--leave-running", c]);
    return `${await inspect(podman, c, "{{.State.Status}}")}, ${await sequel(before, await pid(c))}`;
  }),
  about("restore of a terminal", "0 /dev/pts/0, goes on", ["-t"], async (c) => {
    const before = await counted(await pid(c));
    await must(podman, ["container", "checkpoint", c]);
    await must(podman, ["container", "restore", c]);
    const terminal = lineOf(await call(podman, ["exec", c, "readlink", "/proc/1/fd/0"]));
    return `${terminal}, ${await sequel(before, await pid(c))}`;
  }),
  {
    ...about(
      "a checkpoint before, --export, and --import under another name",
      /^goes on, kept, limit (0 max|1 .*can't open)/s,
      ["-m", "50m", "--tmpfs", "/mnt", "-v", "/made-by-podman"],
      async (c, runtime) => {
        await must(podman, ["exec", c, "sh", "-c", "echo kept > /mnt/file"]);
        const [id, before] = [await inspect(podman, c, "{{.Id}}"), await counted(await pid(c))];
        const to = podman.corner.name();
        const first = join(podman.corner.dir, `${c}-first.tar.gz`);
        await must(podman, ["container", "checkpoint", "--pre-checkpoint", "--export", first, c]);
        try {
          const restore = ["--import-previous", first, "--name", to];
          await moved(runtime, c, { checkpoint: ["--with-previous"], restore });
          const file = await must(podman, ["exec", to, "cat", "/mnt/file"]);
          const limit = lineOf(await call(podman, ["exec", to, "cat", "/sys/fs/cgroup/memory.max"]));
          return `${await sequel(before, await pid(to))}, ${file}, limit ${limit}`;
        } finally {
          await call(podman, removal(podman, to));
          removeCgroups(id);
        }
      },
    ),
    otherwise: {
      expect: "goes on, kept, limit 0 52428800",
      why: "runc 1.1 leaves it to criu, which makes the old container's cgroup anew, without limits, and nobody removes that",
    },
  },
  {
    ...about(
      "restore with --userns auto",
      /^125 .*criu failed/s,
      ["--userns", "auto:size=1024"],
      async (c) => {
        const before = await counted(await pid(c));
        await must(podman, ["container", "checkpoint", c]);
        const restore = await call(podman, ["container", "restore", c]);
        return restore.code === 0 ? sequel(before, await pid(c)) : lineOf(restore);
      },
    ),
    otherwise: {
      expect: "goes on",
      why: "criu reads the image as the container's root, whom tsrun lets into podman's folders, and runc does not",
    },
  },
];

/** With cgroupfs podman 4.3 makes pods' cgroups on v2 in which no device may be opened, whichever the runtime. */
const POD: Case<Podman> = {
  name: "restore into another pod",
  expect: "goes on, Running 2",
  run: async (_, runtime) => {
    const [pod, other, member] = [podman.corner.name(), podman.corner.name(), podman.corner.name()];
    const create = async (name: string): Promise<string> =>
      podman.corner.must("podman", [...podman.chosen(runtime), "pod", "create", "--name", name]);
    await create(pod);
    let id = member;
    try {
      const words = ["run", "-d", "--pod", pod, "--name", member, ...COUNTER];
      await podman.corner.must("podman", [...podman.chosen(runtime), ...words]);
      const before = await counted(await pid(member));
      id = await inspect(podman, member, "{{.Id}}");
      const into = await create(other);
      await moved(runtime, member, { restore: ["--pod", into] });
      const goes = await sequel(before, await pid(member));
      return `${goes}, ${await must(podman, ["pod", "inspect", "--format", "{{.State}} {{.NumContainers}}", other])}`;
    } finally {
      await call(podman, ["pod", "rm", "-f", "-t", "0", pod, other]);
      removeCgroups(id);
    }
  },
};

const FULL_ROOT: readonly Case<Podman>[] = [
  inside(
    "--privileged",
    ["--privileged"],
    "grep -E '(CapEff|Seccomp):' /proc/self/status; mount -t tmpfs x /tmp; df /tmp | grep -c ^x; ls -d /dev/fuse /dev/vda",
    "0 CapEff:\t000001ffffffffff\nSeccomp:\t0\n1\n/dev/fuse\n/dev/vda",
  ),
  inside(
    "--userns auto",
    ["--userns", "auto:size=1024"],
    "echo $(cat /proc/self/uid_map) $(id -u); touch /x; stat -c %u /x",
    /^0 0 2\d{5} 1024 0\n0$/,
  ),
  inside(
    "--systemd always",
    ["--systemd", "always"],
    "mkdir /sys/fs/cgroup/mine && echo made; df /run /tmp /var/log/journal | grep -c ^tmpfs",
    "0 made\n3",
  ),
];

const OOM: Case<Podman> = {
  name: "a container that meets its memory limit",
  // conmon 2.1 tells podman 4.3 of the OOM kill in its working folder, where podman does not look, or finds the cgroup gone.
  expect: "exited 137 false",
  run: (_, runtime) =>
    running(podman, runtime, ["-m", "20m", "--memory-swap", "20m", IMAGE, "tail", "/dev/zero"], async (c) => {
      await must(podman, ["wait", c]);
      return inspect(podman, c, "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}}");
    }),
};

await both(podman, FULL_ROOT);
await both(podman, [OOM]);
await both(podman, DRIVER === "systemd" ? [...CHECKPOINTS, POD] : CHECKPOINTS);
await podman.corner.end(async () => undefined);
