/** Stage one: which namespaces are joined, which are made, and in which order. */
import type { Bundle, Namespace } from "../bundle/types.ts";
import type { NamespaceType, RootfsPropagation } from "../bundle/vocabulary.ts";
import { BundleError, type Pointer } from "../error.ts";
import { CLONE, MS } from "../sys/constants.gen.ts";
import { add, type Draft, pointerTo } from "./draft.ts";
import type { HostFacts } from "./facts.ts";

/** CLONE_* of each namespace type. */
export const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  cgroup: CLONE.NEWCGROUP,
  ipc: CLONE.NEWIPC,
  mount: CLONE.NEWNS,
  network: CLONE.NEWNET,
  pid: CLONE.NEWPID,
  time: CLONE.NEWTIME,
  user: CLONE.NEWUSER,
  uts: CLONE.NEWUTS,
};

/** MS_* of linux.rootfsPropagation. */
export const PROPAGATIONS: Readonly<Record<RootfsPropagation, number>> = {
  private: MS.PRIVATE,
  rprivate: MS.PRIVATE | MS.REC,
  slave: MS.SLAVE,
  rslave: MS.SLAVE | MS.REC,
  shared: MS.SHARED,
  rshared: MS.SHARED | MS.REC,
  unbindable: MS.UNBINDABLE,
  runbindable: MS.UNBINDABLE | MS.REC,
};

/** The namespace of a type that config.json lists, with its place. */
export function namespaceOf(
  bundle: Bundle,
  type: NamespaceType,
): { readonly namespace: Namespace; readonly pointer: Pointer } | undefined {
  const index = bundle.linux.namespaces.findIndex((each) => each.type === type);
  const namespace = bundle.linux.namespaces[index];
  return namespace === undefined
    ? undefined
    : { namespace, pointer: pointerTo("linux", "namespaces", index) };
}

/** Whether the container gets a new namespace of this type, rather than a joined one or the runtime's own. */
export function isNew(bundle: Bundle, type: NamespaceType): boolean {
  const found = namespaceOf(bundle, type);
  return found !== undefined && found.namespace.path === undefined;
}

/** Whether the container lives in another user namespace than tsrun, new or joined. */
export function mapsUsers(bundle: Bundle): boolean {
  return namespaceOf(bundle, "user") !== undefined;
}

/** MS_* for the mounts that the container's mount namespace starts with. */
export function rootPropagation(bundle: Bundle): bigint {
  const asked = bundle.linux.rootfsPropagation;
  return BigInt(asked === undefined ? MS.SLAVE | MS.REC : PROPAGATIONS[asked]);
}

/** What becomes of setgroups(2), as native/plan.h has it. */
export const SET_GROUPS = {
  /** It stays denied in the new user namespace, and is not tried. */
  denied: 0,
  /** It has to work. */
  needed: 1,
  /** Somebody has denied it in the namespace for good, perhaps: that is no failure where no groups are asked for. */
  tried: 2,
} as const;

/** One of {@link SET_GROUPS}. */
export type SetGroups = (typeof SET_GROUPS)[keyof typeof SET_GROUPS];

/**
 * Whether setgroups(2) will be allowed in the container's user namespace. A mapping of nothing but the caller's own group is
 * what an ordinary user may make, and the kernel asks him to forgo setgroups for it (user_namespaces(7), CVE-2014-8989).
 */
export function allowsSetGroups(bundle: Bundle, facts: Pick<HostFacts, "root" | "privileged">): SetGroups {
  // What is denied in a user namespace is denied in those below it.
  if (facts.root && !facts.privileged) return SET_GROUPS.tried;
  if (!mapsUsers(bundle)) return SET_GROUPS.needed;
  if (!isNew(bundle, "user")) return SET_GROUPS.tried;
  const maps = bundle.linux.gidMappings;
  if (maps.length > 1 || (maps[0]?.size ?? 0) > 1) return SET_GROUPS.needed;
  // Root can enter such a container of a user's.
  return facts.root ? SET_GROUPS.tried : SET_GROUPS.denied;
}

/**
 * Joins, makes, attaches, forks. Existing namespaces come first, while all privileges are there; only an unprivileged
 * caller must enter a user namespace before, to have any. The cgroup namespace comes after the fork, which enters the
 * unified cgroup: a new one takes the process's place as its root, and from inside one that is joined the kernel lets nobody
 * come in from outside it (cgroup_namespaces(7); nsdelegate). Where there is a user namespace the host moves the process,
 * and privileges over a joined one may be gone after it. The pid and time namespaces take effect with the fork.
 */
export function compileNamespaces(draft: Draft, bundle: Bundle, facts: HostFacts): void {
  const user = namespaceOf(bundle, "user");
  if (namespaceOf(bundle, "mount") === undefined) {
    throw new BundleError(
      "unsupported",
      "/linux/namespaces",
      "a container without a mount namespace would change the host's own mounts",
      'add {"type": "mount"}',
    );
  }
  // Lowering it is for the initial user namespace's privileges only (proc_pid_oom_score_adj(5)).
  if (user !== undefined) compileOomScoreAdj(draft, bundle);
  const userFirst = user?.namespace.path !== undefined && !facts.root;
  if (userFirst) joinOne(draft, user.namespace, user.pointer);
  const cgroupLast = user === undefined;
  bundle.linux.namespaces.forEach((namespace, index) => {
    if (namespace.type === "user" || (namespace.type === "cgroup" && cgroupLast)) return;
    joinOne(draft, namespace, pointerTo("linux", "namespaces", index));
  });
  if (user !== undefined && !userFirst) {
    if (user.namespace.path !== undefined) joinOne(draft, user.namespace, user.pointer);
    else add(draft, { op: "userns", setGroups: allowsSetGroups(bundle, facts) }, user.pointer);
  }
  let flags = 0;
  for (const { type, path } of bundle.linux.namespaces) {
    if (path === undefined && type !== "user" && type !== "cgroup") flags |= NAMESPACE_FLAGS[type];
  }
  if (flags !== 0) add(draft, { op: "unshare", flags }, "/linux/namespaces");
  compileTimeOffsets(draft, bundle);
  add(draft, { op: "attach" }, bundle.linux.cgroupsPath === undefined ? undefined : "/linux/cgroupsPath");
  add(draft, { op: "fork" }, undefined);
  const cgroup = namespaceOf(bundle, "cgroup");
  if (cgroup === undefined) return;
  if (cgroup.namespace.path === undefined) {
    add(draft, { op: "unshare", flags: CLONE.NEWCGROUP }, cgroup.pointer);
  } else if (cgroupLast) joinOne(draft, cgroup.namespace, cgroup.pointer);
}

/** `process.oomScoreAdj`, in whichever stage. */
export function compileOomScoreAdj(draft: Draft, bundle: Bundle): void {
  const value = bundle.process?.oomScoreAdj;
  if (value !== undefined) add(draft, { op: "oomScoreAdj", value: BigInt(value) }, "/process/oomScoreAdj");
}

function joinOne(draft: Draft, namespace: Namespace, pointer: Pointer): void {
  if (namespace.path === undefined) return;
  add(draft, { op: "join", ns: NAMESPACE_FLAGS[namespace.type], path: namespace.path }, `${pointer}/path`);
}

function compileTimeOffsets(draft: Draft, bundle: Bundle): void {
  const { monotonic, boottime } = bundle.linux.timeOffsets;
  if ((monotonic !== undefined || boottime !== undefined) && !isNew(bundle, "time")) {
    throw new BundleError(
      "conflict",
      "/linux/timeOffsets",
      "time offsets need a new time namespace",
      'add {"type": "time"} to /linux/namespaces',
    );
  }
  if (monotonic !== undefined) {
    const { secs, nanosecs } = monotonic;
    add(draft, { op: "timeOffset", clock: "monotonic", secs, nanosecs }, "/linux/timeOffsets/monotonic");
  }
  if (boottime !== undefined) {
    const { secs, nanosecs } = boottime;
    add(draft, { op: "timeOffset", clock: "boottime", secs, nanosecs }, "/linux/timeOffsets/boottime");
  }
}
