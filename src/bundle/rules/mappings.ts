/** Rules about id mappings (user_namespaces(7), kernel/user_namespace.c map_write; config.md, mounts). */
import { BundleError, type Pointer } from "../../error.ts";
import type { Bundle, IdMapping } from "../types.ts";
import { addNamespace, namespaceOf } from "./namespaces.ts";

/** UID_GID_MAP_MAX_EXTENTS of include/linux/user_namespace.h. */
const MAX_MAPPINGS = 340;
const ID_MAX = 0xffffffff;

/** Mappings and a user namespace belong together. */
export function checkUserMappings(bundle: Bundle): void {
  const { uidMappings, gidMappings } = bundle.linux;
  const user = namespaceOf(bundle, "user");
  if (user === undefined) {
    for (const field of ["uidMappings", "gidMappings"] as const) {
      if (bundle.linux[field].length > 0) {
        throw new BundleError(
          "conflict",
          `/linux/${field}`,
          `${field} need a user namespace`,
          addNamespace("user"),
        );
      }
    }
    return;
  }
  if (user.path === undefined && uidMappings.length === 0 && gidMappings.length === 0) {
    const pointer = `/linux/namespaces/${bundle.linux.namespaces.indexOf(user)}`;
    const hint =
      'add linux.uidMappings and gidMappings, such as [{"containerID": 0, "hostID": 100000, "size": 65536}]';
    throw new BundleError("conflict", pointer, "a new user namespace needs id mappings", hint);
  }
  checkPair(uidMappings, gidMappings, "/linux");
}

/** A mount's mappings come in pairs; `idmap` and `ridmap` need mappings, the mount's or the user namespace's. */
export function checkMountMappings(bundle: Bundle): void {
  const mapped = namespaceOf(bundle, "user") !== undefined;
  for (const [i, { uidMappings, gidMappings, options }] of bundle.mounts.entries()) {
    checkPair(uidMappings, gidMappings, `/mounts/${i}`);
    if (mapped || uidMappings.length > 0) continue;
    const at = options.findIndex((option) => option === "idmap" || option === "ridmap");
    if (at < 0) continue;
    throw new BundleError(
      "conflict",
      `/mounts/${i}/options/${at}`,
      `the mount option ${options[at]} needs mappings or a user namespace`,
      "add uidMappings and gidMappings to the mount",
    );
  }
}

/** Both maps or none, and each one that the kernel will take. */
function checkPair(uid: readonly IdMapping[], gid: readonly IdMapping[], pointer: Pointer): void {
  if (uid.length === 0 && gid.length === 0) return;
  if (uid.length === 0 || gid.length === 0) {
    const [given, wanted] =
      uid.length === 0 ? ["gidMappings", "uidMappings"] : ["uidMappings", "gidMappings"];
    throw new BundleError(
      "conflict",
      `${pointer}/${given}`,
      `${given} are given without ${wanted}`,
      `add ${wanted} beside them`,
    );
  }
  checkMap(uid, `${pointer}/uidMappings`);
  checkMap(gid, `${pointer}/gidMappings`);
}

function checkMap(map: readonly IdMapping[], pointer: Pointer): void {
  if (map.length > MAX_MAPPINGS) {
    const sentence = `${map.length} id mappings are more than the ${MAX_MAPPINGS} that the kernel takes`;
    throw new BundleError("range", `${pointer}/${MAX_MAPPINGS}`, sentence, "join adjacent mappings");
  }
  for (const [i, mapping] of map.entries()) {
    if (mapping.size === 0) {
      throw new BundleError(
        "range",
        `${pointer}/${i}/size`,
        "an id mapping of size 0 maps nothing",
        "remove the mapping",
      );
    }
    for (const side of ["containerID", "hostID"] as const) {
      if (mapping[side] + mapping.size > ID_MAX) {
        const sentence = `the mapping from ${side} ${mapping[side]} of size ${mapping.size} goes beyond the last id, ${ID_MAX - 1}`;
        throw new BundleError(
          "range",
          `${pointer}/${i}/size`,
          sentence,
          `use a size of at most ${ID_MAX - mapping[side]}`,
        );
      }
      const other = map.findIndex((earlier, j) => j < i && overlap(earlier, mapping, side));
      if (other >= 0) {
        const sentence = `the mapping overlaps mapping ${other} in ${side}`;
        throw new BundleError("conflict", `${pointer}/${i}`, sentence, "give each mapping ids of its own");
      }
    }
  }
}

function overlap(a: IdMapping, b: IdMapping, side: "containerID" | "hostID"): boolean {
  return a[side] < b[side] + b.size && b[side] < a[side] + a.size;
}
