/**
 * A root that is an overlay of layers which several containers share (Documentation/filesystems/overlayfs.rst). `tsrun bundle
 * --overlay` says by annotations which; the bundle's own changes go to its folder `upper`.
 */
import type { Bundle } from "../bundle/types.ts";
import { BundleError, type Pointer } from "../error.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import { mapsUsers } from "./namespaces.ts";

/** Where the layers are: each is a folder in `layers` of this one. */
export const OVERLAY_STORE = "org.tsrun.overlay.store";
/** Their names, the topmost first, with colons between them. */
export const OVERLAY_LOWER = "org.tsrun.overlay.lower";

/** What mount(2) takes: a page, with the NUL. */
const LONGEST_OPTIONS = 4095;

/** Mounts the overlay at the root's path, in the container's mount namespace alone. @throws BundleError */
export function compileOverlay(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  const lower = bundle.annotations.get(OVERLAY_LOWER);
  if (lower === undefined) return;
  const pointer = pointerTo("annotations", OVERLAY_LOWER);
  // A name of the store is a digest's: nothing that leads elsewhere.
  if (!/^[0-9a-f]{32}(?::[0-9a-f]{32})*$/.test(lower)) {
    throw refused("format", pointer, "these are no layers of tsrun's store");
  }
  const store = bundle.annotations.get(OVERLAY_STORE);
  if (store === undefined || !/^\/[^:,\\]*$/.test(store)) {
    throw refused("format", pointerTo("annotations", OVERLAY_STORE), "this is no absolute path of a store");
  }
  if (facts.privileged && mapsUsers(bundle)) {
    throw refused(
      "conflict",
      pointer,
      "the layers have the host's ids, which a user namespace does not show",
    );
  }
  const changes = `upperdir=${escaped(`${bundle.dir}/upper`)},workdir=${escaped(`${bundle.dir}/work`)}`;
  // In a user namespace the kernel keeps its notes in attributes that a user may set.
  const more = facts.privileged ? "index=off,redirect_dir=nofollow,metacopy=off" : "userxattr";
  const options = `lowerdir=${lower},${changes},${more}`;
  if (options.length > LONGEST_OPTIONS) {
    throw refused("limit", pointer, "so many layers do not fit into one mount");
  }
  add(draft, { op: "overlay", path: bundle.root.path, folder: `${store}/layers`, options }, pointer);
}

function refused(code: "format" | "conflict" | "limit", pointer: Pointer, what: string): BundleError {
  return new BundleError(
    code,
    pointer,
    what,
    "tsrun bundle without --overlay makes a bundle that has a root of its own",
  );
}

/** A path among an overlay's options. */
function escaped(path: string): string {
  return path.replace(/[\\,]/g, "\\$&");
}
