/** Waiting for a container's end without blocking the thread: for the library, whose callers have other work. */
import { isAlive } from "../state/status.ts";
import { load } from "../state/store.ts";
import { type Exit, exitOf, Pidfd } from "../sys/process.ts";

/** The longest pause between two looks, in milliseconds. */
const PAUSE_MS = 20;

/** Resolves once the process has ended. It looks every 1 to 20 ms: neither host can wait for a pidfd in its event loop. */
export async function awaitEnd(process: Pidfd): Promise<void> {
  for (let pause = 1; !process.awaitExit(0); pause = Math.min(pause * 2, PAUSE_MS)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Waits for a child of this process, reaps it and closes its descriptor; `undefined` where somebody else has reaped it meanwhile. */
export async function awaitChild(process: Pidfd): Promise<Exit | undefined> {
  await awaitEnd(process);
  const status = process.reap();
  process.close();
  return status === undefined ? undefined : exitOf(status);
}

/**
 * Waits for the end of a container that another process created. How it ended only its parent learns.
 *
 * @throws StateError `not-found`, `damaged`
 */
export async function awaitContainer(root: string, id: string): Promise<void> {
  const { process } = load(root, id);
  const first = process === undefined ? undefined : Pidfd.of(process.pid);
  if (process === undefined || first === undefined) return;
  try {
    // Asked after the descriptor was opened: from then on the pid cannot become another process's.
    if (isAlive(process)) await awaitEnd(first);
  } finally {
    first.close();
  }
}
