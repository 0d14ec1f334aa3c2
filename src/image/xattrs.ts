/** Which extended attributes of an image are set, and how they look in a user namespace. */
import { Buffer } from "node:buffer";
import { encodeXattrs } from "./record.ts";

/** Attributes kept and left out. */
export interface SortedXattrs {
  readonly encoded: Buffer | undefined;
  /** How many were not taken. */
  readonly lost: number;
}

const CAPABILITY = "security.capability";
const ACL = /^system\.posix_acl_(?:access|default)$/;

/**
 * Takes `user.*`, file capabilities and ACLs. What configures the kernel is not an image's to say: trusted.overlay.* would lead
 * an overlay elsewhere, security.selinux and security.ima are the host's policy.
 *
 * @param mapped where ids change on the way: the host's id of the container's root, which owns file capabilities then
 */
export function sortXattrs(
  xattrs: ReadonlyMap<string, Buffer> | undefined,
  mapped: { readonly rootUid: number } | undefined,
): SortedXattrs {
  if (xattrs === undefined || xattrs.size === 0) return { encoded: undefined, lost: 0 };
  const kept: [string, Buffer][] = [];
  let lost = 0;
  for (const [name, value] of xattrs) {
    if (name === CAPABILITY) kept.push([name, mapped === undefined ? value : owned(value, mapped.rootUid)]);
    else if (isTaken(name, mapped !== undefined)) kept.push([name, value]);
    else lost++;
  }
  return { encoded: kept.length === 0 ? undefined : encodeXattrs(kept), lost };
}

/** ACLs hold ids, which a mapping would have to change. */
function isTaken(name: string, mapped: boolean): boolean {
  if (name.length > 255 || name.includes("\0")) return false;
  if (name.startsWith("user.")) return name.length > 5 && !name.startsWith("user.overlay.");
  return ACL.test(name) && !mapped;
}

const REVISION = 0xff000000;
const REVISION_2 = 0x02000000;
const REVISION_3 = 0x03000000;

/** File capabilities (linux/capability.h): those of the initial namespace's root (revision 2) become those of another (3). */
function owned(value: Buffer, rootUid: number): Buffer {
  const magic = value.length === 20 ? value.readUInt32LE(0) : 0;
  if ((magic & REVISION) >>> 0 !== REVISION_2) return value;
  const changed = Buffer.alloc(24);
  value.copy(changed);
  changed.writeUInt32LE(((magic & ~REVISION) | REVISION_3) >>> 0, 0);
  changed.writeUInt32LE(rootUid, 20);
  return changed;
}
