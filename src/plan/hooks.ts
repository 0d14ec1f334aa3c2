/** Hooks that run in the container's namespaces, and the moment for those that the host runs (config.md, Hooks). */
import type { Bundle } from "../bundle/types.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { CreateOptions } from "./facts.ts";

/** Has the host run the prestart and createRuntime hooks, if there are any. */
export function compileHostHooks(draft: Draft, bundle: Bundle): void {
  const { prestart, createRuntime } = bundle.hooks;
  if (prestart.length > 0) add(draft, { op: "hostHooks" }, "/hooks/prestart");
  else if (createRuntime.length > 0) add(draft, { op: "hostHooks" }, "/hooks/createRuntime");
}

/** Appends the hooks of one stage; each reads the container's state on its standard input. */
export function compileHooks(
  draft: Draft,
  bundle: Bundle,
  options: CreateOptions,
  stage: "createContainer" | "startContainer",
): void {
  const hooks = bundle.hooks[stage];
  if (hooks.length === 0) return;
  const [stateHead, stateTail] = stateAround(
    bundle,
    options.id,
    stage === "createContainer" ? "creating" : "created",
  );
  // Inside the container, tsrun's own environment would tell secrets of the host: there, as in runc, the container's counts.
  const without = stage === "startContainer" ? bundle.process?.env : undefined;
  hooks.forEach(({ path, args, env: own, timeout }, index) => {
    const env = own ?? without;
    add(
      draft,
      {
        op: "hook",
        stage,
        index,
        path,
        args,
        hasEnv: env === undefined ? 0 : 1,
        env: env ?? [],
        timeout: timeout === undefined ? 0 : timeout * 1000,
        stateHead,
        stateTail,
      },
      pointerTo("hooks", stage, index),
    );
  });
}

/** The state (runtime.md, State) as JSON, cut where the pid goes: inside, the process has another one than outside. */
function stateAround(bundle: Bundle, id: string, status: string): readonly [head: string, tail: string] {
  const { ociVersion } = bundle;
  const head = JSON.stringify({ ociVersion, id, status });
  const annotations = bundle.annotations.size === 0 ? undefined : Object.fromEntries(bundle.annotations);
  const tail = JSON.stringify({ bundle: bundle.dir, annotations });
  return [`${head.slice(0, -1)},"pid":`, `,${tail.slice(1)}`];
}
