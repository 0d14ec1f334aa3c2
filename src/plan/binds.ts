/** Bind mounts, from wherever they come: config.json, the cgroups, the devices. */
import type { Bundle, Mount } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";
import { add, addSource, type Draft } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import { mapsUsers, rootPropagation } from "./namespaces.ts";
import { type HostSource, type MountAttributes, NO_SOURCE } from "./ops.ts";
import { join } from "./paths.ts";

/** The host's side of a bind mount: an absolute path; relative ones are taken from the bundle's folder, as runc does. */
export function bindSource(bundle: Bundle, mount: Mount): string {
  const source = mount.source ?? "";
  return source.startsWith("/") ? source : join(bundle.dir, source);
}

/** Whether a mount is a bind: by its type, or by `bind` or `rbind` among its options, which make the type a dummy. */
export function isBind(mount: Mount): boolean {
  return mount.type === "bind" || mount.options.includes("bind") || mount.options.includes("rbind");
}

/** What {@link addBind} needs. */
export interface BindOrder {
  readonly target: string;
  readonly source: HostSource;
  readonly attributes: MountAttributes;
  readonly pointer: Pointer | undefined;
}

/**
 * A bind whose target exists. Inside a user namespace the host opens the source: the mapped root may be unable to reach
 * it. A tree opened there still belongs to the host's peer groups, which the container's own mounts left at the start,
 * so that it is made to leave them, too. An ordinary user may open no tree on the host, and reaches nothing that his
 * mapped root does not.
 */
export function addBind(draft: Draft, bundle: Bundle, facts: HostFacts, order: BindOrder): void {
  const byHost = (mapsUsers(bundle) && facts.root) || order.source.idmap.kind !== "none";
  const own = order.attributes.propagation;
  add(
    draft,
    {
      ...order.attributes,
      op: "bind",
      target: order.target,
      source: order.source.path,
      sourceIndex: byHost ? addSource(draft, order.source) : NO_SOURCE,
      recursive: order.source.recursive ? 1 : 0,
      propagation: byHost ? [rootPropagation(bundle), ...own] : own,
    },
    order.pointer,
  );
}
