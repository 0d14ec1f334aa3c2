/** What the library's verbs take and answer, beside what the command's do. */
import type { LaunchError } from "../error.ts";
import type { Exit } from "../sys/process.ts";
import type { CheckpointRequest } from "./checkpoint.ts";
import type { CreateRequest } from "./prepare.ts";
import type { RestoreRequest } from "./restore.ts";

/** How a container that was run ended. */
export interface RunEnd {
  /** The exit code, or the signal that ended it; `undefined` where another part of this process has reaped it. */
  readonly exit: Exit | undefined;
  /** Failures of poststop hooks: the container is gone all the same (runtime-spec runtime.md, lifecycle). */
  readonly failures: readonly LaunchError[];
}

/** How {@link Runtime.run} runs a container. */
export interface RunRequest extends CreateRequest {
  /** Its abort kills the container; the promise is rejected with its reason once the container is gone. */
  readonly signal?: AbortSignal;
}

/** How {@link Runtime.wait} waits. */
export interface WaitOptions {
  /** Its abort ends the waiting, and the promise is rejected with its reason; the container is left as it is. */
  readonly signal?: AbortSignal;
}

/** A further program in a container. */
export interface Execution {
  /** As the host sees it. */
  readonly pid: number;
  /** How it ends; `undefined` where another part of this process reaps it. */
  readonly exit: Promise<Exit | undefined>;
}

/** Where a {@link Runtime} keeps its containers. */
export interface RuntimeOptions {
  /**
   * The folder of the containers' state; relative to the current one, made when the first container is. The command's
   * `--root`; its default is `/run/tsrun`, and of others than root `$XDG_RUNTIME_DIR/tsrun`, so that library and command see the same containers.
   * Nobody but the caller and root may be able to write there: else each verb is rejected with {@link UsageError}.
   */
  readonly root?: string;
}

/** How {@link Runtime.checkpoint} writes a container. */
export type CheckpointOptions = Omit<CheckpointRequest, "id">;

/** How {@link Runtime.restore} restores one. */
export type RestoreOptions = Omit<RestoreRequest, "detach" | "noSubreaper" | "messages">;
