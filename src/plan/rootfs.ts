/** Stage two's frame: the root filesystem, attached, entered, and closed up at the end. */
import { sysctlPath } from "../bundle/sysctl.ts";
import type { Bundle } from "../bundle/types.ts";
import { BundleError } from "../error.ts";
import { MS } from "../sys/constants.gen.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { CreateOptions, HostFacts } from "./facts.ts";
import { type LabelFacts, mountLabel } from "./labels.ts";
import { compileLateReadonly } from "./mounts.ts";
import { PROPAGATIONS, rootPropagation } from "./namespaces.ts";
import { compileOverlay } from "./overlay.ts";

/** The namespace's mounts stop telling the host what happens to them; then the container's tree is attached. */
export function compileRootfs(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  const { rootfsPropagation } = bundle.linux;
  const pointer = rootfsPropagation === undefined ? undefined : "/linux/rootfsPropagation";
  add(draft, { op: "propagation", flags: rootPropagation(bundle) }, pointer);
  compileOverlay(draft, bundle, facts);
  add(draft, { op: "rootfs", path: bundle.root.path }, "/root/path");
}

/** Makes the container's tree the root. */
export function compileEnterRoot(draft: Draft, bundle: Bundle, options: CreateOptions): void {
  const { rootfsPropagation } = bundle.linux;
  if (!options.noPivot) {
    add(draft, { op: "pivotRoot" }, undefined);
    return;
  }
  if (rootfsPropagation === "private" || rootfsPropagation === "rprivate") {
    // As runc: MS_MOVE needs a mount that hides the old root from others, which a private one doesn't.
    throw new BundleError(
      "conflict",
      "/linux/rootfsPropagation",
      "rootfsPropagation of [r]private is not safe without pivot_root",
      "leave --no-pivot out, or make the propagation slave",
    );
  }
  add(draft, { op: "moveRoot" }, undefined);
}

/**
 * What holds once everything is in place: the root's propagation (applied to the new "/", since before the change of
 * root it would have been the host's), the working folder, kernel parameters, read-only and masked paths.
 * sysctl comes before readonlyPaths, which usually cover /proc/sys.
 */
export function compileInside(draft: Draft, bundle: Bundle, facts: LabelFacts): void {
  const { rootfsPropagation, sysctl, readonlyPaths, maskedPaths } = bundle.linux;
  if (rootfsPropagation !== undefined && (PROPAGATIONS[rootfsPropagation] & MS.PRIVATE) === 0) {
    add(draft, { op: "propagation", flags: rootPropagation(bundle) }, "/linux/rootfsPropagation");
  }
  // Only now is this certain to be the container's folder, whatever links the image put on the way (CVE-2026-55686).
  const cwd = bundle.process?.cwd;
  if (cwd !== undefined && cwd !== "/") add(draft, { op: "mkdir", target: cwd, mode: 0o755 }, "/process/cwd");
  for (const [name, value] of sysctl) {
    const pointer = pointerTo("linux", "sysctl", name);
    // The bundle's rules have refused every name that is none.
    add(draft, { op: "sysctl", name: sysctlPath(name) ?? name, value }, pointer);
  }
  compileLateReadonly(draft, bundle);
  if (bundle.root.readonly) add(draft, { op: "rootReadonly" }, "/root/readonly");
  readonlyPaths.forEach((target, index) => {
    add(draft, { op: "readonlyPath", target }, pointerTo("linux", "readonlyPaths", index));
  });
  const label = mountLabel(bundle, facts);
  maskedPaths.forEach((target, index) => {
    add(draft, { op: "maskPath", target, label }, pointerTo("linux", "maskedPaths", index));
  });
}
