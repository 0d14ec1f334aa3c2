/** `update`: other limits for a container that is created, running or paused. */
import { parseResources } from "../bundle/parse.ts";
import type { Resources, Warning } from "../bundle/types.ts";
import { updateCgroups } from "../cgroup/update.ts";
import { AT, zeroPidsIsLimit } from "../cgroup/write.ts";
import { type Pointer, StateError, TsrunError } from "../error.ts";
import { statusOf } from "../state/status.ts";
import { load, lock } from "../state/store.ts";

/** What may be said beside the resources. */
export interface UpdateOptions {
  /** What the resources are called in messages; `the resources` unless given. */
  readonly document?: string;
  /** The option of a command line that a place in the resources comes from. */
  readonly optionAt?: (pointer: Pointer) => string | undefined;
  /** Told what is odd but no error. */
  readonly warn?: (warning: Warning) => void;
}

/**
 * Changes limits of a container: those that `resources` has, and no others. Where the kernel refuses one, none is changed.
 * The configuration that is kept of the container is not changed: what holds is what its cgroup files say. Device rules
 * replace the old ones where there are any.
 *
 * @param resources `linux.resources` of a config.json, decoded or as JSON text, whose names match whatever their case; 0
 *   is "unchanged" for most of them, -1 "unlimited"
 * @throws StateError `not-found`, `not-running`, `busy`, `damaged`; BundleError and SystemError with the place in the
 *   resources
 */
export function updateContainer(
  root: string,
  id: string,
  resources: Resources | string,
  options: UpdateOptions = {},
): void {
  try {
    const asked = typeof resources === "string" ? parse(resources, options) : resources;
    updateLocked(root, id, asked);
  } catch (error) {
    throw placed(error, options);
  }
}

function parse(text: string, { warn = () => {} }: UpdateOptions): Resources {
  const { resources, warnings } = parseResources(text);
  for (const warning of warnings) warn(warning);
  for (const field of ["kernel", "kernelTCP"] as const) {
    if (resources.memory[field] === undefined) continue;
    // runc's words.
    const sentence = "Kernel memory settings are ignored and will be removed";
    warn({ pointer: `/memory/${field}`, text: sentence, hint: undefined });
  }
  return resources;
}

function updateLocked(root: string, id: string, resources: Resources): void {
  const locked = lock(root, id);
  try {
    const saved = load(root, id);
    const status = statusOf(saved, true);
    if (status === "stopped" || status === "creating") {
      throw new StateError("not-running", `container not running: ${id}`, {
        hint: `its status is ${status}`,
      });
    }
    const { cgroups, ociVersion } = saved.record;
    updateCgroups(new Map(Object.entries(cgroups)), resources, zeroPidsIsLimit(ociVersion));
  } finally {
    locked.release();
  }
}

/** The error with its place in the resources instead of in a config.json. */
function placed(error: unknown, { document = "the resources", optionAt }: UpdateOptions): unknown {
  if (!(error instanceof TsrunError) || error.pointer === undefined) return error;
  if (error.pointer.startsWith(AT)) error.pointer = error.pointer.slice(AT.length);
  error.document = document;
  error.place = optionAt?.(error.pointer);
  return error;
}
