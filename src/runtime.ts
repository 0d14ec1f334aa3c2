/** {@link Runtime}: the verbs of the command for programs, over the same functions. */
import type { LaunchError } from "./error.ts";
import { create } from "./lifecycle/create.ts";
import { deleteContainer } from "./lifecycle/delete.ts";
import { killContainer } from "./lifecycle/kill.ts";
import { absolute, type CreateRequest } from "./lifecycle/prepare.ts";
import { finish, runDetached } from "./lifecycle/run.ts";
import { parseSignal } from "./lifecycle/signals.ts";
import { start } from "./lifecycle/start.ts";
import { awaitChild, awaitContainer } from "./lifecycle/wait.ts";
import { type Listed, list } from "./observe/list.ts";
import { type ContainerState, state } from "./observe/state.ts";
import type { Exit, Pidfd } from "./sys/process.ts";

const SIGKILL = 9;

/** Where a {@link Runtime} keeps its containers. */
export interface RuntimeOptions {
  /**
   * The folder of the containers' state; relative to the current one, made when the first container is. The command's
   * `--root`; its default is `/run/tsrun`, so that library and command see the same containers.
   */
  readonly root?: string;
}

/** How a container that was run ended. */
export interface RunEnd {
  /** The exit code, or the signal that ended it; `undefined` where another part of this process has reaped it. */
  readonly exit: Exit | undefined;
  /** Failures of poststop hooks: the container is gone all the same (runtime-spec runtime.md, lifecycle). */
  readonly failures: readonly LaunchError[];
}

/**
 * The containers below one state folder.
 *
 * Every method answers with a promise. Making, starting and removing a container is a series of native calls that keep the
 * calling thread for some milliseconds, and for as long as the container's hooks take; use a worker thread where that is
 * too long. Waiting ({@link Runtime.wait}, {@link Runtime.run}) leaves the thread to others.
 *
 * The first process of a container is a child of the process that created it. As long as that one lives, it has to take
 * note of the container's end, with `wait`, `run` or `delete`; else the ended process stays a zombie.
 */
export class Runtime {
  /** The folder of the containers' state, absolute. */
  readonly root: string;
  readonly #children = new Map<string, Child>();

  constructor(options: RuntimeOptions = {}) {
    this.root = absolute(options.root ?? "/run/tsrun");
  }

  /**
   * Creates a container from a bundle: everything is set up, its program waits for {@link Runtime.start}.
   *
   * @returns its state, `created`
   * @throws {@link StateError} `id-invalid`, `exists`; {@link BundleError}; {@link LaunchError} `op`, `hook`, `died`, `exec`;
   *   {@link SystemError}; {@link UsageError}. Then nothing of the container is left.
   */
  async create(request: CreateRequest): Promise<ContainerState> {
    const { locked, first } = create(this.root, request);
    locked.release();
    this.#adopt(request.id, first);
    return state(this.root, request.id);
  }

  /**
   * Starts a created container's program.
   *
   * @throws {@link StateError} `not-found`, `not-created`, `stopped`, `busy`, `damaged`; {@link LaunchError} `exec` where the program
   *   cannot be executed, `hook` where a startContainer or poststart hook failed, `died`. Then the container is stopped.
   */
  async start(id: string): Promise<void> {
    start(this.root, id);
  }

  /**
   * Creates and starts a container, waits for its end and deletes it. Signals that reach this process are not passed on:
   * use {@link Runtime.kill}.
   *
   * @throws what {@link Runtime.create} and {@link Runtime.start} throw; then nothing of the container is left
   */
  async run(request: CreateRequest): Promise<RunEnd> {
    const { first, created } = runDetached(this.root, request);
    const child = this.#adopt(request.id, first);
    const exit = await endOf(child);
    const failures = finish(this.root, request.id, created);
    if (this.#children.get(request.id) === child) this.#children.delete(request.id);
    return { exit, failures };
  }

  /**
   * Resolves when a container's first process has ended; at once where it has already.
   *
   * @returns how it ended; `undefined` where another process created the container, since only the parent learns that
   * @throws {@link StateError} `not-found`, `damaged`
   */
  async wait(id: string): Promise<Exit | undefined> {
    const child = this.#children.get(id);
    if (child !== undefined) return endOf(child);
    await awaitContainer(this.root, id);
    return undefined;
  }

  /**
   * Sends a signal to a container's first process.
   *
   * @param signal a number, or a name with or without SIG, in any case: `TERM`, `sigkill`, `RTMIN+3`
   * @param options with `all`, every process in the container's cgroup gets it
   * @throws {@link StateError} `not-found`, `not-running` (never with `all`), `damaged`; {@link UsageError} for an unknown signal
   */
  async kill(id: string, signal: string | number = "TERM", options: { all?: boolean } = {}): Promise<void> {
    killContainer(this.root, id, parseSignal(String(signal)), options.all);
  }

  /**
   * Deletes a container that has stopped or was never started.
   *
   * @param options with `force`, one that runs is killed first, and one that does not exist is no error
   * @returns failures of poststop hooks: the container is gone all the same
   * @throws {@link StateError} `not-found`, `not-stopped`, `busy`, `damaged`; {@link SystemError}
   */
  async delete(id: string, options: { force?: boolean } = {}): Promise<readonly LaunchError[]> {
    const child = this.#children.get(id);
    // Its exit status is there for one only: whoever waits gets it, not the deletion.
    if (child !== undefined && (child.over || child.first.awaitExit(0))) await endOf(child);
    const failures = deleteContainer(this.root, id, options.force);
    this.#children.delete(id);
    if (child !== undefined) {
      child.killed = true;
      if (child.ended === undefined) child.first.close();
    }
    return failures;
  }

  /**
   * A container's state (runtime-spec runtime.md, State).
   *
   * @throws {@link StateError} `not-found`, `damaged`
   */
  async state(id: string): Promise<ContainerState> {
    return state(this.root, id);
  }

  /** All containers below the state folder, by id; one whose state is damaged is shown as such. @throws {@link SystemError} */
  async list(): Promise<readonly Listed[]> {
    return list(this.root);
  }

  /** Keeps an eye on a child of this process, without looking yet. */
  #adopt(id: string, first: Pidfd): Child {
    const child: Child = { first, ended: undefined, over: false, killed: false };
    this.#children.set(id, child);
    return child;
  }
}

/** A container's first process that is a child of this one. */
interface Child {
  readonly first: Pidfd;
  /** Its end, once somebody has asked for it. */
  ended: Promise<Exit | undefined> | undefined;
  /** Whether the end has come and `first` is closed. */
  over: boolean;
  /** Whether `delete` with force has ended and reaped it. */
  killed: boolean;
}

function endOf(child: Child): Promise<Exit | undefined> {
  child.ended ??= awaitChild(child.first).then((exit) => {
    child.over = true;
    return exit ?? (child.killed ? { signal: SIGKILL } : undefined);
  });
  return child.ended;
}
