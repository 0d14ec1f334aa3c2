/** Processes of the host: pidfds, waiting, limits, and programs run to their end. */
import { SystemError } from "../error.ts";
import { cstring, cstrings, text, utf8 } from "./bytes.ts";
import { Handle } from "./files.ts";
import { checked, errnoName, lib } from "./lib.ts";

export { holdSignals } from "./become.ts";

/** Ourselves, as the kernel sees us. */
export interface Ids {
  readonly euid: number;
  readonly pid: number;
  readonly ppid: number;
}

/** geteuid(2), getpid(2), getppid(2). */
export function ids(): Ids {
  const out = new Int32Array(3);
  lib().ts_ids(out);
  return { euid: (out[0] ?? 0) >>> 0, pid: out[1] ?? 0, ppid: out[2] ?? 0 };
}

/** A descriptor that stands for a process as long as it is open (pidfd_open(2)); the pid may be reused, it may not. */
export class Pidfd {
  readonly pid: number;
  readonly fd: number;
  #open = true;

  constructor(pid: number, fd: number) {
    this.pid = pid;
    this.fd = fd;
  }

  /** `undefined` when there is no such process. @throws SystemError */
  static of(pid: number): Pidfd | undefined {
    const fd = lib().ts_pidfd_open(pid);
    if (fd < 0 && (errnoName(-fd) === "ESRCH" || errnoName(-fd) === "EINVAL")) return undefined;
    return new Pidfd(pid, checked(fd, "pidfd_open", `process ${pid}`));
  }

  /** Sends a signal; false when the process has ended. @throws SystemError */
  signal(signal: number): boolean {
    const answer = lib().ts_pidfd_signal(this.fd, signal);
    if (answer < 0 && errnoName(-answer) === "ESRCH") return false;
    checked(answer, "pidfd_send_signal", `process ${this.pid}`);
    return true;
  }

  /** Waits until the process ends, for at most `timeout` milliseconds; whether it did. Does not reap. */
  awaitExit(timeout: number): boolean {
    const answer = lib().ts_await_exit(this.fd, timeout);
    if (answer < 0 && errnoName(-answer) === "ETIMEDOUT") return false;
    checked(answer, "poll", `process ${this.pid}`);
    return true;
  }

  /** A copy of one of its descriptors (pidfd_getfd(2)). @throws SystemError */
  copy(fd: number): Handle {
    return new Handle(checked(lib().ts_pidfd_getfd(this.fd, fd), "pidfd_getfd", `process ${this.pid}`));
  }

  /** Reaps it if it is an ended child of this process; its wait status, else `undefined`. */
  reap(): number | undefined {
    const answer = lib().ts_reap(this.pid);
    return answer < 0 ? undefined : answer;
  }

  /**
   * The wait status of a process that has ended and that its parent has reaped, whoever that is. `undefined` while it has
   * not, and where the kernel (before 6.15) does not keep it with the descriptor.
   */
  exitStatus(): number | undefined {
    const answer = lib().ts_pidfd_exit(this.fd);
    return answer < 0 ? undefined : answer;
  }

  close(): void {
    if (this.#open) lib().ts_close(this.fd);
    this.#open = false;
  }
}

/** How a process ended, from its wait status (wait(2)). */
export type Exit = { readonly code: number } | { readonly signal: number };

/** Decodes a wait status. */
export function exitOf(waitStatus: number): Exit {
  const signal = waitStatus & 0x7f;
  return signal === 0 ? { code: (waitStatus >> 8) & 0xff } : { signal };
}

/** The exit code a shell would give: the code, or 128 + signal. */
export function exitCode(exit: Exit): number {
  return "code" in exit ? exit.code : 128 + exit.signal;
}

/**
 * kill(2) of one process; false when it is gone.
 * @throws SystemError also for a pid that is not greater than 0: the kernel shows processes outside of this pid namespace as 0, and
 *   to kill(2) that is the caller's own process group
 */
export function kill(pid: number, signal: number): boolean {
  if (pid <= 0) {
    throw new SystemError("kill", "EINVAL", `process ${pid}`, {
      doing: "cannot signal a process that is outside of this pid namespace: it is not ours to kill",
    });
  }
  const answer = lib().ts_kill(pid, signal);
  if (answer < 0 && errnoName(-answer) === "ESRCH") return false;
  checked(answer, "kill", `process ${pid}`);
  return true;
}

/** Soft and hard limit of a process (prlimit(2)); `undefined` where it cannot be asked. */
export function rlimitOf(
  pid: number,
  resource: number,
): { readonly soft: bigint; readonly hard: bigint } | undefined {
  const out = new BigUint64Array(2);
  return lib().ts_rlimit(pid, resource, out) < 0 ? undefined : { soft: out[0] ?? 0n, hard: out[1] ?? 0n };
}

/** The current folder. @throws SystemError where it has been deleted, or is out of reach */
export function currentFolder(): string {
  try {
    return process.cwd();
  } catch {
    throw new SystemError("getcwd", "ENOENT", ".", {
      doing: "cannot tell what a relative path means, since the current folder is gone",
      hint: "change to a folder that is there, or give absolute paths; --bundle is the current folder where it is not given",
    });
  }
}

/** Blocks this thread. */
export function sleep(milliseconds: number): void {
  lib().ts_sleep(milliseconds);
}

/** Nanoseconds since 1970 (`realtime`) or since boot (`monotonic`). */
export function clock(which: "realtime" | "monotonic"): bigint {
  const out = new BigInt64Array(1);
  lib().ts_clock(which === "realtime" ? 0 : 1, out);
  return out[0] ?? 0n;
}

/** Whether the caller passed this descriptor on purpose. Node's and Bun's own are close-on-exec. */
export function isInherited(fd: number): boolean {
  return lib().ts_cloexec(fd) === 0;
}

/** Ends this process now. */
export function exit(status: number): never {
  lib().ts_exit(status);
  throw new Error("exit returned");
}

/** A program to run to its end on the host. */
export interface Command {
  readonly path: string;
  /** argv, `args[0]` included. */
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly input: string;
  /** Milliseconds; 0 is no limit. */
  readonly timeout: number;
}

/** How it went; `output` is the start of what it wrote, both streams. */
export type Ran =
  | { readonly kind: "ended"; readonly exit: Exit; readonly output: string }
  | { readonly kind: "timeout"; readonly output: string }
  /** tsrun was asked to end, and the program was killed. */
  | { readonly kind: "interrupted"; readonly output: string }
  | { readonly kind: "not-started"; readonly errno: string };

/** Runs a program to its end; past its time, and when tsrun is asked to end, its whole process group is killed. */
export function run(command: Command): Ran {
  const output = new Uint8Array(2048);
  const written = new Int32Array(1);
  const input = utf8(`${command.input}\0`);
  const answer = lib().ts_run(
    cstring(command.path),
    cstrings(command.args),
    command.args.length,
    cstrings(command.env),
    command.env.length,
    cstring(command.cwd),
    input,
    input.length - 1,
    command.timeout,
    output,
    output.length,
    written,
  );
  const said = text(output.subarray(0, written[0] ?? 0));
  if (answer >= 0) return { kind: "ended", exit: exitOf(answer), output: said };
  const errno = errnoName(-answer);
  if (errno === "ETIMEDOUT") return { kind: "timeout", output: said };
  return errno === "EINTR" ? { kind: "interrupted", output: said } : { kind: "not-started", errno };
}

/** Executes a program in this process, with its environment and descriptors. @throws SystemError; else it does not return */
export function execute(path: string, args: readonly string[]): never {
  const env = environment();
  const answer = lib().ts_execute(cstring(path), cstrings(args), args.length, cstrings(env), env.length);
  throw new SystemError("execve", errnoName(-answer), path);
}

/** The environment that tsrun was started with, as `NAME=value` entries. */
export function environment(): readonly string[] {
  const entries: string[] = [];
  for (const name in process.env) entries.push(`${name}=${process.env[name] ?? ""}`);
  return entries;
}
