/** Sockets to tsrun-init: whole messages with a descriptor attached, and no wait without an end. */
import { cstring } from "./bytes.ts";
import { PLAN } from "./constants.gen.ts";
import { Handle } from "./files.ts";
import { checked, errnoName, lib } from "./lib.ts";

// A pointer has to point somewhere, also where the count is zero.
const NO_FDS = new Int32Array(1);

/** What came: a message, the other side's end, the end of the process waited beside, nothing in time, or a signal that asks tsrun to end. */
export type Received = Uint8Array | "eof" | "died" | "timeout" | "interrupted";

/** One end of a SOCK_SEQPACKET connection. */
export class Socket {
  readonly fd: number;
  #passed = -1;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Two connected ends. @throws SystemError */
  static pair(): [Socket, Socket] {
    const fds = new Int32Array(2);
    checked(lib().ts_socketpair(fds), "socketpair", "");
    return [new Socket(fds[0] ?? -1), new Socket(fds[1] ?? -1)];
  }

  /** A listening socket at a path. @throws SystemError */
  static listen(path: string): Socket {
    return new Socket(checked(lib().ts_listen(cstring(path)), "listen", path));
  }

  /** Connects to a path; `undefined` when nobody listens there (ECONNREFUSED, ENOENT). @throws SystemError */
  static connect(path: string): Socket | undefined {
    const fd = lib().ts_connect(cstring(path));
    if (fd < 0 && (errnoName(-fd) === "ECONNREFUSED" || errnoName(-fd) === "ENOENT")) return undefined;
    return new Socket(checked(fd, "connect", path));
  }

  /** Connects to whoever waits for a terminal (runc's --console-socket). @throws SystemError */
  static connectConsole(path: string): Socket {
    return new Socket(checked(lib().ts_connect_console(cstring(path)), "connect", path));
  }

  /** Sends one message, with descriptors attached; false when the other side is gone. @throws SystemError */
  send(message: Uint8Array, fds: readonly number[] = []): boolean {
    const numbers = fds.length === 0 ? NO_FDS : new Int32Array(fds);
    const answer = lib().ts_send(this.fd, message, message.length, numbers, fds.length);
    if (answer < 0 && (errnoName(-answer) === "EPIPE" || errnoName(-answer) === "ECONNRESET")) return false;
    checked(answer, "sendmsg", "tsrun-init");
    return true;
  }

  /** The next message; waits `timeout` milliseconds at most (-1: no limit) and no longer than `pidfd`'s process lives. */
  receive(pidfd: number, timeout: number): Received {
    const buffer = new Uint8Array(PLAN.messageMax);
    const passed = new Int32Array(1);
    const got = lib().ts_receive(this.fd, pidfd, buffer, buffer.length, timeout, passed);
    this.takePassed()?.close();
    this.#passed = got > 0 ? (passed[0] ?? -1) : -1;
    if (got > 0) return buffer.subarray(0, got);
    if (got === 0) return "eof";
    switch (errnoName(-got)) {
      case "ECONNRESET":
        return "eof";
      case "ESRCH":
        return "died";
      case "ETIMEDOUT":
        return "timeout";
      case "EINTR":
        return "interrupted";
      default:
        checked(got, "recv", "tsrun-init");
        return "eof";
    }
  }

  /** The descriptor that came with the last message, which becomes the caller's. */
  takePassed(): Handle | undefined {
    const fd = this.#passed;
    this.#passed = -1;
    return fd < 0 ? undefined : new Handle(fd);
  }

  close(): void {
    this.takePassed()?.close();
    if (this.#open) lib().ts_close(this.fd);
    this.#open = false;
  }
}
