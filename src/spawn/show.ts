/** Getting a look at a first process that waits for `start`, for those who are not root. */
import { LaunchError } from "../error.ts";
import { startSocket } from "../state/store.ts";
import { status } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import type { Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import { decode, encode } from "./conversation.ts";
import { interrupted } from "./interrupted.ts";

/** It answers at once, unless it is frozen or the host is stuck. */
const SHOW_MS = 10_000;

/**
 * Who is not root can enter what still waits for `start` only with its help: asks the process that waits in `dir` to be dumpable
 * until the socket that is answered is closed, for only then may anybody but root enter its namespaces (ptrace(2),
 * PTRACE_MODE_READ). Nobody else asks, since it could be looked into from inside as well (CVE-2016-9962); what it holds while it
 * waits is the socket alone.
 *
 * @returns `undefined` where nobody has to ask
 * @throws LaunchError where it does not answer
 */
export function show(dir: string, first: Pidfd): Socket | undefined {
  const path = startSocket(dir);
  if (privilege() === "root" || status(path) === undefined) return undefined;
  const socket = Socket.connect(path);
  if (socket === undefined) return undefined;
  const answer = socket.send(encode("show")) ? socket.receive(first.fd, SHOW_MS) : "eof";
  if (answer instanceof Uint8Array && decode(answer).kind === "show") return socket;
  socket.close();
  if (answer === "interrupted") throw interrupted("the container's first process was asked to show itself");
  throw new LaunchError("died", "the container's first process does not let tsrun enter its namespaces", {
    hint: "it has just been started or has ended: try again",
  });
}
