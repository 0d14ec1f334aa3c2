/** The machines in which the end-to-end tests run, and which files of tests run in which. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../make-rootfs.ts";

/** A kind of machine. */
export interface Flavour {
  readonly name: string;
  readonly systemd: boolean;
  /** The environment of its tests. */
  readonly env: Readonly<Record<string, string>>;
}

/** Such a machine is thrown away: its tests may load modules, reserve huge pages and turn swap on. */
const THROWAWAY = { TSRUN_TEST_VM: "1" };

/** Both with cgroup v2 alone: without a manager of cgroups, and with systemd as process 1. */
export const FLAVOURS: readonly Flavour[] = [
  { name: "cgroupfs", systemd: false, env: THROWAWAY },
  { name: "systemd", systemd: true, env: { ...THROWAWAY, TSRUN_TEST_CGROUP: "systemd" } },
];

const ENGINES = "an engine's own cases take an emulated machine longer than all other files together";
const ENGINE_ONCE = "the engine's cases run with the other machine's manager of cgroups";

const IMAGES =
  "what an image's text and archives come to is decided before the kernel is asked for a container";

/** Files, or folders of them, that run in no machine, or not in one, and why. */
const LEFT_OUT: readonly (readonly [path: string, why: string, flavour?: string])[] = [
  ["clients/buildah.", ENGINES],
  ["clients/containerd.", ENGINES],
  ["clients/docker.", ENGINES],
  ["clients/kubernetes.", ENGINES],
  ["clients/podman.", ENGINES],
  ["clients/machine-containerd.", ENGINE_ONCE, "systemd"],
  ["clients/machine-docker.", ENGINE_ONCE, "systemd"],
  ["clients/machine-podman.", ENGINE_ONCE, "cgroupfs"],
  ["security/hostile-folders.", "wins or loses a race, for which an emulated machine takes too long"],
  ["image-hostile.", IMAGES],
  ["security/annotations.", IMAGES],
  ["security/hostile-images.", IMAGES],
  ["security/image-labels.", IMAGES],
  ["security/image-limits.", IMAGES],
  ["security/layers.", IMAGES],
  ["security/terminal-text.", IMAGES],
  ["completion.", "shells complete words: nothing of it asks the kernel of a container"],
  [
    "devices-v2.",
    "is about tsrun's own program; systemd.test.ts has the one of systemd beside it",
    "systemd",
  ],
  ...["checkpoint-options.", "checkpoint-lazy.", "checkpoint-confined.", "library-checkpoint."].map(
    (path) => [path, "takes long, and has nothing to do with who manages cgroups", "systemd"] as const,
  ),
  [
    "same-as-runc.",
    "names of units, and mounts of a host that shares them, differ: docs/compatibility.md",
    "systemd",
  ],
  ["broken-bundles.", "mistakes in config.json are found before the kernel is asked for anything"],
  ["instructions.", "an emulated processor takes as many instructions, and valgrind far longer"],
  ["ids.", "ids are checked before the kernel is asked for anything"],
  ["spec.", "writes a file"],
  ["command-words.", "command lines are read before the kernel is asked for anything"],
];

/**
 * Files about what has nothing to do with cgroups, or with who manages them: once in the kernel of the machines is enough, so the machines
 * share them out.
 */
const ONCE: Readonly<Record<string, readonly string[]>> = {
  cgroupfs: [
    "check.",
    "doctor.",
    "exec-failures.",
    "exec-process.",
    "executable.",
    "explain-check.",
    "fds-and-signals.",
    "gc.",
    "hooks.",
    "image-rootless.",
    "intel-rdt.",
    "late-refusals.",
    "library-many.",
    "mount-destinations.",
    "mounts.",
    "namespaces.",
    "notify.",
    "process.",
    "rootless-maps.",
    "seccomp-notify.",
    "security/caller.",
    "security/checkpoint-links.",
    "security/descriptors.",
    "security/identity.",
    "security/image-links.",
    "security/masks.",
    "security/names.",
    "security/program.",
    "security/stopped-helper.",
    "security/terminals.",
    "sysctl-hostname.",
    "terminal-exec.",
    "terminal.",
    "trusted-files.",
  ],
  systemd: [
    "credentials.",
    "errors.",
    "exec-namespaces.",
    "exec-refusals.",
    "explain-script.",
    "features.",
    "hook-failures.",
    "hostile-cwd.",
    "image-overlay.",
    "image.",
    "labels.",
    "library-examples.",
    "masked-readonly-paths.",
    "mount-options.",
    "mutate.",
    "net-devices.",
    "pid-file.",
    "rootfs.",
    "rootless-refusals.",
    "seccomp.",
    "security/data.",
    "security/hostile-file-links.",
    "security/hostile-links.",
    "security/hostile-removal.",
    "security/image-files.",
    "security/mounts.",
    "security/procfs.",
    "security/roots.",
    "security/sysctl.",
    "state-and-list.",
    "terminal-create.",
    "terminal-foreground.",
    "trace.",
    "userns-streams.",
    "userns.",
  ],
};

const FOLDER = "test/e2e/";

/** Why a file does not run in a flavour when all run, or `undefined`. */
export function leftOut(file: string, flavour: string): string | undefined {
  const name = file.slice(FOLDER.length);
  const why = LEFT_OUT.find(
    ([path, , where]) => name.startsWith(path) && (where === undefined || where === flavour),
  )?.[1];
  if (why !== undefined) return why;
  const where = Object.entries(ONCE).find(([, paths]) => paths.some((path) => name.startsWith(path)))?.[0];
  if (where === undefined || where === flavour) return undefined;
  return `has nothing to do with who manages cgroups: runs in ${where}`;
}

/** The sources of the end-to-end tests in the order in which they run: what looks at what the others left comes last. */
export function testFiles(): readonly string[] {
  const files = readdirSync(join(PROJECT, "test/e2e"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test/e2e", name))
    .sort();
  const last = (file: string): boolean => file.startsWith("test/e2e/last/");
  return [...files.filter((file) => !last(file)), ...files.filter(last)];
}

/** The files of a flavour: those whose path contains one of the words, or without words all that are not left out. */
export function filesOf(
  flavour: string,
  words: readonly string[],
  all: readonly string[],
): readonly string[] {
  if (words.length > 0) return all.filter((file) => words.some((word) => file.includes(word)));
  return all.filter((file) => leftOut(file, flavour) === undefined);
}
