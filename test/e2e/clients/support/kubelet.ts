/**
 * What a kubelet does, without one: pods and containers through the CRI plugin of a containerd of the test's own, with a
 * runtime handler for each runtime as a RuntimeClass names it (k8s.io/cri-api, runtime/v1/api.proto). Pods have the host's
 * network, so that no network plugin is needed, and one image, which is the pods' own too.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Fields, Message } from "../../../../src/spawn/criu/protobuf.ts";
import { until } from "../../support/outside.ts";
import { type Containerd, openContainerd } from "./containerd.ts";
import { type Corner, RUNTIMES, type RuntimeName } from "./corner.ts";
import { callRemote } from "./grpc.ts";

/** Names of what is in the pods. */
export const IMAGE = "localhost/tsrun-test:1";

/** What a pod's container is like, by the CRI's field numbers where it is a message. */
export interface ContainerWish {
  readonly command: readonly string[];
  readonly env?: readonly (readonly [name: string, value: string])[];
  /** LinuxContainerResources. */
  readonly resources?: Message;
  /** LinuxContainerSecurityContext. */
  readonly security?: Message;
}

/** How a container is, as the CRI says. */
export interface ContainerStatus {
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly exitCode: number;
  readonly reason: string;
}

const POD = 0;
const NODE = 2;

/** A pod, until `remove`. */
export interface Pod {
  readonly id: string;
  /** Makes and starts a container in it; its id. */
  start(wish: ContainerWish): Promise<string>;
  /** What a container has written so far: the lines of its log without their heads. */
  log(container: string): string;
}

/** The kubelet's calls. */
export class Kubelet {
  readonly containerd: Containerd;
  readonly corner: Corner;
  readonly #logs = new Map<string, string>();

  constructor(containerd: Containerd) {
    this.containerd = containerd;
    this.corner = containerd.corner;
  }

  /** Calls the CRI's runtime service. */
  call(method: string, message: Message, limit = 30_000): Promise<Fields> {
    const socket = join(this.corner.dir, "containerd.sock");
    return callRemote(socket, `/runtime.v1.RuntimeService/${method}`, message, limit);
  }

  /** A pod with one of the runtimes while `use` looks at it; removed afterwards. */
  async pod<T>(runtime: RuntimeName, use: (pod: Pod) => Promise<T>): Promise<T> {
    const name = this.corner.name();
    const logs = join(this.corner.dir, `${name}-logs`);
    const config: Message = [
      [
        1,
        [
          [1, name],
          [2, name],
          [3, "default"],
        ],
      ],
      [3, logs],
      [
        8,
        [
          [1, `/${this.corner.tag}`],
          [
            2,
            [
              [
                1,
                [
                  [1, NODE],
                  [2, POD],
                  [3, POD],
                ],
              ],
            ],
          ],
        ],
      ],
    ];
    const made = await this.call("RunPodSandbox", [
      [1, config],
      [2, runtime],
    ]);
    const id = made.text(1) ?? "";
    try {
      return await use({
        id,
        start: (wish) => this.#start(id, config, logs, wish),
        log: (container) => this.#log(container),
      });
    } finally {
      await this.call("StopPodSandbox", [[1, id]]);
      await this.call("RemovePodSandbox", [[1, id]]);
      rmSync(logs, { recursive: true, force: true });
    }
  }

  async #start(pod: string, config: Message, logs: string, wish: ContainerWish): Promise<string> {
    const name = this.corner.name();
    const container: Message = [
      [1, [[1, name]]],
      [2, [[1, IMAGE]]],
      ...wish.command.map((word) => [3, word] as const),
      ...(wish.env ?? []).map(
        ([key, value]) =>
          [
            6,
            [
              [1, key],
              [2, value],
            ] as Message,
          ] as const,
      ),
      [11, `${name}.log`],
      [
        15,
        [
          [1, wish.resources],
          [
            2,
            [
              [
                3,
                [
                  [1, NODE],
                  [2, POD],
                  [3, POD],
                ],
              ],
              ...(wish.security ?? []),
            ],
          ],
        ],
      ],
    ];
    const made = await this.call("CreateContainer", [
      [1, pod],
      [2, container],
      [3, config],
    ]);
    const id = made.text(1) ?? "";
    this.#logs.set(id, join(logs, `${name}.log`));
    await this.call("StartContainer", [[1, id]]);
    return id;
  }

  /** A line of a log is "TIME STREAM TAG TEXT". */
  #log(container: string): string {
    const lines = readFileSync(this.#logs.get(container) ?? "", "utf8")
      .trimEnd()
      .split("\n");
    return lines.map((line) => line.split(" ").slice(3).join(" ")).join("\n");
  }

  async status(container: string): Promise<ContainerStatus> {
    const status = (await this.call("ContainerStatus", [[1, container]])).message(1);
    return {
      state: (["created", "running", "exited", "unknown"] as const)[status?.number(3) ?? 0] ?? "unknown",
      exitCode: status?.number(7) ?? 0,
      reason: status?.text(10) ?? "",
    };
  }

  /** Waits for a container's end. */
  ended(container: string): Promise<ContainerStatus> {
    return until(
      "the container's end",
      async () => {
        const status = await this.status(container);
        return status.state === "exited" && status;
      },
      20_000,
    );
  }
}

/** Starts containerd with the CRI plugin and the image, or skips the file. */
export async function openKubelet(): Promise<Kubelet> {
  const containerd = await openContainerd(pluginConfig);
  const kubelet = new Kubelet(containerd);
  const archive = imageArchive(containerd.corner);
  const address = ["--address", join(containerd.corner.dir, "containerd.sock")];
  await containerd.corner.must("ctr", [...address, "--namespace", "k8s.io", "image", "import", archive]);
  await until("the CRI plugin", () => kubelet.call("Version", []).catch(() => false), 15_000);
  return kubelet;
}

/** As docs/engines.md has it, a handler for each runtime; this root may lack the right to lower oom_score_adj. */
function pluginConfig(corner: Corner): readonly string[] {
  const plugin = '[plugins."io.containerd.grpc.v1.cri"';
  return [
    `${plugin}]`,
    `sandbox_image = "${IMAGE}"`,
    "restrict_oom_score_adj = true",
    `${plugin}.containerd]\ndefault_runtime_name = "tsrun"`,
    ...RUNTIMES.flatMap((runtime) => [
      `${plugin}.containerd.runtimes.${runtime}]\nruntime_type = "io.containerd.runc.v2"`,
      `${plugin}.containerd.runtimes.${runtime}.options]`,
      `BinaryName = "${corner.runtime(runtime)}"`,
      `Root = "${join(corner.dir, `runtime-${runtime}`)}"`,
    ]),
  ];
}

/** An image as `docker save` writes it: the corner's root file system, which sleeps unless told otherwise. */
function imageArchive(corner: Corner): string {
  const dir = join(corner.dir, "image");
  mkdirSync(dir);
  execFileSync("tar", ["-C", corner.rootfs, "-cf", join(dir, "layer.tar"), "."]);
  const digest = createHash("sha256")
    .update(readFileSync(join(dir, "layer.tar")))
    .digest("hex");
  const config = {
    architecture: { x64: "amd64", arm64: "arm64" }[process.arch as string] ?? process.arch,
    os: "linux",
    config: { Env: ["PATH=/bin"], Cmd: ["/bin/sleep", "100000"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [IMAGE], Layers: ["layer.tar"] }];
  writeFileSync(join(dir, "manifest.json"), JSON.stringify(manifest));
  const archive = join(corner.dir, "image.tar");
  execFileSync("tar", ["-C", dir, "-cf", archive, "manifest.json", "config.json", "layer.tar"]);
  return archive;
}
