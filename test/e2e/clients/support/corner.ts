/**
 * An engine test's own corner of the host: a folder for its images, sockets and configuration, a tag that names everything
 * made there, and calls of the engine's programs. At the end nothing of it is left.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { makeRootfs, PROBE, PROJECT } from "../../../../scripts/make-rootfs.ts";
import { cgroupsOf, mountsOf, processesOf, until } from "../../support/outside.ts";
import { patience } from "../../support/slow.ts";
import { endForgotten, removeCgroups, statesOf, unmountAll } from "./leftovers.ts";
import { endParent } from "./machine-only.ts";

export { PROBE };

/** The runtimes that every case runs with, in this order. */
export const RUNTIMES = ["runc", "tsrun"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** The tsrun under test. */
const TSRUN = process.env["TSRUN_TEST_RUNTIME"] ?? join(PROJECT, "dist/tsrun");

/** How a call ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  /** Text for standard input; nothing by default. */
  readonly input?: string;
  /** Milliseconds after which the call is killed and answered with the code null. */
  readonly limit?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** What engines make outside their own folders; removed at the end where it was not there before. */
const TRACES = [
  "/var/lib/containers",
  "/run/containers",
  "/run/libpod",
  "/run/containerd",
  "/run/docker",
  "/etc/docker",
  "/etc/docker/key.json",
  "/dev/shm/libpod_lock",
];

const POD_PARENT = "libpod_parent";

/** The corner. */
export class Corner {
  readonly tag = `tsrun-test-${process.pid}`;
  readonly dir: string;
  /** A root file system with busybox and the probe. */
  readonly rootfs: string;
  readonly #traces = TRACES.filter((path) => !existsSync(path));
  /** podman's cgroup for pods that say nothing of a parent, as those of `play kube`. */
  readonly #foreignParent = cgroupsOf(POD_PARENT).length > 0;
  readonly #daemons: ChildProcess[] = [];
  #settings: Readonly<Record<string, string>> = {};
  #calls = 0;
  #names = 0;

  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), `${this.tag}-`));
    chmodSync(this.dir, 0o755);
    this.rootfs = join(this.dir, "rootfs");
    makeRootfs(this.rootfs);
  }

  /** Where a runtime is. */
  runtime(name: RuntimeName): string {
    return name === "tsrun" ? TSRUN : pathOf("runc");
  }

  /** A name that nothing else has. */
  name(): string {
    this.#names += 1;
    return `${this.tag}-${this.#names}`;
  }

  /** Gives every further call these variables. */
  env(settings: Readonly<Record<string, string>>): void {
    this.#settings = settings;
  }

  /** Writes a file into the corner; its path. */
  file(name: string, text: string): string {
    writeFileSync(join(this.dir, name), text);
    return join(this.dir, name);
  }

  /** Runs a program to its end. Its output goes to files, since what it starts may hold it for longer. */
  call(program: string, words: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    this.#calls += 1;
    const name = join(this.dir, `call-${this.#calls}`);
    writeFileSync(`${name}.in`, options.input ?? "");
    const streams = [openSync(`${name}.in`, "r"), openSync(`${name}.out`, "w"), openSync(`${name}.err`, "w")];
    const child = spawn(program, words, { stdio: streams, cwd: this.dir, env: this.#env(options.env) });
    for (const fd of streams) closeSync(fd);
    const text = (stream: string): string => readFileSync(`${name}.${stream}`, "utf8");
    return new Promise((settle, fail) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), options.limit ?? patience(30_000));
      child.on("error", fail);
      child.on("exit", (code) => {
        clearTimeout(timer);
        settle({ code, stdout: text("out"), stderr: text("err") });
        for (const stream of ["in", "out", "err"]) rmSync(`${name}.${stream}`);
      });
    });
  }

  /** A call that has to work; its standard output without the last newline. @throws Error with everything it said */
  async must(program: string, words: readonly string[], options: CallOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.call(program, words, options);
    if (code !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${code}\n${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  /** Starts a daemon, whose output goes to NAME.log in the corner. */
  daemon(name: string, program: string, words: readonly string[]): ChildProcess {
    const log = openSync(join(this.dir, `${name}.log`), "a");
    const child = spawn(program, words, { stdio: ["ignore", log, log], cwd: this.dir, env: this.#env() });
    closeSync(log);
    this.#daemons.push(child);
    return child;
  }

  /** What a daemon has said. */
  log(name: string): string {
    return readFileSync(join(this.dir, `${name}.log`), "utf8");
  }

  /** Stops what `daemon` started, the last one first. */
  async #stopDaemons(): Promise<void> {
    for (const child of this.#daemons.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await until(
        "the daemon's end",
        () => child.exitCode !== null || child.signalCode !== null,
        15_000,
      ).catch(() => child.kill("SIGKILL"));
    }
  }

  #env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
    return { PATH: path, HOME: this.dir, TSRUN_TEST: this.tag, ...this.#settings, ...more };
  }

  /**
   * The last test of a file, after `cleanup` has removed the containers by the engine's own means: no process, no
   * cgroup of a container, no mount but the engine's store, and then not even that.
   */
  async end(cleanup: () => Promise<void>): Promise<void> {
    await t.test("nothing is left", { timeout: patience(60_000) }, async (t) => {
      await cleanup();
      await this.#stopDaemons();
      for (const state of endForgotten(this.tag, this.dir)) t.comment(`forgotten by the engine: ${state}`);
      await until("no process", () => processesOf(this.tag).length === 0, 5000).catch(() => undefined);
      t.same(processesOf(this.tag), [], "no process");
      const cgroups = (): readonly string[] =>
        cgroupsOf(this.tag).filter((path) =>
          /[0-9a-f]{64}|-\d+(\.scope)?$/.test(path.replace(/.*tsrun-test-\d+/, "")),
        );
      // systemd takes the units away of what engines have removed without asking the runtime, in its own time.
      await until("no cgroup", () => cgroups().length === 0, 2000).catch(() => undefined);
      t.same(cgroups(), [], "no cgroup of a container");
      t.same(statesOf(this.tag, this.dir), [], "no container that a runtime still knows");
      t.same(
        mountsOf(this.tag).filter((line) => /merged|shm|rootfs/.test(line)),
        [],
        "no mount of a container",
      );
      unmountAll(this.tag);
      endParent(this.tag);
      removeCgroups(this.tag);
      if (!this.#foreignParent) removeCgroups(POD_PARENT);
      t.same(
        [...cgroupsOf(this.tag), ...mountsOf(this.tag)],
        [],
        "the engine's own cgroups and mounts go too",
      );
    });
    for (const path of [this.dir, ...this.#traces]) rmSync(path, { recursive: true, force: true });
  }
}

/** Where a program is. @throws Error where it is not installed */
export function pathOf(program: string): string {
  const path = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"]
    .map((folder) => join(folder, program))
    .find((file) => existsSync(file));
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

/** Opens a corner, or skips the whole file and says which program is missing. */
export function openCorner(...programs: readonly string[]): Corner {
  const missing = ["runc", ...programs].filter((program) => {
    try {
      pathOf(program);
      return false;
    } catch {
      return true;
    }
  });
  const why =
    process.getuid?.() !== 0
      ? "needs root: the engines are run as root"
      : missing.length > 0
        ? `needs ${missing.join(", ")}, which this host has not installed`
        : undefined;
  if (why !== undefined) {
    t.plan(0, why);
    process.exit(0);
  }
  return new Corner();
}

/** Whether the tsrun under test has seccomp; without it the engines are told to leave their profiles out. */
export function hasSeccomp(): boolean {
  const features: unknown = JSON.parse(execFileSync(TSRUN, ["features"], { encoding: "utf8" }));
  return /"seccomp":\{"enabled":true/.test(JSON.stringify(features));
}
