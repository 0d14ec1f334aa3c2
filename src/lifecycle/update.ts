/** `update`: other limits for a container that is created, running or paused. */
import { parseResources } from "../bundle/parse.ts";
import type { IntelRdt, Resources, Warning } from "../bundle/types.ts";
import { changeRdt } from "../cgroup/rdt.ts";
import { schemataLines } from "../cgroup/rdt-schemata.ts";
import { openUnitUpdate } from "../cgroup/systemd/update.ts";
import { updateCgroups } from "../cgroup/update.ts";
import { AT, zeroPidsIsLimit } from "../cgroup/write.ts";
import { BundleError, type Pointer, StateError, TsrunError, UsageError } from "../error.ts";
import type { Record } from "../state/record.ts";
import { statusOf } from "../state/status.ts";
import { load, lock } from "../state/store.ts";

/** What may be said beside the resources. */
export interface UpdateOptions {
  /** What the resources are called in messages; `the resources` unless given. */
  readonly document?: string;
  /** The option of a command line that a place in the resources comes from. */
  readonly optionAt?: (pointer: Pointer) => string | undefined;
  /** Schemata for the container's class of service, which linux.resources has no place for. */
  readonly rdt?: Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">;
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
    updateLocked(root, id, asked, options.rdt);
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

function updateLocked(root: string, id: string, resources: Resources, rdt: UpdateOptions["rdt"]): void {
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
    if (Object.keys(cgroups).length === 0) {
      throw new BundleError(
        "unsupported",
        AT,
        "cannot set limits: container could not join or create cgroup",
        "an ordinary user's container has one where a cgroup is delegated to him when it is created",
      );
    }
    const unit = saved.record.unit === undefined ? undefined : openUnitUpdate(saved.record.unit);
    try {
      const putBack = updateRdt(saved.record, rdt);
      try {
        updateCgroups(new Map(Object.entries(cgroups)), resources, zeroPidsIsLimit(ociVersion), unit);
      } catch (error) {
        putBack(error);
        throw error;
      }
    } finally {
      unit?.close();
    }
  } finally {
    locked.release();
  }
}

/** Changes the class of service first; answers what undoes that after a failure. */
function updateRdt({ rdt }: Record, asked: UpdateOptions["rdt"]): (reason: unknown) => void {
  const lines = asked === undefined ? [] : schemataLines(asked);
  if (lines.length === 0) return () => {};
  if (rdt === undefined) {
    const what = asked?.l3CacheSchema === undefined ? "MBA: memory bandwidth" : "CAT: l3 cache";
    // runc's words.
    throw new UsageError(`Intel RDT/${what} schema is not enabled: the container has no class of service`, {
      hint: "it gets one where config.json has linux.intelRdt",
    });
  }
  const before = changeRdt(rdt, lines);
  return (reason) => {
    try {
      before();
    } catch (later) {
      if (reason instanceof TsrunError && later instanceof Error) reason.followedBy.push(later);
    }
  };
}

/** The error with its place in the resources instead of in a config.json. */
function placed(error: unknown, { document = "the resources", optionAt }: UpdateOptions): unknown {
  if (!(error instanceof TsrunError) || error.pointer === undefined) return error;
  if (error.pointer.startsWith(AT)) error.pointer = error.pointer.slice(AT.length);
  error.document = document;
  error.place = optionAt?.(error.pointer);
  return error;
}
