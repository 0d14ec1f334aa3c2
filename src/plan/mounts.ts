/**
 * The mounts of config.json, in its order (config.md, Mounts): each is made complete beside the container's tree and
 * attached in one step, after its target was made where missing.
 */
import type { Bundle, Mount } from "../bundle/types.ts";
import { BundleError, type Pointer } from "../error.ts";
import { MOUNT_ATTR } from "../sys/constants.gen.ts";
import { addBind, bindSource, isBind } from "./binds.ts";
import { compileCgroupMount } from "./cgroup-mount.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { HostFacts } from "./facts.ts";
import {
  attributes,
  type FsOption,
  freshAttributes,
  type MountRequest,
  readMountOptions,
} from "./mount-request.ts";
import { mapsUsers } from "./namespaces.ts";
import type { HostSource, MountAttributes, Op } from "./ops.ts";
import { cleanPath } from "./paths.ts";

/** Appends the operations of every mount. */
export function compileMounts(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  bundle.mounts.forEach((mount, index) => {
    const pointer = pointerTo("mounts", index);
    const request = readMountOptions(mount.options, `${pointer}/options`);
    if (mount.type === "bind") request.bind ??= { recursive: false };
    checkIdmap(mount, request, bundle, facts, pointer);
    if (request.remount) compileRemount(draft, mount, request, pointer);
    else if (request.bind !== undefined) {
      compileBind(draft, bundle, facts, mount, request, request.bind.recursive, pointer);
    } else if (mount.type === "cgroup") compileCgroupMount(draft, bundle, facts, mount, request, pointer);
    else compileFilesystem(draft, mount, request, pointer);
  });
}

/**
 * Read-only mounts in which more was to be made: /dev, and every tmpfs. They were mounted writable and become read-only
 * only now, in the container's own root (runc, finalizeRootfs).
 */
export function compileLateReadonly(draft: Draft, bundle: Bundle): void {
  bundle.mounts.forEach((mount, index) => {
    if (isBind(mount) || !isFilledLater(mount)) return;
    const request = readMountOptions(mount.options, pointerTo("mounts", index, "options"));
    if (request.readOnly === undefined || request.remount) return;
    const attributes = { ...NO_ATTRIBUTES, attrSet: RDONLY };
    const op: Op = { ...attributes, op: "remount", target: mount.destination, superblock: 0, options: [] };
    add(draft, op, request.readOnly);
  });
}

const NO_ATTRIBUTES: MountAttributes = {
  attrSet: 0n,
  attrClear: 0n,
  recAttrSet: 0n,
  recAttrClear: 0n,
  propagation: [],
};
const RDONLY = BigInt(MOUNT_ATTR.RDONLY);

function isFilledLater(mount: Mount): boolean {
  return mount.type === "tmpfs" || cleanPath(mount.destination) === "/dev";
}

/** A new filesystem. */
function compileFilesystem(draft: Draft, mount: Mount, request: MountRequest, pointer: Pointer): void {
  const fstype = mount.type;
  if (fstype === undefined || fstype === "") {
    throw new BundleError(
      "missing",
      `${pointer}/type`,
      `mount at ${mount.destination} has no type`,
      'give the filesystem\'s type, or "bind" among the options',
    );
  }
  const tmpfs = fstype === "tmpfs";
  const ownMode = tmpfs && !request.data.some(({ text }) => text.startsWith("mode="));
  if (request.copyUp && !tmpfs) {
    warn(draft, pointer, `tmpcopyup has no effect on a mount of type ${fstype}`);
  }
  // Where /dev or a tmpfs is to be read-only it becomes so at the end; cgroup2's superblock is the whole host's.
  const filledLater = isFilledLater(mount);
  const writable = filledLater ? { ...request, attrSet: request.attrSet & ~MOUNT_ATTR.RDONLY } : request;
  const keepsSuperblock = filledLater || fstype === "cgroup2";
  const superblock = keepsSuperblock
    ? request.superblock.filter(({ text }) => text !== "ro")
    : request.superblock;
  // A folder made for a tmpfs gets what a tmpfs has by itself, so that both cases can take the covered folder's mode.
  addFolder(draft, mount.destination, pointer, ownMode ? 0o1777 : 0o755);
  add(
    draft,
    {
      ...freshAttributes(writable),
      op: "mount",
      target: mount.destination,
      source: mount.source ?? fstype,
      fstype,
      options: texts([...superblock, ...request.data]),
      ordinary: fstype === "proc" || fstype === "sysfs" ? 1 : 0,
      copyUp: copyUpOf(request.copyUp && tmpfs, ownMode),
    },
    pointer,
  );
}

/** The op's copyUp (native/plan.h). A mode that the configuration gives is kept, whatever is copied. */
function copyUpOf(content: boolean, ownMode: boolean): number {
  if (content) return ownMode ? 1 : 3;
  return ownMode ? 2 : 0;
}

/**
 * A bind mount. Options set and clear exactly the attributes they name; the others stay as the source mount has them.
 * (runc 1.1 drops them as soon as one option is given: `ro` on a nosuid source loses nosuid.)
 */
function compileBind(
  draft: Draft,
  bundle: Bundle,
  facts: HostFacts,
  mount: Mount,
  request: MountRequest,
  recursive: boolean,
  pointer: Pointer,
): void {
  const source = bindSource(bundle, mount);
  const kind = mount.source === undefined ? "missing" : facts.sources.get(source);
  if (kind === undefined || kind === "missing" || kind === "forbidden") {
    throw missingSource(mount, source, kind === "forbidden", `${pointer}/source`);
  }
  warnAboutDropped(draft, request, request.data, "belongs to a filesystem");
  const switchedOn = request.superblock.filter(({ text }) => SUPERBLOCK_WORDS.includes(text));
  warnAboutDropped(draft, request, switchedOn, "changes a whole filesystem");
  if (request.copyUp) warn(draft, pointer, "tmpcopyup has no effect on a bind mount");
  if (kind === "dir") addFolder(draft, mount.destination, pointer, 0o755);
  else add(draft, { op: "mkfile", target: mount.destination, mode: 0o755 }, pointer);
  addBind(draft, bundle, facts, {
    target: mount.destination,
    source: { path: source, recursive, idmap: idmapOf(mount, request), pointer },
    attributes: attributes(request),
    pointer,
  });
}

function missingSource(mount: Mount, source: string, forbidden: boolean, pointer: Pointer): BundleError {
  const why = forbidden ? "EACCES: permission denied" : "ENOENT: no such file or directory";
  return new BundleError(
    mount.source === undefined ? "missing" : "range",
    pointer,
    `bind mount of ${source} at ${mount.destination}: stat ${source}: ${why}`,
    forbidden
      ? "whoever runs tsrun must be able to enter each folder on the way"
      : "make the file or folder on the host, or correct the path",
  );
}

const SUPERBLOCK_WORDS: readonly string[] = ["sync", "dirsync", "mand", "lazytime"];

function idmapOf(mount: Mount, request: MountRequest): HostSource["idmap"] {
  const recursive = request.idmap?.recursive ?? false;
  if (mount.uidMappings.length > 0) {
    return { kind: "own", recursive, uid: mount.uidMappings, gid: mount.gidMappings };
  }
  return request.idmap === undefined ? { kind: "none" } : { kind: "container", recursive };
}

/** Changes a mount that is there: with `bind` the mount alone, else its superblock, too, as mount(2) does. */
function compileRemount(draft: Draft, mount: Mount, request: MountRequest, pointer: Pointer): void {
  const superblock = request.bind === undefined;
  if (!superblock) warnAboutDropped(draft, request, request.data, "belongs to a filesystem");
  add(
    draft,
    {
      ...attributes(request),
      op: "remount",
      target: mount.destination,
      superblock: superblock ? 1 : 0,
      options: superblock ? texts([...request.superblock, ...request.data]) : [],
    },
    pointer,
  );
}

function checkIdmap(
  mount: Mount,
  request: MountRequest,
  bundle: Bundle,
  facts: HostFacts,
  pointer: Pointer,
): void {
  if (request.idmap === undefined && mount.uidMappings.length === 0) return;
  const place = request.idmap?.pointer ?? `${pointer}/uidMappings`;
  if (request.bind === undefined || request.remount) {
    throw new BundleError(
      "unsupported",
      place,
      `mount at ${mount.destination}: only bind mounts can be id-mapped`,
      'add "bind" or "rbind" to its options, or take the mapping away',
    );
  }
  if (!facts.root) {
    throw new BundleError(
      "unsupported",
      place,
      `mount at ${mount.destination}: an ordinary user cannot id-map a mount`,
      "the kernel lets only the owner of a filesystem do so: run as root, or take the mapping away",
    );
  }
  if (mount.uidMappings.length === 0 && !mapsUsers(bundle)) {
    throw new BundleError(
      "conflict",
      place,
      `mount at ${mount.destination}: an id-mapped mount without mappings takes the container's, which has no user namespace`,
      'give uidMappings and gidMappings, or add {"type": "user"} to /linux/namespaces',
    );
  }
}

/** A mount's target folder; the root itself is there already. */
function addFolder(draft: Draft, target: string, pointer: Pointer, mode: number): void {
  if (cleanPath(target) !== "/") add(draft, { op: "mkdir", target, mode }, pointer);
}

function texts(options: readonly FsOption[]): readonly string[] {
  return options.map(({ text }) => text);
}

function warnAboutDropped(
  draft: Draft,
  request: MountRequest,
  options: readonly FsOption[],
  why: string,
): void {
  const what = request.remount ? "remounted bind mount" : "bind mount";
  for (const { text, pointer } of options) {
    warn(draft, pointer, `option ${JSON.stringify(text)} ${why} and has no effect on a ${what}`);
  }
}

function warn(draft: Draft, pointer: Pointer, text: string): void {
  draft.warnings.push({ pointer, text, hint: "take it out of the options" });
}
