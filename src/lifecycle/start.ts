/** `start`: lets a created container execute its program. */
import { StateError } from "../error.ts";
import { deathIn } from "../spawn/death.ts";
import { hookState, runHooks } from "../spawn/hooks.ts";
import { InterruptedError } from "../spawn/interrupted.ts";
import { openReadiness, passOnUntilReady, type Readiness } from "../spawn/notify.ts";
import { endedEarly, startFirst } from "../spawn/start.ts";
import { step, type Tracer } from "../spawn/steps.ts";
import { notifyFolder } from "../state/clear.ts";
import type { ProcessRecord, Record } from "../state/record.ts";
import { statusOf } from "../state/status.ts";
import { type Locked, load, lock, type Saved, startSocket } from "../state/store.ts";
import { Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import { killFirst } from "./destroy.ts";

/**
 * Starts a created container.
 *
 * @param notify the socket that is told how far the program is, where the container was created with such a wish: then this
 *   call does not return, see {@link passOnUntilReady}
 * @param tracer who notes each step
 * @throws StateError `not-found`, `not-created`, `paused`, `stopped`, `busy`; LaunchError when its program cannot be executed, a
 *   startContainer hook failed, or a poststart hook failed (then the container is stopped)
 */
export function start(root: string, id: string, notify?: string, tracer?: Tracer): void {
  const locked = step(tracer, "lock the state", () => lock(root, id));
  let readiness: Readiness | undefined;
  let socket: Socket | undefined;
  try {
    const saved = step(tracer, "read the state", () => load(root, id));
    // One connection for the question and for the start.
    socket = step(tracer, "connect to its first process", () => Socket.connect(startSocket(locked.dir)));
    const waits = socket !== undefined;
    const process = step(tracer, "find out the status", () => checkCreated(saved, waits));
    if (notify !== undefined) readiness = openReadiness(notifyFolder(locked.dir), process.pid);
    startLocked(saved.record, process, locked, tracer, socket);
  } catch (error) {
    readiness?.first.close();
    readiness?.socket.close();
    throw error;
  } finally {
    socket?.close();
    locked.release();
  }
  if (notify === undefined || readiness === undefined) return;
  // It becomes another program.
  tracer?.finish();
  passOnUntilReady(id, readiness, notify);
}

/** The process that waits for `start`. @throws StateError */
function checkCreated(saved: Saved, waits: boolean): ProcessRecord {
  const { process, record } = saved;
  const status = statusOf(saved, true, waits);
  if (status === "stopped" || process === undefined)
    throw new StateError("stopped", "cannot start a container that has stopped");
  if (status === "paused")
    throw new StateError("paused", "cannot start a container in the paused state", {
      hint: `let it go on first with: tsrun resume ${record.id}`,
    });
  if (status !== "created") throw new StateError("not-created", "cannot start an already running container");
  return process;
}

/** The same for a container whose lock this process holds and whose status is known to be created. */
export function startLocked(
  record: Record,
  process: ProcessRecord,
  locked: Locked,
  tracer?: Tracer,
  socket: Socket | undefined = Socket.connect(startSocket(locked.dir)),
): void {
  const first = Pidfd.of(process.pid);
  const whyDied = () => deathIn(new Map(Object.entries(record.cgroups)));
  try {
    if (first === undefined || socket === undefined) throw endedEarly("was started", whyDied());
    const [to, on] = [socket, first];
    step(tracer, "let it execute its program", () => startFirst(to, on, record.afterStart, whyDied));
  } catch (error) {
    // It has been told to start: what does not get there must not get there later.
    if (error instanceof InterruptedError) killFirst(process, new Map(Object.entries(record.cgroups)));
    throw error;
  } finally {
    socket?.close();
    first?.close();
    locked.saveStarted();
  }
  try {
    const state = hookState(record, "running", process.pid);
    step(tracer, "run the poststart hooks", () => runHooks("poststart", record.poststart, state));
  } catch (error) {
    // runtime-spec 1.3, lifecycle step 10: the container is stopped.
    killFirst(process);
    throw error;
  }
}
