/** Hooks that run on the host: prestart, createRuntime, poststart, poststop (runtime-spec config.md, POSIX-platform hooks). */
import type { Hook, HookStage } from "../bundle/types.ts";
import { errnoText, type LaunchError } from "../error.ts";
import type { Record } from "../state/record.ts";
import { lastInterrupt } from "../sys/interrupt.ts";
import { environment, run } from "../sys/process.ts";
import { hookError } from "./failure.ts";
import { InterruptedError } from "./interrupted.ts";

/** The state that a hook reads on its standard input (runtime-spec runtime.md, State). */
export interface HookState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: "creating" | "created" | "running" | "stopped";
  /** Absent when the container has stopped. */
  readonly pid?: number;
  readonly bundle: string;
  readonly annotations?: { readonly [name: string]: string };
}

/** What a hook's state takes from a container's record. */
export type Described = Pick<Record, "ociVersion" | "id" | "bundle" | "annotations">;

/** The state for a hook on the host. */
export function hookState(container: Described, status: HookState["status"], pid?: number): HookState {
  const annotations =
    Object.keys(container.annotations).length === 0 ? {} : { annotations: container.annotations };
  return {
    ociVersion: container.ociVersion,
    id: container.id,
    status,
    ...(pid === undefined ? {} : { pid }),
    bundle: container.bundle,
    ...annotations,
  };
}

/** Runs one hook; what went wrong with it, or `undefined`. */
export function runHook(
  stage: HookStage,
  index: number,
  hook: Hook,
  state: HookState,
): LaunchError | undefined {
  const ran = run({
    path: hook.path,
    args: hook.args,
    // Never the container's environment: it would let an image's LD_PRELOAD into a host program (CVE-2025-23266).
    env: hook.env ?? environment(),
    cwd: state.bundle,
    input: JSON.stringify(state),
    timeout: hook.timeout === undefined ? 0 : hook.timeout * 1000,
  });
  const name = `${stage} hook #${index}`;
  const pointer = `/hooks/${stage}/${index}`;
  switch (ran.kind) {
    case "not-started":
      return hookError(
        `${name} ${hook.path}`,
        `${pointer}/path`,
        `execve: ${ran.errno}: ${errnoText(ran.errno)}`,
        "",
        notStartedHint(ran.errno),
      );
    case "timeout":
      return hookError(
        name,
        pointer,
        `took longer than its timeout of ${hook.timeout} s and was killed`,
        ran.output,
        "raise its timeout, or find out what it waits for",
      );
    case "interrupted": {
      const { number, name: signal } = lastInterrupt();
      return new InterruptedError(number, `interrupted by ${signal}: ${name} was running, and was killed`, {
        pointer,
        hint: "give it a timeout, or find out what it waits for",
      });
    }
    case "ended": {
      const { exit } = ran;
      if ("code" in exit && exit.code === 0) return undefined;
      const how = "code" in exit ? `exit status ${exit.code}` : `ended by signal ${exit.signal}`;
      return hookError(name, pointer, how, ran.output);
    }
    default:
      return ran satisfies never;
  }
}

/** What to do about a hook that could not be executed. */
export function notStartedHint(errno: string): string {
  if (errno === "EACCES") return "a hook must be an executable file";
  if (errno === "ENOEXEC") return "a hook must be a program of this machine, or a script that begins with #!";
  return "a hook's path is that of a program on the host, and so is a script's interpreter";
}

/** Runs a stage's hooks in order and stops at the first that fails. @throws LaunchError `hook` */
export function runHooks(stage: HookStage, hooks: readonly Hook[], state: HookState): void {
  for (const [index, hook] of hooks.entries()) {
    const failure = runHook(stage, index, hook, state);
    if (failure !== undefined) throw failure;
  }
}
