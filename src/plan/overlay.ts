/**
 * A root that is an overlay of layers which several containers share (Documentation/filesystems/overlayfs.rst), as `tsrun bundle
 * --overlay` makes it; the bundle's own changes go to its folder `upper`.
 */
import type { Bundle } from "../bundle/types.ts";
import { BundleError, type Pointer } from "../error.ts";
import { add, type Draft } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import { mapsUsers } from "./namespaces.ts";

/** What mount(2) takes: a page, with the NUL. */
const LONGEST_OPTIONS = 4095;

const POINTER: Pointer = "/root/path";

/** Mounts the overlay at the root's path, in the container's mount namespace alone. @throws BundleError */
export function compileOverlay(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  const { overlay } = facts;
  if (overlay === undefined) return;
  if (bundle.root.path !== `${bundle.dir}/rootfs`) {
    throw refused("conflict", "this is not the folder rootfs, where the bundle's overlay is mounted");
  }
  // What is mounted is found by these names: nothing that leads elsewhere.
  if (!overlay.layers.every((name) => /^[0-9a-f]{32}$/.test(name))) {
    throw refused("format", "the bundle's layers are none of tsrun's store");
  }
  if (facts.privileged && mapsUsers(bundle)) {
    throw refused("conflict", "the layers have the host's ids, which a user namespace does not show");
  }
  const changes = `upperdir=${escaped(`${bundle.dir}/upper`)},workdir=${escaped(`${bundle.dir}/work`)}`;
  // In a user namespace the kernel keeps its notes in attributes that a user may set.
  const more = facts.privileged ? "index=off,redirect_dir=nofollow,metacopy=off" : "userxattr";
  const options = `lowerdir=${overlay.layers.join(":")},${changes},${more}`;
  if (options.length > LONGEST_OPTIONS) throw refused("limit", "so many layers do not fit into one mount");
  const { folder, inode } = overlay;
  add(draft, { op: "overlay", path: bundle.root.path, folder, inode, options }, POINTER);
}

function refused(code: "format" | "conflict" | "limit", what: string): BundleError {
  return new BundleError(
    code,
    POINTER,
    what,
    "tsrun bundle without --overlay makes a bundle that has a root of its own",
  );
}

/** A path among an overlay's options. */
function escaped(path: string): string {
  return path.replace(/[\\,]/g, "\\$&");
}
