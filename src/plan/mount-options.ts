/**
 * Mount options: the table of every word that config.md ("Linux mount options") knows, and the reading of one mount's
 * list by it. A word that is not in the table belongs to the filesystem.
 */
import { MOUNT_ATTR, MS } from "../sys/constants.gen.ts";

/** The superblock's own flags, as fsconfig(2) takes them (fs/fs_context.c, common_set_sb_flag). */
export type SuperblockFlag = "ro" | "sync" | "dirsync" | "mand" | "lazytime";

/** What one option word does. */
export type MountOption =
  /** Sets and clears MOUNT_ATTR_* bits of this mount. */
  | { readonly kind: "attribute"; readonly set: number; readonly clear: number }
  /** The same for every mount of the tree below, too (AT_RECURSIVE). */
  | { readonly kind: "recursive"; readonly set: number; readonly clear: number }
  /** `ro` and `rw`: the mount's attribute and the superblock's flag, as with mount(2). */
  | { readonly kind: "readonly"; readonly on: boolean }
  | { readonly kind: "superblock"; readonly flag: SuperblockFlag; readonly on: boolean }
  /** mount_namespaces(7): MS_SHARED and friends. */
  | { readonly kind: "propagation"; readonly flags: number }
  | { readonly kind: "bind"; readonly recursive: boolean }
  | { readonly kind: "idmap"; readonly recursive: boolean }
  | { readonly kind: "remount" }
  | { readonly kind: "copyUp" }
  /** Handed to the filesystem as it stands. */
  | { readonly kind: "data" }
  /** Accepted; the kernel's default is what it asks for, or the new mount calls have no such thing. */
  | { readonly kind: "nothing" };

/**
 * Every known word. The access-time modes are one field of three values (MOUNT_ATTR__ATIME), so that choosing one clears
 * the field first; `atime`, `nostrictatime` and their recursive forms go back to the kernel's default, relatime. There is
 * nothing behind relatime that `norelatime` could fall back to. `silent`, `loud` and `iversion` have no visible effect
 * with mount(2) either: the first two are about the kernel's log, the last is each filesystem's own since Linux 6.
 */
export const MOUNT_OPTIONS: Readonly<Record<string, MountOption>> = {
  acl: { kind: "data" },
  async: { kind: "superblock", flag: "sync", on: false },
  atime: { kind: "attribute", set: 0, clear: MOUNT_ATTR._ATIME },
  bind: { kind: "bind", recursive: false },
  defaults: { kind: "nothing" },
  dev: { kind: "attribute", set: 0, clear: MOUNT_ATTR.NODEV },
  diratime: { kind: "attribute", set: 0, clear: MOUNT_ATTR.NODIRATIME },
  dirsync: { kind: "superblock", flag: "dirsync", on: true },
  exec: { kind: "attribute", set: 0, clear: MOUNT_ATTR.NOEXEC },
  idmap: { kind: "idmap", recursive: false },
  iversion: { kind: "nothing" },
  lazytime: { kind: "superblock", flag: "lazytime", on: true },
  loud: { kind: "nothing" },
  mand: { kind: "superblock", flag: "mand", on: true },
  noacl: { kind: "data" },
  noatime: { kind: "attribute", set: MOUNT_ATTR.NOATIME, clear: MOUNT_ATTR._ATIME },
  nodev: { kind: "attribute", set: MOUNT_ATTR.NODEV, clear: 0 },
  nodiratime: { kind: "attribute", set: MOUNT_ATTR.NODIRATIME, clear: 0 },
  noexec: { kind: "attribute", set: MOUNT_ATTR.NOEXEC, clear: 0 },
  noiversion: { kind: "nothing" },
  nolazytime: { kind: "superblock", flag: "lazytime", on: false },
  nomand: { kind: "superblock", flag: "mand", on: false },
  norelatime: { kind: "nothing" },
  nostrictatime: { kind: "attribute", set: 0, clear: MOUNT_ATTR._ATIME },
  nosuid: { kind: "attribute", set: MOUNT_ATTR.NOSUID, clear: 0 },
  nosymfollow: { kind: "attribute", set: MOUNT_ATTR.NOSYMFOLLOW, clear: 0 },
  private: { kind: "propagation", flags: MS.PRIVATE },
  ratime: { kind: "recursive", set: 0, clear: MOUNT_ATTR._ATIME },
  rbind: { kind: "bind", recursive: true },
  rdev: { kind: "recursive", set: 0, clear: MOUNT_ATTR.NODEV },
  rdiratime: { kind: "recursive", set: 0, clear: MOUNT_ATTR.NODIRATIME },
  relatime: { kind: "attribute", set: MOUNT_ATTR.RELATIME, clear: MOUNT_ATTR._ATIME },
  remount: { kind: "remount" },
  rexec: { kind: "recursive", set: 0, clear: MOUNT_ATTR.NOEXEC },
  ridmap: { kind: "idmap", recursive: true },
  rnoatime: { kind: "recursive", set: MOUNT_ATTR.NOATIME, clear: MOUNT_ATTR._ATIME },
  rnodev: { kind: "recursive", set: MOUNT_ATTR.NODEV, clear: 0 },
  rnodiratime: { kind: "recursive", set: MOUNT_ATTR.NODIRATIME, clear: 0 },
  rnoexec: { kind: "recursive", set: MOUNT_ATTR.NOEXEC, clear: 0 },
  rnorelatime: { kind: "nothing" },
  rnostrictatime: { kind: "recursive", set: 0, clear: MOUNT_ATTR._ATIME },
  rnosuid: { kind: "recursive", set: MOUNT_ATTR.NOSUID, clear: 0 },
  rnosymfollow: { kind: "recursive", set: MOUNT_ATTR.NOSYMFOLLOW, clear: 0 },
  ro: { kind: "readonly", on: true },
  rprivate: { kind: "propagation", flags: MS.PRIVATE | MS.REC },
  rrelatime: { kind: "recursive", set: MOUNT_ATTR.RELATIME, clear: MOUNT_ATTR._ATIME },
  rro: { kind: "recursive", set: MOUNT_ATTR.RDONLY, clear: 0 },
  rrw: { kind: "recursive", set: 0, clear: MOUNT_ATTR.RDONLY },
  rshared: { kind: "propagation", flags: MS.SHARED | MS.REC },
  rslave: { kind: "propagation", flags: MS.SLAVE | MS.REC },
  rstrictatime: { kind: "recursive", set: MOUNT_ATTR.STRICTATIME, clear: MOUNT_ATTR._ATIME },
  rsuid: { kind: "recursive", set: 0, clear: MOUNT_ATTR.NOSUID },
  rsymfollow: { kind: "recursive", set: 0, clear: MOUNT_ATTR.NOSYMFOLLOW },
  runbindable: { kind: "propagation", flags: MS.UNBINDABLE | MS.REC },
  rw: { kind: "readonly", on: false },
  shared: { kind: "propagation", flags: MS.SHARED },
  silent: { kind: "nothing" },
  slave: { kind: "propagation", flags: MS.SLAVE },
  strictatime: { kind: "attribute", set: MOUNT_ATTR.STRICTATIME, clear: MOUNT_ATTR._ATIME },
  suid: { kind: "attribute", set: 0, clear: MOUNT_ATTR.NOSUID },
  symfollow: { kind: "attribute", set: 0, clear: MOUNT_ATTR.NOSYMFOLLOW },
  sync: { kind: "superblock", flag: "sync", on: true },
  tmpcopyup: { kind: "copyUp" },
  unbindable: { kind: "propagation", flags: MS.UNBINDABLE },
};
