/** {@link Runtime}: the verbs of the command for programs, over the same functions. */
import type { LaunchError } from "./error.ts";
import { Child, Children } from "./lifecycle/children.ts";
import { create } from "./lifecycle/create.ts";
import { deleteContainer } from "./lifecycle/delete.ts";
import { type ExecRequest, exec } from "./lifecycle/exec.ts";
import { type ContainerEvent, type EventOptions, follow } from "./lifecycle/follow.ts";
import { killContainer } from "./lifecycle/kill.ts";
import type {
  CheckpointOptions,
  Execution,
  RestoreOptions,
  RunEnd,
  RunRequest,
  RuntimeOptions,
  WaitOptions,
} from "./lifecycle/library.ts";
import { pauseContainer, resumeContainer } from "./lifecycle/pause.ts";
import { absolute, type CreateRequest } from "./lifecycle/prepare.ts";
import { finish, runDetached } from "./lifecycle/run.ts";
import { parseSignal } from "./lifecycle/signals.ts";
import { start } from "./lifecycle/start.ts";
import { type StopRequest, stopContainer } from "./lifecycle/stop.ts";
import { turns } from "./lifecycle/turns.ts";
import { updateContainer } from "./lifecycle/update.ts";
import { type AwaitEnd, awaitContainer, endInLoop } from "./lifecycle/wait.ts";
import { type Listed, list } from "./observe/list.ts";
import { type ContainerProcess, processes } from "./observe/processes.ts";
import { type ContainerState, describe, state } from "./observe/state.ts";
import { type ContainerStats, stats } from "./observe/stats.ts";
import { defaultRoot } from "./state/root.ts";
import { onAbort } from "./sys/abort.ts";
import type { Exit } from "./sys/process.ts";

/**
 * The containers below one state folder.
 *
 * Every method answers with a promise. Making, starting and removing a container is a series of native calls that keep the
 * calling thread for some milliseconds, and for as long as the container's hooks take; use a worker thread where that is
 * too long. Of many at once each has a round of the event loop for itself. Waiting ({@link Runtime.wait}, {@link Runtime.run},
 * {@link Runtime.events}) leaves the thread to others: one helper thread waits for all containers.
 *
 * The first process of a container is a child of the process that created it. As long as that one lives, it has to take
 * note of the container's end, with `wait`, `run` or `delete`; else the ended process stays a zombie.
 */
export class Runtime {
  /** The folder of the containers' state, absolute. */
  readonly root: string;
  readonly #children: Children;
  readonly #awaitEnd: AwaitEnd;

  constructor(options: RuntimeOptions = {}) {
    this.root = absolute(options.root ?? defaultRoot());
    this.#awaitEnd = endInLoop(this.root);
    this.#children = new Children(this.root, this.#awaitEnd);
  }

  /**
   * Creates a container from a bundle: everything is set up, its program waits for {@link Runtime.start}.
   *
   * @returns its state, `created`
   * @throws {@link StateError} `id-invalid`, `exists`; {@link BundleError}; {@link LaunchError} `op`, `hook`, `died`, `exec`;
   *   {@link SystemError}; {@link UsageError}. Then nothing of the container is left.
   */
  async create(request: CreateRequest): Promise<ContainerState> {
    await turns.next();
    const { locked, first, record } = create(this.root, request);
    locked.release();
    this.#children.adopt(request.id, first);
    const saved = { dir: locked.dir, record, process: { pid: first.pid, startTime: "" }, complete: true };
    return describe(saved, "created");
  }

  /**
   * Starts a created container's program.
   *
   * @throws {@link StateError} `not-found`, `not-created`, `stopped`, `busy`, `damaged`; {@link LaunchError} `exec` where the program
   *   cannot be executed, `hook` where a startContainer or poststart hook failed, `died`. Then the container is stopped.
   */
  async start(id: string): Promise<void> {
    await turns.next();
    start(this.root, id);
  }

  /**
   * Creates and starts a container, waits for its end and deletes it. Signals that reach this process are not passed on:
   * use {@link Runtime.kill}.
   *
   * @throws what {@link Runtime.create} and {@link Runtime.start} throw, and the reason of an abort; then nothing of the
   *   container is left
   */
  async run({ signal, ...request }: RunRequest): Promise<RunEnd> {
    await turns.next();
    signal?.throwIfAborted();
    const { first, created } = runDetached(this.root, request);
    const child = this.#children.adopt(request.id, first);
    const forget = onAbort(signal, () => this.#children.kill(request.id, child));
    const exit = await child.ended();
    forget();
    await turns.next();
    const failures = finish(this.root, request.id, created);
    this.#children.forget(request.id, child);
    signal?.throwIfAborted();
    return { exit, failures };
  }

  /**
   * Resolves when a container's first process has ended; at once where it has already.
   *
   * @returns how it ended; `undefined` where another process created the container, and neither the kernel (from 6.15 on) nor
   *   the container's folder tells
   * @throws {@link StateError} `not-found`, `damaged`; the reason of an abort
   */
  async wait(id: string, { signal }: WaitOptions = {}): Promise<Exit | undefined> {
    signal?.throwIfAborted();
    const child = this.#children.of(id);
    return child === undefined ? awaitContainer(this.root, id, this.#awaitEnd, signal) : child.ended(signal);
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
   * Asks a container to end, and kills what has not ended in time. Deletes nothing; one that has stopped already is no error.
   *
   * @throws {@link StateError} `not-found`, `busy`, `damaged`; {@link UsageError} for an unknown signal; {@link SystemError} where a killed
   *   process does not end
   */
  async stop(id: string, request: StopRequest = {}): Promise<void> {
    const child = this.#children.of(id);
    await stopContainer(this.root, id, request, this.#awaitEnd);
    // Else it would stay a zombie until somebody asks.
    child?.over();
  }

  /**
   * Runs a further program in a container, and resolves once it is executed. Its terminal, where it has one, goes to
   * `consoleSocket`.
   *
   * @throws {@link StateError} `not-found`, `stopped`, `paused`, `damaged`; {@link BundleError}; {@link LaunchError} `op`, `exec`, `died`;
   *   {@link SystemError}; {@link UsageError}. The container is as it was.
   */
  async exec(request: Omit<ExecRequest, "detach">): Promise<Execution> {
    await turns.next();
    const { process } = exec(this.root, { ...request, detach: true });
    return { pid: process.pid, exit: new Child(process, this.#awaitEnd).ended() };
  }

  /** Freezes all processes of a container. @throws {@link StateError} `not-found`, `not-running`, `busy`, `damaged`; {@link SystemError} */
  async pause(id: string): Promise<void> {
    pauseContainer(this.root, id);
  }

  /** Lets them go on. @throws {@link StateError} `not-found`, `not-paused`, `busy`, `damaged`; {@link SystemError} */
  async resume(id: string): Promise<void> {
    resumeContainer(this.root, id);
  }

  /**
   * Changes limits of a container: those that are given, and no others. Where the kernel refuses one, none is changed.
   *
   * @param resources `linux.resources` of a config.json, as an object or as JSON text
   * @throws {@link StateError} `not-found`, `not-running`, `busy`, `damaged`; {@link BundleError} and {@link SystemError} with the place
   */
  async update(id: string, resources: object | string): Promise<void> {
    updateContainer(this.root, id, typeof resources === "string" ? resources : JSON.stringify(resources));
  }

  /** What a container that runs has used. @throws {@link StateError} `not-found`, `not-running`, `damaged`; {@link SystemError} */
  async stats(id: string): Promise<ContainerStats> {
    return stats(this.root, id);
  }

  /**
   * What happens in a container from now on until its first process has ended: `started`, an `oom` for each process that is killed
   * for want of memory, `stats` at each interval, and last `exited`.
   *
   * @throws when the first event is asked for, {@link StateError} `not-found`, `not-running`, `damaged`; {@link UsageError}
   */
  events(id: string, options: EventOptions = {}): AsyncGenerator<ContainerEvent, void, undefined> {
    return follow(this.root, id, options, (signal) => this.wait(id, { signal }));
  }

  /** The processes of a container, as the host sees them; none when it has stopped. @throws {@link StateError} `not-found`, `damaged` */
  async processes(id: string): Promise<readonly ContainerProcess[]> {
    return processes(this.root, id);
  }

  /**
   * Deletes a container that has stopped or was never started.
   *
   * @param options with `force`, one that runs is killed first, and one that does not exist is no error
   * @returns failures of poststop hooks: the container is gone all the same
   * @throws {@link StateError} `not-found`, `not-stopped`, `busy`, `damaged`; {@link SystemError}
   */
  async delete(id: string, options: { force?: boolean } = {}): Promise<readonly LaunchError[]> {
    await turns.next();
    return this.#children.removing(id, () => deleteContainer(this.root, id, options.force));
  }

  /**
   * Writes a running container's processes to files, by criu. Unless it is to go on, the container is deleted then.
   *
   * @returns failures of poststop hooks: the container is gone all the same
   * @throws {@link StateError} `not-found`, `not-running`, `busy`, `damaged`; {@link LaunchError} `criu` with the telling lines of its log;
   *   {@link SystemError}; {@link UsageError}. The container runs on.
   */
  async checkpoint(id: string, options: CheckpointOptions = {}): Promise<readonly LaunchError[]> {
    const { checkpoint } = await import("./lifecycle/checkpoint.ts");
    await turns.next();
    const write = (): readonly LaunchError[] => checkpoint(this.root, { ...options, id });
    return options.leaveRunning || options.preDump ? write() : this.#children.removing(id, write);
  }

  /**
   * Lets a container go on from the files that {@link Runtime.checkpoint} wrote. It is a new one, made from the bundle.
   *
   * @returns its state, `running`
   * @throws as {@link Runtime.create}, and {@link LaunchError} `criu`. Then nothing of the container is left.
   */
  async restore(request: RestoreOptions): Promise<ContainerState> {
    const { restoreDetached } = await import("./lifecycle/restore.ts");
    await turns.next();
    const { first } = restoreDetached(this.root, request);
    this.#children.adopt(request.id, first);
    return state(this.root, request.id);
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
}
