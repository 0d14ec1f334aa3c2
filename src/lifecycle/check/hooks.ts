/** Whether the hooks are there to be run. */
import type { Hook, HookStage } from "../../bundle/types.ts";
import { HOOK_STAGES } from "../../bundle/vocabulary.ts";
import { errnoText } from "../../error.ts";
import { hookError } from "../../spawn/failure.ts";
import { notStartedHint } from "../../spawn/hooks.ts";
import { status } from "../../sys/files.ts";
import { mayExecute } from "../../sys/inspect.ts";
import { identity, mayUse, type World } from "./world.ts";

/** Finds hooks that are missing or not executable; those of the last stage fail without consequence. */
export function checkHooks(world: World): void {
  for (const stage of HOOK_STAGES) {
    for (const [index, hook] of world.bundle.hooks[stage].entries()) checkHook(stage, index, hook, world);
  }
}

function checkHook(stage: HookStage, index: number, hook: Hook, world: World): void {
  const errno = stage === "startContainer" ? insideErrno(hook.path, world) : hostErrno(hook.path);
  if (errno === undefined) return;
  const pointer = `/hooks/${stage}/${index}/path`;
  const how = `execve: ${errno}: ${errnoText(errno)}`;
  const error = hookError(`${stage} hook #${index} ${hook.path}`, pointer, how, "", notStartedHint(errno));
  if (stage === "poststop") world.findings.warn(pointer, error.message, error.hint);
  else world.findings.problem(error);
}

function hostErrno(path: string): string | undefined {
  const found = status(path);
  if (found === undefined) return "ENOENT";
  return found.kind === "file" && mayExecute(path) ? undefined : "EACCES";
}

/** startContainer hooks are programs of the container, run by its root. */
function insideErrno(path: string, world: World): string | undefined {
  const look = world.tree.look(path);
  if (look.kind === "unknown") return undefined;
  if (look.kind === "error") return look.errno;
  const found = status(look.path);
  return found?.kind === "file" && mayUse(found, identity(world, "root")) ? undefined : "EACCES";
}
