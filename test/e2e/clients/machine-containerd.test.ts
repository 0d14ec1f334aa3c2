/** What containerd needs cgroup v2, all of root's capabilities and a kernel that criu knows for: runc and tsrun beside each other. */
import { join } from "node:path";
import { cgroupsOf, namesIn, until } from "../support/outside.ts";
import { both, type Case } from "./support/both.ts";
import { type Containerd, must, openContainerd, remove, taskStatus } from "./support/containerd.ts";
import { importImage } from "./support/containerd-image.ts";
import type { RuntimeName } from "./support/corner.ts";
import { COUNTING, counted, sequel } from "./support/counting.ts";
import { lineOf } from "./support/engine.ts";
import { openMachine } from "./support/machine-only.ts";

openMachine("checkpoints, --privileged and what hears of OOM kills");
const containerd = await openContainerd();
const { corner, ctr } = containerd;
const image = await importImage(containerd);

/** The first process of a task. */
async function pid(id: string): Promise<string> {
  const line = (await must(containerd, ["task", "list"]))
    .split("\n")
    .find((each) => each.startsWith(`${id} `));
  return line?.split(/\s+/)[1] ?? "";
}

/** A container that counts, with a root file system of its own, while `use` looks at it. */
async function counter(runtime: RuntimeName, use: (id: string) => Promise<string>): Promise<string> {
  const id = corner.name();
  const program = ["/bin/sh", "-c", `PATH=/bin; ${COUNTING}`];
  try {
    await must(containerd, [...containerd.making(runtime, ["--detach"], id), image, id, ...program]);
    return await use(id);
  } finally {
    await remove(containerd, id);
  }
}

const CASES: readonly Case<Containerd>[] = [
  {
    name: "--privileged",
    expect: "0 CapEff:\t000001ffffffffff\n1",
    run: async ({ run }, runtime) => {
      const script =
        "PATH=/bin; grep CapEff /proc/self/status; mount -t tmpfs x /tmp; grep -c '^x /tmp' /proc/mounts";
      return lineOf(
        await ctr(run(runtime, ["--rm", "--privileged"], corner.name(), "/bin/sh", "-c", script)),
      );
    },
  },
  {
    name: "the events of a container that meets its memory limit",
    expect: "create start oom exit delete",
    run: async ({ run }, runtime) => {
      const id = corner.name();
      const program = "while :; do /bin/tail /dev/zero; exit 137; done";
      const limit = ["--memory-limit", String(20 << 20)];
      await ctr(run(runtime, ["--rm", ...limit], id, "/bin/sh", "-c", program));
      const seen = await until("the events", () => {
        const lines = corner.log("events").split("\n");
        const own = lines.filter((line) => line.includes(`"${id}"`));
        const names = own.flatMap((line) => /\/tasks\/(\w+)/.exec(line)?.[1] ?? []);
        return names.includes("delete") && names;
      });
      return ["create", "start", "oom", "exit", "delete"].filter((name) => seen.includes(name)).join(" ");
    },
  },
  {
    name: "task checkpoint, which leaves it running",
    expect: "inventory.img, RUNNING, goes on",
    run: (_, runtime) =>
      counter(runtime, async (id) => {
        const before = await counted(await pid(id));
        const folder = join(corner.dir, `image-${id}`);
        await must(containerd, ["task", "checkpoint", "--image-path", folder, id]);
        const files = namesIn(folder).filter((name) => name.startsWith("inventory"));
        return `${files.join(" ")}, ${await taskStatus(containerd, id)}, ${await sequel(before, await pid(id))}`;
      }),
  },
  {
    name: "container checkpoint, and restore under another id",
    expect: "RUNNING, goes on",
    run: (_, runtime) =>
      counter(runtime, async (id) => {
        const [other, kept] = [corner.name(), corner.name()];
        const before = await counted(await pid(id));
        await must(containerd, ["container", "checkpoint", "--rw", "--image", "--task", id, kept]);
        await remove(containerd, id);
        try {
          await must(containerd, ["container", "restore", "--rw", "--live", other, kept]);
          return `${await taskStatus(containerd, other)}, ${await sequel(before, await pid(other))}`;
        } finally {
          await remove(containerd, other);
        }
      }),
  },
];

corner.daemon("events", "ctr", ["--address", join(corner.dir, "containerd.sock"), "events"]);
await both(containerd, CASES);
await corner.end(async () => {
  await until("no container's cgroup", () => cgroupsOf(`${corner.tag}/`).length === 0).catch(() => undefined);
});
