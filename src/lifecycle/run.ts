/** `run`: create and start in one go; in the foreground this process then becomes the container's supervisor. */

import { bindNotify, passOnUntilReady } from "../spawn/notify.ts";
import { step } from "../spawn/steps.ts";
import { supervise } from "../spawn/supervise.ts";
import { notifyFolder } from "../state/clear.ts";
import type { Record } from "../state/record.ts";
import { startTimeOf } from "../state/status.ts";
import type { Locked } from "../state/store.ts";
import { becomeSubreaper } from "../sys/become.ts";
import type { Handle } from "../sys/files.ts";
import { catchInterrupts } from "../sys/interrupt.ts";
import { holdSignals, type Pidfd } from "../sys/process.ts";
import { create, undo } from "./create.ts";
import type { CreateRequest } from "./prepare.ts";
import { startLocked } from "./start.ts";

export { finish } from "./finish.ts";

/** runc's options of `run`. */
export interface RunRequest extends CreateRequest {
  /** Return as soon as the container runs. */
  readonly detach?: boolean;
  /** Don't delete the container when it has ended. */
  readonly keep?: boolean;
  /** Leave the container's processes that lose their parent to whoever else cares for them. */
  readonly noSubreaper?: boolean;
  /** The global options for messages (`--log FILE`, ...): what is to be told after the end is told by another tsrun. */
  readonly messages?: readonly string[];
}

/** A container that runs: a child of this process. */
export interface Running {
  readonly first: Pidfd;
  /** When it was created; tells it from a later one of the same id. */
  readonly created: string;
  /** The master of its terminal, where no console socket has taken it. */
  readonly terminal: Handle | undefined;
  /** Where its program tells how far it is, where somebody wants to know. */
  readonly socket: Handle | undefined;
}

/**
 * Runs a container as the command does. With `detach` it returns when the container runs. Else this process becomes the
 * supervisor, which passes on to the container's first process the signals that reach tsrun from now on, takes the container
 * away when it has ended, and ends with its exit code.
 *
 * @throws what create and start throw; then nothing of the container is left
 */
export function run(root: string, request: RunRequest): void {
  if (request.detach) {
    catchInterrupts();
    const { first, socket } = runDetached(root, request);
    if (socket !== undefined && request.notify !== undefined) {
      passOnUntilReady(request.id, { first, socket }, request.notify);
    }
    first.close();
    return;
  }
  holdSignals();
  const subreaper = request.noSubreaper !== true;
  // Before anything of the container can lose its parent.
  if (subreaper) becomeSubreaper();
  const started = createStarted(root, { ...request, foreground: true });
  const { first, record, terminal, socket } = started;
  const to = request.notify;
  // Nothing can be written once this process has become the supervisor.
  request.tracer?.finish();
  try {
    supervise({
      name: `tsrun: run ${record.id}`,
      first,
      terminal,
      notify: socket === undefined || to === undefined ? undefined : { socket, to, untilReady: false },
      subreaper,
      afterwards: { root, record, keep: request.keep ?? false, messages: request.messages ?? [] },
    });
  } catch (error) {
    takeBack(started, error);
    throw error;
  }
}

/**
 * Creates and starts a container.
 *
 * @throws what create and start throw; then nothing of the container is left
 */
export function runDetached(root: string, request: CreateRequest): Running {
  const { first, record, terminal, socket, locked } = createStarted(root, request);
  locked.release();
  return { first, created: record.created, terminal, socket };
}

interface Started {
  readonly first: Pidfd;
  readonly record: Record;
  readonly terminal: Handle | undefined;
  readonly socket: Handle | undefined;
  /** The container's lock, which this process holds. */
  readonly locked: Locked;
}

function createStarted(root: string, request: CreateRequest): Started {
  const created = create(root, request);
  const { record, locked, first } = created;
  let socket: Handle | undefined;
  try {
    if (request.notify !== undefined) socket = bindNotify(notifyFolder(locked.dir));
    const process = { pid: first.pid, startTime: startTimeOf(first.pid) ?? "" };
    startLocked(record, process, locked, request.tracer);
  } catch (error) {
    socket?.close();
    step(request.tracer, "take it back", () => takeBack(created, error));
    throw error;
  }
  return { ...created, socket };
}

/** Ends a container that is to be no more, and removes it; what cannot be removed is told after the error. */
function takeBack({ first, record, locked, terminal }: Omit<Started, "socket">, error: unknown): void {
  first.signal(9);
  first.awaitExit(10_000);
  first.reap();
  first.close();
  terminal?.close();
  undo(record, locked, error);
}
