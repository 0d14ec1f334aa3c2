/** Rules about namespaces and the fields that need one (config-linux.md, namespaces; config.md, hostname). */
import { BundleError } from "../../error.ts";
import type { Bundle, Namespace } from "../types.ts";
import type { NamespaceType } from "../vocabulary.ts";

/** __NEW_UTS_LEN of include/uapi/linux/utsname.h, in bytes. */
const UTS_NAME_MAX = 64;

/** The entry for a type, new or joined. */
export function namespaceOf(bundle: Bundle, type: NamespaceType): Namespace | undefined {
  return bundle.linux.namespaces.find((namespace) => namespace.type === type);
}

/** How to add a namespace, for hints. */
export function addNamespace(type: NamespaceType): string {
  return `add {"type": "${type}"} to linux.namespaces`;
}

/** Each type once, and a mount namespace: without one the container's mounts would be the host's. */
export function checkNamespaces(bundle: Bundle): void {
  const seen = new Set<NamespaceType>();
  for (const [i, { type }] of bundle.linux.namespaces.entries()) {
    if (seen.has(type)) {
      const sentence = `the ${type} namespace is listed twice (duplicated ns)`;
      throw new BundleError("conflict", `/linux/namespaces/${i}`, sentence, "keep one of the entries");
    }
    seen.add(type);
  }
  if (!seen.has("mount")) {
    const sentence =
      "a container needs a mount namespace of its own: tsrun does not change the host's mounts";
    throw new BundleError("conflict", "/linux/namespaces", sentence, addNamespace("mount"));
  }
}

/** Offsets can only be given to a time namespace before its first process (time_namespaces(7)). */
export function checkTimeOffsets(bundle: Bundle): void {
  const { monotonic, boottime } = bundle.linux.timeOffsets;
  if (monotonic === undefined && boottime === undefined) return;
  const time = namespaceOf(bundle, "time");
  if (time?.type === "time" && time.path === undefined) return;
  const pointer = `/linux/timeOffsets/${monotonic === undefined ? "boottime" : "monotonic"}`;
  if (time === undefined) {
    throw new BundleError("conflict", pointer, "time offsets need a time namespace", addNamespace("time"));
  }
  const sentence = "time offsets cannot be given to a time namespace that is joined";
  throw new BundleError("conflict", pointer, sentence, "remove linux.timeOffsets, or the namespace's path");
}

/** Names are set in a UTS namespace only: else they would become the host's. */
export function checkHostname(bundle: Bundle): void {
  for (const field of ["hostname", "domainname"] as const) {
    const name = bundle[field];
    if (name === undefined) continue;
    // A UTF-16 unit takes up to three bytes; starting the encoder costs time that short names need not pay.
    if (name.length * 3 > UTS_NAME_MAX && new TextEncoder().encode(name).length > UTS_NAME_MAX) {
      throw new BundleError(
        "range",
        `/${field}`,
        `the ${field} is longer than ${UTS_NAME_MAX} bytes`,
        "shorten it",
      );
    }
    if (namespaceOf(bundle, "uts") === undefined) {
      const sentence = `unable to set ${field} without a private UTS namespace`;
      throw new BundleError("conflict", `/${field}`, sentence, addNamespace("uts"));
    }
  }
}

/** Fields that change mounts need a mount namespace that is new: a joined one has its mounts already. */
export function checkPropagation(bundle: Bundle): void {
  const mount = namespaceOf(bundle, "mount");
  if (mount?.path === undefined || bundle.linux.rootfsPropagation === undefined) return;
  const sentence = "rootfsPropagation cannot be changed in a mount namespace that is joined";
  throw new BundleError(
    "conflict",
    "/linux/rootfsPropagation",
    sentence,
    "remove the path of the mount namespace",
  );
}
