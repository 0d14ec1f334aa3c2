/** The host's side of the conversation with tsrun-init: what create and exec bring to `launch`. */
import type { Bundle } from "../bundle/types.ts";
import type { Entrance } from "../cgroup/join.ts";
import { LaunchError, type Pointer } from "../error.ts";
import type { Plan } from "../plan/ops.ts";
import type { Handle } from "../sys/files.ts";
import type { Pidfd } from "../sys/process.ts";
import type { Tracer } from "./steps.ts";

/** What the conversation needs the host to do. Each throws what went wrong. */
export interface HostSide {
  /** Called once tsrun-init runs, while it makes the namespaces: make the cgroups and write the limits. */
  prepare(): void;
  /** Writes the id maps of a process. */
  maps(pid: number): void;
  /** Opens the cgroups for stage one of this pid to enter. */
  entrance(pid: number): Entrance;
  /** Saves the first process, before it goes on. */
  record(first: Pidfd): void;
  /** Opens the mount source of this index. */
  source(index: number): Handle;
  /** Runs the prestart and createRuntime hooks. */
  hooks(first: Pidfd): void;
  /** Takes the master of the terminal; whoever keeps it closes it. */
  console(master: Handle): void;
  /** Hands on the listener of the filter that is on this process, and closes it. */
  listener(listener: Handle, on: Pidfd): void;
  /** Everything is set up: make it known. */
  ready(first: Pidfd): void;
  /** Why the first process may have been killed from outside; `undefined` where nothing is known. */
  whyDied(): Death | undefined;
}

/** What killed the container's first process. */
export interface Death {
  readonly text: string;
  readonly pointer: Pointer | undefined;
  readonly hint: string;
}

/** What tsrun-init is started with. */
export interface Start {
  /** What the plan was compiled from: the places of failures are found in it. */
  readonly bundle: Bundle;
  readonly plan: Plan;
  /** The encoded plan. */
  readonly bytes: Uint8Array;
  /** The folder hooks run in: the bundle. */
  readonly cwd: string;
  readonly env: readonly string[];
  readonly preserveFds: number;
  /**
   * For create the socket that the first process will wait on for `start`; for exec the pidfd of the process whose
   * namespaces are entered.
   */
  readonly other: { readonly fd: number };
  readonly tracer?: Tracer | undefined;
}

/** What a conversation has no use for: exec has neither id maps nor sources nor hooks. @throws LaunchError `protocol` */
export function unasked(): never {
  throw new LaunchError("protocol", "tsrun-init asked for what exec has no use for", {
    hint: "tsrun and tsrun-init must be of the same build",
  });
}
