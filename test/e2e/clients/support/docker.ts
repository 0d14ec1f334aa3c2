/** dockerd with folders, a socket and a containerd of its own: no registry, no bridge, no rules of a firewall. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../support/outside.ts";
import { hasSeccomp, openCorner, type RuntimeName } from "./corner.ts";
import { type Engine, IMAGE } from "./engine.ts";
import { cgroupParent, DRIVER } from "./machine-only.ts";

/** Docker, whose daemon can be killed and started again. */
export interface Docker extends Engine {
  /** Kills the daemon with SIGKILL and starts it again; its containers live on. */
  restartKilled(): Promise<void>;
}

/** The client of the daemon's own version, where another one stands before it in PATH. */
const CLIENT = "/usr/bin/docker";

/**
 * Starts dockerd with the image in its store, or skips the file.
 * @param settings further ones for its daemon.json
 */
export async function openDocker(settings: Readonly<Record<string, unknown>> = {}): Promise<Docker> {
  const corner = openCorner("dockerd", "docker", "containerd");
  corner.env({ DOCKER_CONFIG: corner.dir });
  const config = corner.file(
    "daemon.json",
    JSON.stringify({
      runtimes: { tsrun: { path: corner.runtime("tsrun") } },
      "default-runtime": "tsrun",
      bridge: "none",
      iptables: false,
      ip6tables: false,
      "ip-forward": false,
      "ip-masq": false,
      "live-restore": true,
      "data-root": join(corner.dir, "data"),
      "exec-root": join(corner.dir, "exec"),
      pidfile: join(corner.dir, "dockerd.pid"),
      hosts: [`unix://${corner.dir}/docker.sock`],
      "cgroup-parent": cgroupParent(corner.tag),
      "exec-opts": [`native.cgroupdriver=${DRIVER}`],
      ...settings,
    }),
  );
  const words = (...rest: readonly string[]): readonly string[] => [
    "-H",
    `unix://${corner.dir}/docker.sock`,
    ...rest,
  ];
  const startDaemon = async (): Promise<ReturnType<typeof corner.daemon>> => {
    // As a service manager does: it starts a daemon again that has ended.
    const start = (): ReturnType<typeof corner.daemon> =>
      corner.daemon("dockerd", "dockerd", ["--config-file", config]);
    let child = start();
    await until(
      "dockerd",
      async () => {
        if (child.exitCode !== null) child = start();
        return (await corner.call(CLIENT, words("version"))).code === 0;
      },
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${corner.log("dockerd").slice(-2000)}`);
    });
    return child;
  };
  let daemon = await startDaemon();
  const archive = join(corner.dir, "image.tar");
  execFileSync("tar", ["-C", corner.rootfs, "-cf", archive, "."]);
  await corner.must(CLIENT, words("import", archive, IMAGE));
  const security = hasSeccomp() ? [] : ["--security-opt", "seccomp=unconfined"];
  return {
    kind: "docker",
    corner,
    program: CLIENT,
    words,
    making: (runtime: RuntimeName, command) => words(command, "--runtime", runtime, ...security),
    restartKilled: async () => {
      const containerd = readFileSync(join(corner.dir, "exec/containerd/containerd.pid"), "utf8").trim();
      daemon.kill("SIGKILL");
      // Its containerd dies with it. A new daemon that still finds that process, be it a zombie, takes it for its own and waits
      // 15 seconds in vain.
      await until("containerd's end", () => !existsSync(`/proc/${containerd}`));
      await until("the daemon's end", () => daemon.exitCode !== null || daemon.signalCode !== null);
      // On a busy machine another process may have got one of their numbers by now.
      for (const file of ["dockerd.pid", "exec/containerd/containerd.pid"]) {
        rmSync(join(corner.dir, file), { force: true });
      }
      daemon = await startDaemon();
    },
  };
}
