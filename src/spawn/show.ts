/** Getting a look at a first process that waits for `start`, for those who are not root. */
import { LaunchError } from "../error.ts";
import type { Pidfd } from "../sys/process.ts";
import type { Socket } from "../sys/socket.ts";
import { decode, encode } from "./conversation.ts";
import { interrupted } from "./interrupted.ts";

/** It answers at once, unless it is frozen or the host is stuck. */
const SHOW_MS = 10_000;

/**
 * Asks the process that waits on the other side of `socket` to be dumpable until the socket is closed: only then may anybody but
 * root enter its namespaces (ptrace(2), PTRACE_MODE_READ). Nobody else asks, since it could be looked into from inside as well
 * (CVE-2016-9962); what it holds while it waits is the socket alone.
 *
 * @throws LaunchError where it does not answer
 */
export function showFirst(socket: Socket, first: Pidfd): void {
  const answer = socket.send(encode("show")) ? socket.receive(first.fd, SHOW_MS) : "eof";
  if (answer === "interrupted") throw interrupted("the container's first process was asked to show itself");
  if (answer instanceof Uint8Array && decode(answer).kind === "show") return;
  throw new LaunchError("died", "the container's first process does not let tsrun enter its namespaces", {
    hint: "it has just been started or has ended: try again",
  });
}
