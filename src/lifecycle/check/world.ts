/** What foreseeing one operation may look at, and how a foreseen refusal is written down. */
import type { Bundle, IdMapping } from "../../bundle/types.ts";
import { CAPABILITIES, type CapabilityName } from "../../bundle/vocabulary.ts";
import type { Status } from "../../sys/files.ts";
import type { Findings } from "./findings.ts";
import type { Self } from "./self.ts";
import type { Tree } from "./tree.ts";

/** The host, ourselves, the container's files so far. */
export interface World {
  readonly bundle: Bundle;
  readonly self: Self;
  readonly tree: Tree;
  readonly findings: Findings;
  /** Whether the container has a user namespace that is not ours. */
  readonly mapped: boolean;
  /** Whether cgroup v1 shares out realtime (CONFIG_RT_GROUP_SCHED). */
  readonly sharesRealtime: boolean;
  /** The container's program, once it has been found. */
  program: string | undefined;
}

/** A refusal as tsrun-init would tell it (native/plan.h, PLAN_FAILURES). */
export interface Refusal {
  readonly call: string;
  readonly errno: string;
  readonly subject: string;
  readonly reason?: "SYSCALL" | "NOT_FOUND" | "UNSAFE";
}

/** A capability's bit. */
export function capability(name: CapabilityName): bigint {
  return 1n << BigInt(CAPABILITIES.indexOf(name));
}

/** Whether tsrun has a capability that counts for the whole host, also once the container is in its user namespace. */
export function hasOnHost({ self, mapped }: World, name: CapabilityName): boolean {
  return !mapped && (self.effective & capability(name)) !== 0n;
}

/** The host's id of a container's; itself without mappings, `undefined` where it has none. Pure. */
export function hostId(mappings: readonly IdMapping[], id: number): number | undefined {
  if (mappings.length === 0) return id;
  for (const { containerID, hostID, size } of mappings) {
    if (id >= containerID && id - containerID < size) return hostID + id - containerID;
  }
  return undefined;
}

/** Whom permissions are checked for: ids of the host. */
export interface Identity {
  readonly uid: number;
  readonly gids: readonly number[];
  /** Whether CAP_DAC_OVERRIDE is effective. */
  readonly overrides: boolean;
  /** Ids of the host that the user namespace knows: a capability counts for files of these only. */
  readonly knows: (uid: number, gid: number) => boolean;
}

/** Whether an identity may execute a file, or enter a folder (path_resolution(7)). ACLs are not looked at. Pure. */
export function mayUse(file: Pick<Status, "kind" | "mode" | "uid" | "gid">, who: Identity): boolean {
  const shift = file.uid === who.uid ? 6 : who.gids.includes(file.gid) ? 3 : 0;
  if (((file.mode >> shift) & 1) === 1) return true;
  if (!who.overrides || !who.knows(file.uid, file.gid)) return false;
  return file.kind === "dir" || (file.mode & 0o111) !== 0;
}

/** The program's own identity, or that of the container's root with all capabilities. */
export function identity({ bundle }: World, which: "program" | "root"): Identity {
  const { uidMappings, gidMappings } = bundle.linux;
  const user = bundle.process?.user;
  const [uid, gid] = which === "root" || user === undefined ? [0, 0] : [user.uid, user.gid];
  const groups = which === "root" || user === undefined ? [] : user.additionalGids;
  const maps = (mappings: readonly IdMapping[], id: number): boolean =>
    mappings.length === 0 || mappings.some(({ hostID, size }) => id >= hostID && id - hostID < size);
  return {
    uid: hostId(uidMappings, uid) ?? -1,
    gids: [gid, ...groups].map((each) => hostId(gidMappings, each) ?? -1),
    overrides:
      which === "root" || bundle.process?.capabilities.effective.includes("CAP_DAC_OVERRIDE") === true,
    knows: (owner, group) => maps(uidMappings, owner) && maps(gidMappings, group),
  };
}
