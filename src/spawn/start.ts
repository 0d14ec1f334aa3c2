/** `start`: tells a waiting first process to execute its program, and learns whether that worked. */
import { LaunchError } from "../error.ts";
import type { Step } from "../plan/ops.ts";
import type { Pidfd } from "../sys/process.ts";
import type { Socket } from "../sys/socket.ts";
import { decode, encode } from "./conversation.ts";
import { failed } from "./failure.ts";

/**
 * Starts the process that waits on the other side of `socket`. The connection is close-on-exec there: its end after
 * "about to execute" means that execve worked; an end before it means that the process died.
 *
 * @throws LaunchError with what failed: a startContainer hook, or the execution of the program
 */
export function startFirst(
  socket: Socket,
  first: Pidfd,
  after: { readonly from: number; readonly steps: readonly Step[] },
): void {
  let executing = false;
  const heard = socket.send(encode("start"));
  while (heard) {
    const message = socket.receive(first.fd, -1);
    if (!(message instanceof Uint8Array)) break;
    const said = decode(message);
    if (said.kind === "error") throw failed(after.steps, after.from, said);
    executing ||= said.kind === "exec";
  }
  if (executing) return;
  throw new LaunchError("died", "the container's first process ended before it executed its program", {
    hint: "see the kernel's log (dmesg) for who ended it",
  });
}
