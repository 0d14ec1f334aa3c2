/** Starts criu and leads its RPC: one request, the notifications on the way, one answer (https://criu.org/RPC). */
import { errnoText, LaunchError, SystemError } from "../../error.ts";
import { cstring, cstrings } from "../../sys/bytes.ts";
import type { Handle } from "../../sys/files.ts";
import { mayExecute } from "../../sys/inspect.ts";
import { errnoName, lib } from "../../sys/lib.ts";
import { environment, Pidfd } from "../../sys/process.ts";
import { Socket } from "../../sys/socket.ts";
import { interrupted } from "../interrupted.ts";
import { type CriuAnswer, type CriuRequest, decodeAnswer, encodeRequest, REQUEST } from "./messages.ts";

/** What criu tells on its way (criu/action-scripts.c). */
export interface Notification {
  /** `post-restore` and the like. */
  readonly script: string;
  /** The process it is about. */
  readonly pid: number | undefined;
  /** The descriptor that came with it, which the receiver closes. */
  readonly passed: Handle | undefined;
}

/** One request to a criu of its own. */
export interface CriuCall {
  /** Made when criu runs, and before it is asked for anything; `pid` is criu's. */
  readonly request: (pid: number) => CriuRequest;
  /**
   * For a restore: the tree that is a mount where criu runs, and nowhere else, and a file that is a null device there, which
   * nobody may change. criu then gets tsrun's standard streams.
   */
  readonly root?: { readonly tree: string; readonly null: string };
  /** Descriptors that criu has as {@link FIRST_FD} and up. */
  readonly fds?: readonly number[];
  /** What it throws ends the call, once criu has taken back what it did. */
  readonly notify?: (notification: Notification) => void;
}

/** The number of the first of a call's descriptors: 3 is the socket. */
export const FIRST_FD = 4;

/** How it went: `done`; `refused`, with what criu said; `ended`, where it ended without an answer. */
export type CriuEnd =
  | { readonly kind: "done"; readonly answer: CriuAnswer }
  | { readonly kind: "refused"; readonly answer: CriuAnswer }
  | { readonly kind: "ended" };

/** Where programs are looked for when the environment doesn't say. */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The criu of PATH. @throws LaunchError `criu` */
export function findCriu(): string {
  for (const folder of (process.env["PATH"] || USUAL_PATH).split(":")) {
    if (folder.startsWith("/") && mayExecute(`${folder}/criu`)) return `${folder}/criu`;
  }
  throw new LaunchError("criu", 'exec: "criu": executable file not found in $PATH', {
    hint: "checkpoint and restore are criu's work (https://criu.org): install the package criu, version 3.15 or newer",
  });
}

/** Asks criu for something and waits for the answer. @throws SystemError where it cannot be started; what `notify` throws */
export function callCriu(program: string, call: CriuCall): CriuEnd {
  const [ours, theirs] = Socket.pair();
  let criu: Pidfd | undefined;
  try {
    criu = spawn(program, call, theirs);
    theirs.close();
    const request = call.request(criu.pid);
    ours.send(encodeRequest(request));
    return converse(ours, criu, request, call);
  } finally {
    // Whatever it is doing, it ends when nobody listens any more.
    ours.close();
    theirs.close();
    criu?.awaitExit(-1);
    criu?.reap();
    criu?.close();
  }
}

function spawn(program: string, { root, fds = [] }: CriuCall, socket: Socket): Pidfd {
  const env = environment();
  const all = new Int32Array([socket.fd, ...fds]);
  const pidfd = new Int32Array(1);
  const pid = lib().ts_spawn_criu(
    cstring(program),
    cstrings(env),
    env.length,
    all,
    all.length,
    cstring(root?.tree ?? ""),
    cstring(root?.null ?? ""),
    pidfd,
  );
  if (pid < 0) {
    const errno = errnoName(-pid);
    throw new SystemError("execve", errno, program, {
      doing: root === undefined ? `start ${program}` : `start ${program} on the root ${root.tree}`,
      hint: errno === "EPERM" ? "checkpoint and restore need root" : undefined,
    });
  }
  return new Pidfd(pid, pidfd[0] ?? -1);
}

function converse(socket: Socket, criu: Pidfd, request: CriuRequest, { notify }: CriuCall): CriuEnd {
  let thrown: unknown;
  let failed = false;
  for (;;) {
    const message = socket.receive(criu.fd, -1);
    if (message === "interrupted") throw interrupted(`criu was at work on its ${request.type}`);
    const answer = message instanceof Uint8Array ? understood(message) : undefined;
    if (answer?.notify === undefined || answer.type !== REQUEST.notify) {
      if (failed) throw thrown;
      if (answer === undefined) return { kind: "ended" };
      const done = answer.success && answer.type === REQUEST[request.type];
      return { kind: done ? "done" : "refused", answer };
    }
    const passed = socket.takePassed();
    try {
      notify?.({ ...answer.notify, passed });
    } catch (error) {
      if (!failed) thrown = error;
      failed = true;
    }
    socket.send(encodeRequest({ type: "notify", success: !failed }));
  }
}

function understood(message: Uint8Array): CriuAnswer {
  try {
    return decodeAnswer(message);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new LaunchError("protocol", `criu's answer cannot be read: ${error.message}`, {
      hint: "is the criu in PATH the one of https://criu.org?",
    });
  }
}

/** What criu said of its failure beside its log, in runc's words. */
export function refusalText(end: Exclude<CriuEnd, { kind: "done" }>, type: string): string {
  if (end.kind === "ended") return `criu failed: it ended during ${type} without an answer`;
  const { errno } = end.answer;
  return `criu failed: type ${type} errno ${errno}${errno > 0 ? ` (${errnoText(errnoName(errno))})` : ""}`;
}
