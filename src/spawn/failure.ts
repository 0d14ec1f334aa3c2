/** What tsrun-init could not do, as an error that names the operation, the place in config.json and the cure. */
import type { Bundle } from "../bundle/types.ts";
import { errnoText, LaunchError, type TsrunError } from "../error.ts";
import { describe } from "../plan/describe.ts";
import type { Op, Step } from "../plan/ops.ts";
import { type Failure, failureErrno } from "./conversation.ts";
import { hintFor, hintForFilter, unsafeHint } from "./hints.ts";
import { mountLabelHint } from "./label-hints.ts";
import { exactPlace } from "./places.ts";

/**
 * The error for a failure that tsrun-init reported about one of these steps; `from` is the place of the first of them
 * in the plan. With the bundle, the very field is named.
 */
export function failed(steps: readonly Step[], from: number, failure: Failure, bundle?: Bundle): TsrunError {
  const step = steps[failure.op - from];
  if (step === undefined) {
    return new LaunchError(
      "protocol",
      `tsrun-init refused the plan: ${failure.call} ${failure.subject}`.trimEnd(),
      {
        hint: "tsrun and tsrun-init must be of the same build",
      },
    );
  }
  const { op } = step;
  const pointer = bundle === undefined ? step.pointer : exactPlace(step, failure, bundle);
  switch (failure.reason) {
    case "SYSCALL":
      if (op.op === "program" && failure.call === "statx") return notFound(pointer, failure);
      return systemCall(op, pointer, failure);
    case "NOT_FOUND":
      return notFound(pointer, failure);
    case "HOOK_EXIT":
    case "HOOK_SIGNAL":
    case "HOOK_TIMEOUT":
      return hook(op, pointer, failure);
    case "UNSAFE":
      return new LaunchError("op", `${describe(op)}: refused: ${failure.call}: ${failure.subject}`, {
        pointer,
        hint: unsafeHint(op, failure.call),
      });
    case "PLAN":
      return new LaunchError(
        "protocol",
        `tsrun-init refused the plan at ${describe(op)}: ${failure.call} ${failure.subject}`.trimEnd(),
        {
          pointer,
          hint: "tsrun and tsrun-init must be of the same build",
        },
      );
    case "HOST_GONE":
      return new LaunchError("died", `${describe(op)}: tsrun itself went away`);
    default:
      return failure.reason satisfies never;
  }
}

function systemCall(op: Op, pointer: string | undefined, failure: Failure): LaunchError {
  const errno = failureErrno(failure);
  const about = failure.subject === "" ? "" : ` ${failure.subject}`;
  // The filter is installed by exec, or for a hook.
  if (failure.call === "seccomp" && op.op !== "seccomp") {
    return new LaunchError("op", `install the seccomp filter: seccomp: ${errno}: ${errnoText(errno)}`, {
      pointer: "/linux/seccomp",
      syscall: "seccomp",
      errno,
      hint: hintForFilter(errno),
    });
  }
  // What root could not enter is tried again with the program's ids.
  const late = op.op === "user" && failure.call === "chdir";
  const doing = late ? `${describe(op)} and change to its folder` : describe(op);
  return new LaunchError(
    op.op === "exec" ? "exec" : "op",
    `${doing}: ${failure.call}${about}: ${errno}: ${errnoText(errno)}`,
    {
      pointer,
      syscall: failure.call,
      errno,
      hint: pointer === "/linux/mountLabel" ? mountLabelHint(errno) : hintFor(op, failure.call, errno),
    },
  );
}

/** runc's words: engines turn them into their exit codes 126 and 127. */
function notFound(pointer: string | undefined, failure: Failure): LaunchError {
  const errno = failureErrno(failure);
  const name = failure.subject;
  const reason =
    errno === "EACCES" || errno === "EPERM"
      ? errnoText(errno)
      : name.includes("/")
        ? `stat ${name}: ${errnoText(errno)}`
        : "executable file not found in $PATH";
  return new LaunchError("exec", `unable to start container process: exec: "${name}": ${reason}`, {
    pointer,
    syscall: "execve",
    errno,
    hint:
      errno === "EACCES" || errno === "EPERM"
        ? "it must be a regular file that the container's user may execute"
        : "the path is looked up inside the container's root, by the PATH of process.env",
  });
}

function hook(op: Op, pointer: string | undefined, failure: Failure): LaunchError {
  const name = op.op === "hook" ? `${op.stage} hook #${op.index}` : "hook";
  return hookError(name, pointer, outcome(failure), failure.subject);
}

function outcome(failure: Failure): string {
  switch (failure.reason) {
    case "HOOK_EXIT":
      return `exit status ${failure.value}`;
    case "HOOK_SIGNAL":
      return `ended by signal ${failure.value}`;
    default:
      return `took longer than its timeout of ${failure.value / 1000} s and was killed`;
  }
}

/** The error of a hook that failed, wherever it ran; `output` is the start of what it wrote. */
export function hookError(
  name: string,
  pointer: string | undefined,
  how: string,
  output: string,
  hint?: string,
): LaunchError {
  const said = output.trim();
  return new LaunchError(
    "hook",
    `error running ${name}: ${how}${said === "" ? ", no output" : `, output: ${said}`}`,
    { pointer, hint },
  );
}
