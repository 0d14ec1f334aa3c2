/** podman with a store, a run folder and a configuration of its own: no registry, no network. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Corner, hasSeccomp, openCorner, RUNTIMES, type RuntimeName } from "./corner.ts";
import { type Engine, IMAGE } from "./engine.ts";
import { cgroupParent, DRIVER } from "./machine-only.ts";

/**
 * Writes podman's configuration; the variables that name it. The lines that a host's own containers.conf needs for tsrun are
 * those of [engine].
 *
 * @param folder where its store is to be
 */
export function configure(
  corner: Corner,
  folder = corner.dir,
  program = (name: RuntimeName): string => corner.runtime(name),
): Record<string, string> {
  const runtimes = RUNTIMES.map((name) => `${name} = ["${program(name)}"]`);
  const conf = corner.file(
    "containers.conf",
    [
      "[containers]",
      'default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]',
      'netns = "none"',
      ...(hasSeccomp() ? [] : ['seccomp_profile = "unconfined"']),
      'log_driver = "k8s-file"',
      "[engine]",
      `cgroup_manager = "${DRIVER}"`,
      'events_logger = "file"',
      'lock_type = "file"',
      `tmp_dir = "${folder}/tmp"`,
      `network_config_dir = "${folder}/networks"`,
      "[engine.runtimes]",
      ...runtimes,
      "",
    ].join("\n"),
  );
  const store = corner.file(
    "storage.conf",
    `[storage]\ndriver = "overlay"\nrunroot = "${folder}/run"\ngraphroot = "${folder}/store"\n`,
  );
  return { CONTAINERS_CONF: conf, CONTAINERS_STORAGE_CONF: store };
}

/** The corner's root file system as an archive that engines import; its path. */
export function imageArchive(corner: Corner): string {
  const archive = join(corner.dir, "image.tar");
  execFileSync("tar", ["-C", corner.rootfs, "-cf", archive, "."]);
  return archive;
}

/** podman as an engine, and what only it has. */
export interface Podman extends Engine {
  /** Global options that choose a runtime. */
  chosen(runtime: RuntimeName): readonly string[];
}

/** Opens podman with the image in its store, or skips the file. */
export async function openPodman(): Promise<Podman> {
  const corner = openCorner("podman", "conmon");
  corner.env(configure(corner));
  const parent = ["--cgroup-parent", cgroupParent(corner.tag)];
  const chosen = (runtime: RuntimeName): readonly string[] => ["--runtime", runtime];
  await corner.must("podman", ["--runtime", "runc", "import", "-q", imageArchive(corner), IMAGE]);
  return {
    kind: "podman",
    corner,
    program: "podman",
    chosen,
    words: (...words) => ["--runtime", "runc", ...words],
    making: (runtime, command) => [...chosen(runtime), command, ...parent],
  };
}
