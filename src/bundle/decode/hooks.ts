/** Hooks (config.md, POSIX-platform hooks). */
import type { Fields } from "../fields.ts";
import type { Hook, Hooks } from "../types.ts";
import { checkEnv } from "./process.ts";

/** @throws BundleError */
export function decodeHooks(fields: Fields): Hooks {
  return {
    prestart: fields.objects("prestart", decodeHook),
    createRuntime: fields.objects("createRuntime", decodeHook),
    createContainer: fields.objects("createContainer", decodeHook),
    startContainer: fields.objects("startContainer", decodeHook),
    poststart: fields.objects("poststart", decodeHook),
    poststop: fields.objects("poststop", decodeHook),
  };
}

function decodeHook(fields: Fields): Hook {
  const path = fields.must("path", fields.absolutePath("path"));
  const args = fields.strings("args");
  // An empty list is not an absent one: the hook then runs without any environment, as execve(2) has it.
  const env = fields.stringsIfThere("env");
  if (env !== undefined) checkEnv(fields, env);
  return {
    path,
    args: args.length === 0 ? [path] : args,
    env,
    // Seconds; the spec wants more than zero, and runc with zero fails before the hook has run.
    timeout: fields.int("timeout", 1, 0x7fffffff),
  };
}
