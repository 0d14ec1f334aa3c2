/**
 * A connection to a D-Bus, or straight to a program that speaks its protocol: one caller that waits for each answer. Written
 * here because no library of npm can wait without an event loop, which `create` and `delete` do not have, and because every
 * import costs a start-up. No wait is without an end.
 */
import { SystemError } from "../error.ts";
import { cstring, text, utf8 } from "./bytes.ts";
import {
  decodeMessage,
  encodeCall,
  HEAD,
  type Message,
  type MethodCall,
  messageLength,
} from "./dbus-message.ts";
import { type Value, WireError } from "./dbus-wire.ts";
import { checked, errnoName, lib } from "./lib.ts";

/** Where to connect. */
export interface BusAddress {
  /** A path, or `@name` for an abstract socket. */
  readonly socket: string;
  /** Whether a message bus listens there, which wants to be greeted, and not the program itself. */
  readonly broker: boolean;
}

/** The other side answered a call with an error. */
export class BusError extends Error {
  override readonly name = "BusError";
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly code: string;

  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/**
 * The client's whole part of authentication at once, as sd-bus does it. EXTERNAL without an identity is "whoever the kernel
 * says that I am": in a user namespace one's own number is not the one that the other side sees.
 */
const GREETING = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";

const BROKER = {
  destination: "org.freedesktop.DBus",
  path: "/org/freedesktop/DBus",
  interface: "org.freedesktop.DBus",
} as const;

/** How many signals are kept for {@link Bus.signal} while an answer is waited for. */
const SIGNALS_MAX = 1024;

/** An open connection. */
export class Bus {
  readonly address: BusAddress;
  readonly #fd: number;
  readonly #timeout: number;
  #serial = 0;
  #pending = new Uint8Array(0);
  #signals: Message[] = [];
  #open = true;

  private constructor(address: BusAddress, fd: number, timeout: number) {
    this.address = address;
    this.#fd = fd;
    this.#timeout = timeout;
  }

  /**
   * Connects and authenticates.
   * @param timeout milliseconds for each wait
   * @throws SystemError of connect, or ETIMEDOUT, EACCES, EPROTO of the other side
   */
  static open(address: BusAddress, timeout: number): Bus {
    const fd = checked(lib().ts_connect_stream(cstring(address.socket), timeout), "connect", address.socket);
    const bus = new Bus(address, fd, timeout);
    try {
      bus.#authenticate();
      if (address.broker) bus.call({ ...BROKER, member: "Hello", signature: "", args: [] });
      return bus;
    } catch (error) {
      bus.close();
      throw error;
    }
  }

  #authenticate(): void {
    this.#send(utf8(GREETING));
    const deadline = performance.now() + this.#timeout;
    for (let line = this.#line(deadline); !line.startsWith("OK "); line = this.#line(deadline)) {
      if (line !== "DATA") {
        throw new SystemError("auth", "EACCES", this.address.socket, {
          doing: `${this.address.socket} does not let this user in (${line})`,
        });
      }
    }
  }

  #line(deadline: number): string {
    for (;;) {
      const end = this.#pending.indexOf(0x0a);
      if (end >= 0) {
        const line = text(this.#pending.subarray(0, end)).trimEnd();
        this.#pending = this.#pending.subarray(end + 1);
        return line;
      }
      if (this.#pending.length > 4096) throw this.#confused("a line without an end");
      this.#receive(deadline);
    }
  }

  /**
   * Calls a method and waits for its answer.
   * @throws BusError; SystemError ETIMEDOUT, ECONNRESET, EPROTO
   */
  call(call: MethodCall, timeout = this.#timeout): readonly Value[] {
    const serial = ++this.#serial;
    this.#send(encodeCall(call, serial));
    const deadline = performance.now() + timeout;
    for (;;) {
      const message = this.#next(deadline);
      if (message.kind === "signal" && this.#signals.length < SIGNALS_MAX) this.#signals.push(message);
      if (message.replySerial !== serial) continue;
      if (message.kind === "return") return message.args;
      if (message.kind === "error")
        throw new BusError(message.error, String(message.args[0] ?? message.error));
    }
  }

  /** Asks a bus for the signals that a rule names; a program itself sends its own unasked. @throws as {@link Bus.call} */
  subscribe(rule: string): void {
    if (this.address.broker) this.call({ ...BROKER, member: "AddMatch", signature: "s", args: [rule] });
  }

  /**
   * The first signal, of those that came since the connection was made, that `pick` makes something of; `undefined` where none
   * came in time. @throws SystemError
   */
  signal<T>(pick: (message: Message) => T | undefined, timeout: number): T | undefined {
    const kept = this.#signals;
    this.#signals = [];
    for (const message of kept) {
      const found = pick(message);
      if (found !== undefined) return found;
    }
    const deadline = performance.now() + timeout;
    try {
      for (;;) {
        const message = this.#next(deadline);
        const found = message.kind === "signal" ? pick(message) : undefined;
        if (found !== undefined) return found;
      }
    } catch (error) {
      if (error instanceof SystemError && error.code === "ETIMEDOUT") return undefined;
      throw error;
    }
  }

  close(): void {
    if (this.#open) lib().ts_close(this.#fd);
    this.#open = false;
  }

  #next(deadline: number): Message {
    try {
      for (;;) {
        const length = this.#pending.length < HEAD ? HEAD : messageLength(this.#pending.subarray(0, HEAD));
        if (this.#pending.length >= length && length > HEAD) {
          // A copy, so that it begins at an offset of nothing else.
          const message = decodeMessage(this.#pending.slice(0, length));
          this.#pending = this.#pending.subarray(length);
          if (message !== undefined) return message;
          continue;
        }
        this.#receive(deadline);
      }
    } catch (error) {
      throw error instanceof WireError ? this.#confused(error.message) : error;
    }
  }

  #send(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0; ) {
      const sent = lib().ts_send(this.#fd, rest, rest.length, new Int32Array(1), 0);
      if (sent < 0) {
        const errno = errnoName(-sent) === "EAGAIN" ? "ETIMEDOUT" : errnoName(-sent);
        throw new SystemError("sendmsg", errno, this.address.socket);
      }
      rest = rest.subarray(sent);
    }
  }

  #receive(deadline: number): void {
    const left = Math.ceil(deadline - performance.now());
    const buffer = new Uint8Array(16 * 1024);
    const passed = new Int32Array([-1]);
    const got =
      left <= 0
        ? -110
        : lib().ts_receive(this.#fd, -1, buffer, buffer.length, Math.min(left, 2 ** 30), passed);
    // Nobody is asked for descriptors, and none is kept.
    if (got > 0 && (passed[0] ?? -1) >= 0) lib().ts_close(passed[0] ?? -1);
    if (got > 0) {
      const joined = new Uint8Array(this.#pending.length + got);
      joined.set(this.#pending);
      joined.set(buffer.subarray(0, got), this.#pending.length);
      this.#pending = joined;
      return;
    }
    const errno = got === 0 ? "ECONNRESET" : errnoName(-got);
    throw new SystemError("recvmsg", errno, this.address.socket);
  }

  #confused(what: string): SystemError {
    return new SystemError("recvmsg", "EPROTO", this.address.socket, {
      doing: `${this.address.socket} does not speak D-Bus: ${what}`,
    });
  }
}
