/** `start`: lets a created container execute its program. */
import { LaunchError, StateError } from "../error.ts";
import { hookState, runHooks } from "../spawn/hooks.ts";
import { startFirst } from "../spawn/start.ts";
import type { ProcessRecord, Record } from "../state/record.ts";
import { statusOf } from "../state/status.ts";
import { type Locked, load, lock, startSocket } from "../state/store.ts";
import { Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import { killFirst } from "./destroy.ts";

/**
 * Starts a created container.
 *
 * @throws StateError `not-found`, `not-created`, `stopped`, `busy`; LaunchError when its program cannot be executed, a
 *   startContainer hook failed, or a poststart hook failed (then the container is stopped)
 */
export function start(root: string, id: string): void {
  const locked = lock(root, id);
  try {
    const saved = load(root, id);
    const { process } = saved;
    const status = statusOf(saved, true);
    if (status === "stopped" || process === undefined)
      throw new StateError("stopped", "cannot start a container that has stopped");
    if (status !== "created")
      throw new StateError("not-created", "cannot start an already running container");
    startLocked(saved.record, process, locked);
  } finally {
    locked.release();
  }
}

/** The same for a container whose lock this process holds and whose status is known to be created. */
export function startLocked(record: Record, process: ProcessRecord, locked: Locked): void {
  const first = Pidfd.of(process.pid);
  const socket = Socket.connect(startSocket(locked.dir));
  try {
    if (first === undefined || socket === undefined) {
      throw new LaunchError("died", "the container's first process ended before it was started", {
        hint: "see the kernel's log (dmesg) for who ended it",
      });
    }
    startFirst(socket, first, record.afterStart);
  } finally {
    socket?.close();
    first?.close();
    locked.saveStarted();
  }
  try {
    runHooks("poststart", record.poststart, hookState(record, "running", process.pid));
  } catch (error) {
    // runtime-spec 1.3, lifecycle step 10: the container is stopped.
    killFirst(process);
    throw error;
  }
}
