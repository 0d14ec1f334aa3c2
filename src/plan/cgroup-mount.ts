/**
 * A mount of type `cgroup`: the container's own cgroups at one place, whatever the host's layout. On cgroup v1 a tmpfs
 * with one mount a hierarchy, as the engines expect it (runc, mountCgroupV1); on v2 the one hierarchy.
 */
import type { Bundle, Mount } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";
import { MOUNT_ATTR } from "../sys/constants.gen.ts";
import { addBind } from "./binds.ts";
import { add, type Draft } from "./draft.ts";
import type { Hierarchy, HostFacts } from "./facts.ts";
import { attributes, freshAttributes, type MountRequest } from "./mount-request.ts";
import { namespaceOf } from "./namespaces.ts";
import type { MountAttributes } from "./ops.ts";
import { baseName, join } from "./paths.ts";

/** Appends the operations of one cgroup mount. `ro` holds for each of them (CVE-2023-25809). */
export function compileCgroupMount(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  mount: Mount,
  request: MountRequest,
  pointer: Pointer,
): void {
  const target = mount.destination;
  const unified = facts.cgroup.hierarchies.find((each) => each.version === 2);
  if (facts.cgroup.mode !== "v2" || unified === undefined) {
    compileV1(draft, bundle, facts, target, request, pointer);
    return;
  }
  add(draft, { op: "mkdir", target, mode: 0o755 }, pointer);
  if (namespaceOf(bundle, "cgroup") === undefined) {
    bindOwnCgroup(draft, bundle, facts, unified, target, attributes(request), pointer);
    return;
  }
  add(
    draft,
    {
      ...freshAttributes(request),
      op: "mount",
      target,
      source: mount.source ?? "cgroup",
      fstype: "cgroup2",
      // The superblock is the host's own: nothing of it is the container's to change, ro least of all.
      options: request.data.map(({ text }) => text),
      ordinary: 0,
      copyUp: 0,
    },
    pointer,
  );
}

/** nosuid, nodev and noexec, which a cgroup filesystem is mounted with, whatever was asked for. */
const USUAL = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;

function compileV1(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  target: string,
  request: MountRequest,
  pointer: Pointer,
): void {
  const propagation = request.propagation.map((flags) => BigInt(flags));
  const plain = { attrClear: 0n, recAttrSet: 0n, recAttrClear: 0n, propagation };
  const readOnly = request.readOnly === undefined ? 0 : MOUNT_ATTR.RDONLY;
  const mount = { ...plain, op: "mount", ordinary: 0, copyUp: 0 } as const;
  const namespaced = namespaceOf(bundle, "cgroup") !== undefined;
  add(draft, { op: "mkdir", target, mode: 0o755 }, pointer);
  const tmpfs = { source: "tmpfs", fstype: "tmpfs", options: ["mode=755"], attrSet: BigInt(USUAL) };
  add(draft, { ...mount, target, ...tmpfs }, pointer);
  for (const hierarchy of facts.cgroup.hierarchies) {
    if (hierarchy.version !== 1) continue;
    const name = baseName(hierarchy.mountpoint);
    const place = join(target, name);
    add(draft, { op: "mkdir", target: place, mode: 0o755 }, pointer);
    if (namespaced) {
      // A second mount of a hierarchy shows the cgroup namespace's root. The engines know its sources by these names.
      const source = name === "systemd" ? "systemd" : "cgroup";
      const options = hierarchy.controllers;
      const attrSet = BigInt(USUAL | readOnly);
      add(draft, { ...mount, target: place, source, fstype: "cgroup", options, attrSet }, pointer);
    } else {
      bindOwnCgroup(draft, bundle, facts, hierarchy, place, attributes(request), pointer);
    }
    if (name.includes(",")) addLinks(draft, hierarchy, target, name, pointer);
  }
  if (request.readOnly === undefined) return;
  add(
    draft,
    {
      ...plain,
      propagation: [],
      op: "remount",
      target,
      superblock: 0,
      options: [],
      attrSet: BigInt(MOUNT_ATTR.RDONLY),
    },
    request.readOnly,
  );
}

/** `cpu` and `cpuacct` beside `cpu,cpuacct`. */
function addLinks(draft: Draft, hierarchy: Hierarchy, target: string, name: string, pointer: Pointer): void {
  for (const controller of hierarchy.controllers) {
    add(draft, { op: "symlink", target: join(target, controller), text: name, replace: 0 }, pointer);
  }
}

function bindOwnCgroup(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  hierarchy: Hierarchy,
  target: string,
  wanted: MountAttributes,
  pointer: Pointer,
): void {
  const path = facts.cgroupDirs.get(hierarchy.mountpoint) ?? ownFolder(hierarchy);
  addBind(draft, bundle, facts, {
    target,
    source: { path, recursive: true, idmap: { kind: "none" }, pointer },
    attributes: wanted,
    pointer,
  });
}

/** Where the container has no cgroup of its own (unprivileged callers), it stays in tsrun's. */
function ownFolder(hierarchy: Hierarchy): string {
  const { root, own, mountpoint } = hierarchy;
  if (root === "/") return join(mountpoint, own.slice(1));
  return own === root || own.startsWith(`${root}/`) ? mountpoint + own.slice(root.length) : mountpoint;
}
