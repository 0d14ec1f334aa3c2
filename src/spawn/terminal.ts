/** Where the master of a container's terminal goes: to the console socket, or to whoever supervises the container. */
import { SystemError, UsageError } from "../error.ts";
import { utf8 } from "../sys/bytes.ts";
import type { Handle } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { Socket } from "../sys/socket.ts";

/** How a process is to be run, as far as its terminal depends on it. */
export interface TerminalRequest {
  /** Whether the process has a terminal. */
  readonly terminal: boolean;
  /** Whether tsrun leaves once the process runs. */
  readonly detach: boolean;
  readonly consoleSocket: string | undefined;
}

/** Refuses what cannot go together, in runc's words. @throws UsageError */
export function checkTerminal({ terminal, detach, consoleSocket }: TerminalRequest): void {
  if (terminal && detach && consoleSocket === undefined) {
    throw new UsageError("cannot allocate tty if tsrun will detach without setting console socket", {
      hint: "name a socket with --console-socket, or set process.terminal to false",
    });
  }
  if (consoleSocket !== undefined && !(terminal && detach)) {
    throw new UsageError("cannot use console socket if tsrun will not detach or allocate tty", {
      hint: terminal
        ? "leave --console-socket out, or detach"
        : "leave --console-socket out: the process has no terminal",
    });
  }
}

/** The one terminal of one process. */
export class Terminal {
  readonly #socket: Socket | undefined;
  #master: Handle | undefined;

  /** Connects to the console socket, so that one where nobody listens is known before anything is made. @throws SystemError */
  constructor(consoleSocket: string | undefined) {
    this.#socket = consoleSocket === undefined ? undefined : Socket.connectConsole(consoleSocket);
  }

  /** The master, once it has come and no socket has taken it. */
  get master(): Handle | undefined {
    return this.#master;
  }

  /** Sends the master on, as runc does: with the name of what it is. Without a socket it is kept. @throws SystemError */
  take(master: Handle): void {
    if (this.#socket === undefined) {
      this.#master = master;
      // Before the program asks for it; the supervisor sees to what comes later. Without a terminal of ours consoleSize stays.
      lib().ts_match_size(master.fd);
      return;
    }
    const heard = this.#socket.send(utf8("/dev/ptmx"), [master.fd]);
    master.close();
    if (!heard) {
      throw new SystemError("sendmsg", "EPIPE", "console socket", {
        doing: "send the terminal to the console socket",
        hint: "whoever listened there has gone",
      });
    }
  }

  /** Closes the socket. */
  hangUp(): void {
    this.#socket?.close();
  }
}
