/** `start`: tells a waiting first process to execute its program, and learns whether that worked. */
import { LaunchError } from "../error.ts";
import type { Step } from "../plan/ops.ts";
import type { Pidfd } from "../sys/process.ts";
import type { Socket } from "../sys/socket.ts";
import { decode, encode } from "./conversation.ts";
import { hasExecuted, nameOf } from "./executed.ts";
import { failed } from "./failure.ts";
import { interrupted } from "./interrupted.ts";
import type { Death } from "./launch.ts";

const LOG = "see the kernel's log (dmesg) for who ended it";
/** What to do about a process that said it would execute its program, and did not say why it could not. */
const IN_EXECVE = `where it has a seccomp filter, that must allow execve; ${LOG}`;

/**
 * Starts the process that waits on the other side of `socket`. The connection is close-on-exec there: its end after
 * "about to execute" means that execve worked, or that the process was killed in it; an end before it means that it died.
 *
 * @param whyDied why the process may have been killed from outside; `undefined` where nothing is known
 * @throws LaunchError with what failed: a startContainer hook, or the execution of the program
 */
export function startFirst(
  socket: Socket,
  first: Pidfd,
  after: { readonly from: number; readonly steps: readonly Step[] },
  whyDied: () => Death | undefined,
): void {
  let executing = false;
  const before = nameOf(first);
  const heard = socket.send(encode("start"));
  while (heard) {
    const message = socket.receive(first.fd, -1);
    if (message === "interrupted") {
      throw interrupted("the container's first process was executing its program, or a startContainer hook");
    }
    if (!(message instanceof Uint8Array)) break;
    const said = decode(message);
    if (said.kind === "error") throw failed(after.steps, after.from, said);
    executing ||= said.kind === "exec";
  }
  if (executing && hasExecuted(first, before)) return;
  throw endedEarly("executed its program", whyDied(), executing ? IN_EXECVE : undefined);
}

/** The error for a first process that is gone too soon. */
export function endedEarly(before: string, why: Death | undefined, hint = LOG): LaunchError {
  return new LaunchError(
    "died",
    `the container's first process ended before it ${before}${why === undefined ? "" : `: ${why.text}`}`,
    { pointer: why?.pointer, hint: why?.hint ?? hint },
  );
}
