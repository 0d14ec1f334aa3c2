/** containerd with folders and a socket of its own, its runc-v2 shim, and ctr, which chooses the runtime's program. */
import { join } from "node:path";
import { cgroupsOf, processesOf, until } from "../../support/outside.ts";
import { type CallOptions, type Corner, type Outcome, openCorner, type RuntimeName } from "./corner.ts";
import { cgroupParent, DRIVER } from "./machine-only.ts";

/** containerd, and how ctr reaches it. */
export interface Containerd {
  readonly corner: Corner;
  /** Calls ctr. */
  ctr(words: readonly string[], options?: CallOptions): Promise<Outcome>;
  /** The words of `ctr run` with one of the runtimes, before a root file system or an image, the id and what runs. */
  making(runtime: RuntimeName, options: readonly string[], id: string): readonly string[];
  /** All words of `ctr run` in the corner's root file system. */
  run(
    runtime: RuntimeName,
    options: readonly string[],
    id: string,
    ...program: readonly string[]
  ): readonly string[];
  /** Kills containerd with SIGKILL and starts it again; its shims live on. */
  restartKilled(): Promise<void>;
}

/** Starts containerd, or skips the file. Kubernetes' interface is off unless `plugins` gives its configuration. */
export async function openContainerd(plugins?: (corner: Corner) => readonly string[]): Promise<Containerd> {
  const corner = openCorner("containerd", "ctr", "containerd-shim-runc-v2");
  const { dir, tag } = corner;
  const config = corner.file(
    "containerd.toml",
    [
      "version = 2",
      `root = "${dir}/root"`,
      `state = "${dir}/state"`,
      ...(plugins === undefined ? ['disabled_plugins = ["io.containerd.grpc.v1.cri"]'] : []),
      `[grpc]\naddress = "${dir}/containerd.sock"`,
      `[ttrpc]\naddress = "${dir}/containerd.ttrpc"`,
      ...(plugins?.(corner) ?? []),
      "",
    ].join("\n"),
  );
  const global = ["--address", join(dir, "containerd.sock"), "--namespace", tag];
  // BinaryName and Root of the shim's options, as a CRI RuntimeClass gives them.
  const making: Containerd["making"] = (runtime, options, id) => [
    ...["run", "--runtime", "io.containerd.runc.v2", "--runc-binary", corner.runtime(runtime)],
    ...["--runc-root", join(dir, `runtime-${runtime}`), "--fifo-dir", join(dir, "fifo")],
    ...(DRIVER === "systemd" ? ["--runc-systemd-cgroup"] : []),
    ...["--cgroup", DRIVER === "systemd" ? `${cgroupParent(tag)}:ctr:${id}` : `${cgroupParent(tag)}/${id}`],
    ...options,
  ];
  const start = async (): Promise<ReturnType<typeof corner.daemon>> => {
    const child = corner.daemon("containerd", "containerd", ["--config", config]);
    await until(
      "containerd",
      async () => (await corner.call("ctr", [...global, "version"])).code === 0,
      15_000,
    );
    return child;
  };
  let daemon = await start();
  return {
    corner,
    ctr: (words, options) => corner.call("ctr", [...global, ...words], options),
    making,
    run: (runtime, options, id, ...program) => [
      ...making(runtime, options, id),
      ...["--rootfs", corner.rootfs, id, ...program],
    ],
    restartKilled: async () => {
      daemon.kill("SIGKILL");
      await until("containerd's end", () => daemon.exitCode !== null || daemon.signalCode !== null);
      daemon = await start();
    },
  };
}

/** A call that has to work; what it printed. @throws Error with everything it said */
export async function must(containerd: Containerd, words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await containerd.ctr(words);
  if (code !== 0) throw new Error(`ctr ${words.join(" ")} ended with ${code}\n${stderr}${stdout}`);
  return stdout.trim();
}

/** A container that runs in the background while `use` looks at it; removed afterwards. */
export async function running<T>(
  containerd: Containerd,
  runtime: RuntimeName,
  program: readonly string[],
  use: (id: string) => Promise<T>,
  options: readonly string[] = [],
): Promise<T> {
  const id = containerd.corner.name();
  try {
    await must(containerd, containerd.run(runtime, ["--detach", ...options], id, ...program));
    return await use(id);
  } finally {
    await remove(containerd, id);
  }
}

/** Kills and deletes a container, in whatever state it is. */
export async function remove(containerd: Containerd, id: string): Promise<void> {
  await containerd.ctr(["task", "kill", "--signal", "SIGKILL", id]);
  await until("the task's end", async () => !/RUNNING|PAUSED/.test(await taskStatus(containerd, id))).catch(
    () => undefined,
  );
  await containerd.ctr(["task", "delete", "--force", id]);
  await containerd.ctr(["container", "delete", id]);
}

/** `RUNNING`, `PAUSED`, `STOPPED`, or nothing. */
export async function taskStatus(containerd: Containerd, id: string): Promise<string> {
  const lines = (await containerd.ctr(["task", "list"])).stdout.split("\n");
  return (
    lines
      .find((line) => line.startsWith(`${id} `))
      ?.trim()
      .split(/\s+/)[2] ?? ""
  );
}

/** Processes and cgroups that a container has on the host. */
export function leftOf(id: string): readonly string[] {
  const own = new RegExp(`${id}(?!\\d)`);
  return [...processesOf(id), ...cgroupsOf(id)].filter((line) => own.test(line));
}
