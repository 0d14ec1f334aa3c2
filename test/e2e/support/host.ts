/**
 * A test file's own corner of the host: a folder, a state root, a tag that names everything made there, the runtime
 * under test. The last test of a file proves that nothing of it is left.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import t, { type Test } from "tap";
import { makeRootfs, PROBE, PROJECT } from "../../../scripts/make-rootfs.ts";
import { type AnswersTo, askingArgs, type Question } from "./answers.ts";
import { baseConfig, type Config, type Patch } from "./config.ts";
import { answersOf, messageOf, type Outcome, type State } from "./outcome.ts";
import { cgroupsOf, mountsOf, processesOf, until } from "./outside.ts";
import { patience } from "./slow.ts";
import { type Kind, kindOf, type Wants, whatIsMissing } from "./wants.ts";

export { answersOf, messageOf, type Outcome, PROBE, PROJECT, type State };

/** Options before each of root's commands: of the way in which cgroups are made. An ordinary user here has no manager of his own. */
const GLOBAL = process.env["TSRUN_TEST_CGROUP"] === "systemd" ? ["--systemd-cgroup"] : [];

/** The runtime under test: an absolute path or a name in PATH. */
export const RUNTIME = process.env["TSRUN_TEST_RUNTIME"] ?? join(PROJECT, "dist/tsrun");

export interface CallOptions {
  readonly cwd?: string;
  /** Replaces the environment. */
  readonly env?: Record<string, string>;
  /** Text for standard input, or a descriptor of this process; nothing by default. */
  readonly input?: string | number;
  /** Further descriptors, from 3 on. */
  readonly fds?: readonly number[];
  /** Settings of `probe launch`, such as `ignore=13`, that the runtime is started with. */
  readonly launch?: readonly string[];
  /** A program and its arguments, such as `nice -n 5`, that the runtime is started through. */
  readonly through?: readonly string[];
  /** Milliseconds after which the call is killed and the test fails. */
  readonly limit?: number;
  /** Another user than root, whose call it is. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Without the `--root` of this test file. */
  readonly bare?: boolean;
}

/** A call that is under way. */
export interface Running {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Outcome>;
}

/** A bundle of a test: a folder with config.json and a root file system of its own. */
export interface TestBundle {
  readonly dir: string;
  readonly rootfs: string;
  /** What config.json holds; `save` after changing it. */
  readonly config: Config;
  save(): void;
}

/** The corner. */
export class Host {
  readonly tag = `tsrun-test-${process.pid}`;
  readonly dir: string;
  readonly stateRoot: string;
  readonly runtime: string;
  #bundles = 0;
  #ids = 0;
  #calls = 0;
  #kind: Kind | undefined;

  /** @param which the runtime, or who puts it into the corner's folder */
  constructor(which: string | ((dir: string) => string) = RUNTIME) {
    this.dir = mkdtempSync(join(tmpdir(), `${this.tag}-`));
    // Containers in user namespaces must be able to reach their root file systems.
    chmodSync(this.dir, 0o755);
    const runtime = typeof which === "string" ? which : which(this.dir);
    this.runtime = runtime.includes("/") ? resolve(runtime) : runtime;
    this.stateRoot = join(this.dir, "state");
  }

  /** Which runtime this is. */
  async kind(): Promise<Kind> {
    this.#kind ??= kindOf(this.runtime);
    return this.#kind;
  }

  /** An id that no other container has. */
  id(): string {
    this.#ids += 1;
    return `${this.tag}-${this.#ids}`;
  }

  /** A new bundle from the base config and a patch. */
  bundle(patch?: Patch): TestBundle {
    this.#bundles += 1;
    const dir = join(this.dir, `b${this.#bundles}`);
    const rootfs = join(dir, "rootfs");
    mkdirSync(dir);
    makeRootfs(rootfs);
    const config = baseConfig(this.tag);
    patch?.(config);
    const save = (): void => writeFileSync(join(dir, "config.json"), JSON.stringify(config, undefined, 2));
    save();
    return { dir, rootfs, config, save };
  }

  /** Starts a call of the runtime. Its output goes to files, since a container may hold it longer than the call lasts. */
  start(args: readonly string[], options: CallOptions = {}): Running {
    this.#calls += 1;
    const name = join(this.dir, `call-${this.#calls}`);
    const words = [
      ...(options.user === undefined ? GLOBAL : []),
      ...(options.bare ? [] : ["--root", this.stateRoot]),
      ...args,
    ];
    const launch = options.launch ? [PROBE, "launch", ...options.launch, "--"] : [];
    const [program = "", ...rest] = [...(options.through ?? []), ...launch, this.runtime, ...words];
    const input = typeof options.input === "number" ? options.input : openInput(`${name}.in`, options.input);
    const out = openSync(`${name}.out`, "w");
    const err = openSync(`${name}.err`, "w");
    const child = spawn(program, rest, {
      stdio: [input, out, err, ...(options.fds ?? [])],
      cwd: options.cwd ?? this.dir,
      ...options.user,
      env: options.env ?? { PATH: process.env["PATH"], HOME: process.env["HOME"], TSRUN_TEST: this.tag },
    });
    for (const fd of [out, err]) closeSync(fd);
    if (typeof options.input !== "number") closeSync(input);
    const stdout = (): string => readFileSync(`${name}.out`, "utf8");
    const stderr = (): string => readFileSync(`${name}.err`, "utf8");
    const limit = patience(options.limit ?? 30_000);
    const ended = new Promise<Outcome>((settle, fail) => {
      const timer = setTimeout(() => {
        child.kill("SIGKILL");
        fail(new Error(`no end after ${limit} ms: ${program} ${rest.join(" ")}\n${stderr()}`));
      }, limit);
      child.on("error", fail);
      child.on("exit", (code, signal) => {
        clearTimeout(timer);
        settle({ args: words, code, signal, stdout: stdout(), stderr: stderr() });
      });
    });
    return { pid: child.pid ?? -1, stdout, stderr, ended, kill: (signal) => void child.kill(signal) };
  }

  /** A call of the runtime, to its end. */
  call(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    return this.start(args, options).ended;
  }

  /** A call that has to work. @throws Error with everything the call said */
  async must(args: readonly string[], options: CallOptions = {}): Promise<Outcome> {
    const outcome = await this.call(args, options);
    if (outcome.code !== 0)
      throw new Error(
        `${this.runtime} ${outcome.args.join(" ")} ended with ${outcome.code ?? outcome.signal}\n${outcome.stderr}${outcome.stdout}`,
      );
    return outcome;
  }

  /** `run` in the foreground. */
  run(bundle: TestBundle, extra: readonly string[] = [], options: CallOptions = {}): Promise<Outcome> {
    return this.call(["run", "--bundle", bundle.dir, ...extra, this.id()], options);
  }

  /** A container that has been created; its id. */
  async created(bundle: TestBundle, extra: readonly string[] = []): Promise<string> {
    const id = this.id();
    await this.must(["create", "--bundle", bundle.dir, ...extra, id]);
    return id;
  }

  /** A container that runs; its id. */
  async running(bundle: TestBundle, extra: readonly string[] = []): Promise<string> {
    const id = await this.created(bundle, extra);
    await this.must(["start", id]);
    return id;
  }

  /** What `state` says. */
  async state(id: string): Promise<State> {
    return JSON.parse((await this.must(["state", id])).stdout) as State;
  }

  /** Waits until the container has a status. */
  async reaches(id: string, status: string): Promise<State> {
    return until(`${id} ${status}`, async () => {
      const state = await this.state(id);
      return state.status === status && state;
    });
  }

  async delete(id: string): Promise<void> {
    await this.must(["delete", "--force", id]);
  }

  /** Runs a container of the base config, patched, and answers what the probe says in it to each question. */
  async ask<const Q extends readonly Question[]>(
    questions: Q,
    patch?: Patch,
    extra?: readonly string[],
    options?: CallOptions,
  ): Promise<AnswersTo<Q>> {
    const bundle = this.bundle((config) => {
      patch?.(config);
      config.process.args = askingArgs(questions);
    });
    const outcome = await this.run(bundle, extra, options);
    return answersOf(questions, outcome);
  }

  /** What is in the state root, but for the filters that tsrun keeps for the containers to come. */
  #states(): string[] {
    if (!readdirSync(this.dir).includes("state")) return [];
    return readdirSync(this.stateRoot).filter((name) => name !== "~seccomp");
  }

  /** The last test of a file: everything that was made under the tag is gone, once left-over containers are deleted. */
  async end(): Promise<void> {
    await t.test("the host is as it was found", async (t) => {
      for (const id of this.#states()) {
        await this.call(["delete", "--force", id]);
      }
      await until("no process of these tests", () => processesOf(this.tag).length === 0, 3000).catch(
        () => undefined,
      );
      t.same(processesOf(this.tag), [], "no process");
      t.same(cgroupsOf(this.tag), [], "no cgroup");
      t.same(mountsOf(this.tag), [], "no mount");
      t.same(this.#states(), [], "no state");
    });
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function openInput(name: string, text: string | undefined): number {
  if (text === undefined) return openSync("/dev/null", "r");
  writeFileSync(name, text);
  return openSync(name, "r");
}

/** Opens this file's corner, or skips the whole file and says what is missing. */
export function openHost(wants: Wants = {}): Host {
  const missing = whatIsMissing(RUNTIME, wants);
  if (missing !== undefined) {
    t.plan(0, missing);
    process.exit(0);
  }
  t.comment(`runtime under test: ${RUNTIME}`);
  return new Host();
}

/** Marks a test of what only tsrun does: skipped, with the reason, when another runtime is under test. */
export async function onlyTsrun(host: Host, t: Test): Promise<boolean> {
  if ((await host.kind()) === "tsrun") return true;
  t.pass("not applicable", { skip: "only tsrun does this" });
  return false;
}

/** Where tsrun is meant to differ from runc: what each of them does, and why tsrun does otherwise. */
export function intended<T>(
  kind: Kind,
  each: { readonly runc: T; readonly tsrun: T; readonly why: string },
): T {
  return each[kind];
}
