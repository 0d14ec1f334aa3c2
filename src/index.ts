/**
 * tsrun as a library: the same verbs as the command's, typed, with promises instead of exit codes.
 *
 * ```ts
 * import { Runtime } from "tsrun";
 *
 * const runtime = new Runtime({ root: "/run/my-containers" });
 * const { exit } = await runtime.run({ id: "hello", bundle: "/bundles/hello" });
 * ```
 *
 * Linux only, as root; under Node 20.16 or newer and under Bun. Everything that fails on purpose throws a
 * {@link TsrunError}; {@link errorLine} makes the one line of it that the command would print.
 */
import type { Warning } from "./bundle/types.ts";
import { check as checkBundle } from "./lifecycle/check.ts";
import { explainBundle } from "./lifecycle/explain.ts";
import { type CreateRequest, type Loaded, prepare } from "./lifecycle/prepare.ts";
import type { Plan } from "./plan/ops.ts";

export type {
  Bundle,
  Device,
  Hook,
  HookStage,
  Hooks,
  IdMapping,
  Linux,
  Mount,
  Namespace,
  Process,
  Resources,
  Root,
  Warning,
} from "./bundle/types.ts";
export type { BundleCode, ErrorFacts, LaunchCode, Pointer, StateCode } from "./error.ts";
export {
  BundleError,
  errorLine,
  LaunchError,
  StateError,
  SystemError,
  TsrunError,
  UsageError,
} from "./error.ts";
export type { CheckpointRequest } from "./lifecycle/checkpoint.ts";
export type { CriuRequestOptions } from "./lifecycle/criu/options.ts";
export type { ExecRequest } from "./lifecycle/exec.ts";
export type { ProcessChanges } from "./lifecycle/exec-process.ts";
export type { ContainerEvent, EventOptions } from "./lifecycle/follow.ts";
export type {
  CheckpointOptions,
  Execution,
  RestoreOptions,
  RunEnd,
  RunRequest,
  RuntimeOptions,
  WaitOptions,
} from "./lifecycle/library.ts";
export type { CreateRequest, Loaded } from "./lifecycle/prepare.ts";
export { loadBundle } from "./lifecycle/prepare.ts";
export type { RestoreRequest } from "./lifecycle/restore.ts";
export type { StopRequest } from "./lifecycle/stop.ts";
export type { WatchedEvent } from "./observe/events.ts";
export { features } from "./observe/features.ts";
export type { Listed } from "./observe/list.ts";
export type { ContainerProcess } from "./observe/processes.ts";
export type { ContainerState } from "./observe/state.ts";
export type { ContainerStats } from "./observe/stats.ts";
export type { HostSource, MountAttributes, Op, OpName, Plan, RootPath, Step } from "./plan/ops.ts";
export { Runtime } from "./runtime.ts";
export type { Status } from "./state/status.ts";
export type { Exit } from "./sys/process.ts";
export { COMMIT, SPEC_VERSION, VERSION } from "./version.ts";

/** What {@link compilePlan} and {@link explain} need beside the bundle. */
export type PlanOptions = Pick<CreateRequest, "id" | "noPivot" | "noNewKeyring" | "preserveFds">;

/** What {@link check} found out about a bundle. */
export interface Checked {
  /** Why it would not run on this host, each with its place in config.json; none where it would. */
  readonly problems: readonly Error[];
  /** What is odd, but no reason not to run it. */
  readonly warnings: readonly Warning[];
}

/**
 * Compiles a bundle for this host: everything that `create` would do, in order. Starts nothing and changes nothing.
 *
 * @throws {@link BundleError} with the place in config.json that cannot be done
 */
export function compilePlan(loaded: Loaded, options: PlanOptions): Plan {
  return prepare(loaded, { ...options, bundle: loaded.bundle.dir }).plan;
}

/**
 * What running a bundle would do, step by step, for a person (`text`), for a program (`json`), or as a shell script that
 * shows the calls (`sh`). Does none of it.
 *
 * @param bundle the bundle's folder, relative to the current one
 * @throws {@link BundleError} as {@link compilePlan} does
 */
export function explain(
  bundle: string,
  options: PlanOptions,
  format: "text" | "json" | "sh" = "text",
): string {
  return explainBundle({ ...options, bundle }, format);
}

/**
 * Whether a bundle would run on this host, and why not: all reasons that can be found without running it.
 *
 * @param bundle the bundle's folder, relative to the current one
 */
export function check(bundle: string): Checked {
  return checkBundle(bundle);
}
