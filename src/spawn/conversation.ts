/**
 * The conversation of create and exec, between tsrun (host) and tsrun-init, over one socket. Every step has a name, and a step
 * out of its turn is an error:
 *
 *     host                                            tsrun-init
 *      │ spawns, then makes the cgroups meanwhile      │ stage one: reads the plan, joins namespaces
 *      │◀────────────── trace ──────────────────────── │ (only where the times are wanted)
 *      │ memory to note them in ──────────────────────▶│
 *      │◀────────────── maps ───────────────────────── │ (only with a new user namespace)
 *      │ writes uid_map, gid_map ─────────────────────▶│
 *      │                                               │ unshares the other namespaces
 *      │◀────────────── cgroup ─────────────────────── │
 *      │ their entrances, opened ─────────────────────▶│ enters, clones the container's first process,
 *      │◀────────────── record (pid) ───────────────── │ says its pid and ends
 *      │ saves pid and start time ────────────────────▶│ stage two, in the first process: mounts …
 *      │◀────────────── source n ───────────────────── │ (a mount source that only the host can open)
 *      │ its descriptor ──────────────────────────────▶│
 *      │◀────────────── hooks ──────────────────────── │ (only with prestart or createRuntime hooks)
 *      │ runs them ───────────────────────────────────▶│ … pivot_root, stage three
 *      │◀────────────── console ────────────────────── │ (only with a terminal: its master comes along)
 *      │ hands it on ─────────────────────────────────▶│ ids, capabilities
 *      │◀────────────── listener n ─────────────────── │ (only with a filter that notifies, which rules from here on)
 *      │ copies it, hands it on ──────────────────────▶│
 *      │◀────────────── ready ──────────────────────── │
 *      │ saves "created" ─────────────────────────────▶│ closes this socket, waits on start.sock
 *
 * That of exec has no maps, sources and hooks, and no start.sock: after ready init executes the program at once. Its last words
 * are "about to execute"; the end of file after them means that it worked.
 *
 * At any point init may say `error` instead, with the operation's index. End of file is always a failure.
 */
import { LaunchError } from "../error.ts";
import { text } from "../sys/bytes.ts";
import { ERRNO, PLAN } from "../sys/constants.gen.ts";

/** What tsrun-init said. */
export type Said =
  | { readonly kind: "trace" }
  | { readonly kind: "maps" }
  | { readonly kind: "cgroup" }
  | { readonly kind: "record"; readonly pid: number }
  | { readonly kind: "source"; readonly index: number }
  | { readonly kind: "hooks" }
  | { readonly kind: "console" }
  | { readonly kind: "listener"; readonly fd: number }
  | { readonly kind: "ready" }
  /** On the start socket: it may be looked at for as long as the connection lasts. */
  | { readonly kind: "show" }
  /** On the start socket, and in exec: the next thing is execve. */
  | { readonly kind: "exec" }
  | Failure;

/** Why an operation failed (native/plan.h, PLAN_FAILURES). */
export interface Failure {
  readonly kind: "error";
  /** The operation's index in the plan. */
  readonly op: number;
  readonly reason: keyof typeof PLAN.failures;
  /** errno, exit status, signal or milliseconds, as the reason has it. */
  readonly value: number;
  readonly call: string;
  readonly subject: string;
}

/** Reads one message. @throws LaunchError `protocol` */
export function decode(message: Uint8Array): Said {
  if (message.length < 16) throw confused(`a message of ${message.length} bytes`);
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const [kind, op, value, detail] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  const { messages } = PLAN;
  switch (kind) {
    case messages.ASKS_TRACE:
      return { kind: "trace" };
    case messages.ASKS_MAPS:
      return { kind: "maps" };
    case messages.ASKS_CGROUP:
      return { kind: "cgroup" };
    case messages.ASKS_RECORD:
      return { kind: "record", pid: value };
    case messages.ASKS_SOURCE:
      return { kind: "source", index: value };
    case messages.ASKS_HOOKS:
      return { kind: "hooks" };
    case messages.ASKS_CONSOLE:
      return { kind: "console" };
    case messages.ASKS_LISTENER:
      return { kind: "listener", fd: value };
    case messages.ASKS_READY:
      return { kind: "ready" };
    case messages.SHOW:
      return { kind: "show" };
    case messages.SAYS_EXEC:
      return { kind: "exec" };
    case messages.SAYS_ERROR: {
      const [call = "", subject = ""] = text(message.subarray(16)).split("\0");
      return { kind: "error", op, reason: reasonOf(detail), value, call, subject };
    }
    default:
      throw confused(`a message of kind ${kind}`);
  }
}

function reasonOf(detail: number): Failure["reason"] {
  for (const name in PLAN.failures) {
    if (PLAN.failures[name as Failure["reason"]] === detail) return name as Failure["reason"];
  }
  return "SYSCALL";
}

/** The errno name that a failure of reason SYSCALL or NOT_FOUND carries. */
export function failureErrno(failure: Failure): string {
  return ERRNO[failure.value] ?? `errno ${failure.value}`;
}

const ANSWERS = {
  trace: PLAN.messages.ASKS_TRACE,
  maps: PLAN.messages.ASKS_MAPS,
  cgroup: PLAN.messages.ASKS_CGROUP,
  record: PLAN.messages.ASKS_RECORD,
  source: PLAN.messages.ASKS_SOURCE,
  hooks: PLAN.messages.ASKS_HOOKS,
  console: PLAN.messages.ASKS_CONSOLE,
  listener: PLAN.messages.ASKS_LISTENER,
  ready: PLAN.messages.ASKS_READY,
  start: PLAN.messages.START,
  show: PLAN.messages.SHOW,
} as const;

/** The host's answer to a step, or `start` or `show` for the start socket. */
export function encode(kind: keyof typeof ANSWERS, value = 0): Uint8Array {
  return new Uint8Array(new Uint32Array([ANSWERS[kind], 0, value, 0]).buffer);
}

/** A step of the conversation, in the order of the drawing. */
export type StepName =
  | "trace"
  | "maps"
  | "cgroup"
  | "record"
  | "source"
  | "hooks"
  | "console"
  | "listener"
  | "ready";

const ORDER: Readonly<Record<StepName, number>> = {
  trace: -1,
  maps: 0,
  cgroup: 1,
  record: 2,
  source: 3,
  hooks: 3,
  console: 4,
  listener: 5,
  ready: 6,
};

/**
 * Holds the other side to the order of the drawing: each step at most once and none before an earlier one, except that
 * sources may be asked for many times, before and after the hooks.
 */
export class Order {
  #at = -2;
  #hooks = false;

  /** @throws LaunchError `protocol` */
  accept(step: StepName): void {
    const place = ORDER[step];
    const repeatable = step === "source" || (step === "hooks" && !this.#hooks);
    if (place < this.#at || (place === this.#at && !repeatable)) throw confused(`step ${step} out of turn`);
    if (place >= ORDER.source && this.#at < ORDER.record) throw confused(`step ${step} before record`);
    if (step === "hooks") this.#hooks = true;
    this.#at = place;
  }

  /** What tsrun-init was doing when it went away: what comes after the last step it asked for. */
  get reached(): string {
    const doings = [
      "entering its namespaces",
      "making its namespaces",
      "joining its cgroups",
      "setting up",
      "setting up",
      "becoming ready",
      "becoming ready",
    ];
    return doings[Math.max(this.#at, -1) + 1] ?? "executing its program";
  }
}

/** The error for what a tsrun-init of the same build never says. */
export function confused(what: string): LaunchError {
  return new LaunchError("protocol", `tsrun-init said what was not expected: ${what}`, {
    hint: "tsrun and tsrun-init must be of the same build",
  });
}
