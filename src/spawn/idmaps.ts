/** User namespace id maps (user_namespaces(7)). */
import type { IdMapping } from "../bundle/types.ts";
import { SystemError } from "../error.ts";
import { type FileAction, perform, readTextIfThere } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import { ids } from "../sys/process.ts";
import { runMapTool } from "./map-tools.ts";

/** The lines of uid_map or gid_map. */
export function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/**
 * Writes the maps of a process that waits in its new user namespace. Root writes them itself, and so does a user who maps
 * nothing but his own id; for more than that he needs newuidmap and newgidmap.
 *
 * @throws SystemError, LaunchError
 */
export function writeMaps(pid: number, uid: readonly IdMapping[], gid: readonly IdMapping[]): void {
  const root = privilege() !== "user";
  const own = ids().euid;
  if (root || isOwnId(uid, own)) write(pid, "uid_map", uid, []);
  else runMapTool("newuidmap", pid, uid, own);
  const ownGroup = root ? 0 : effectiveGid(readTextIfThere("/proc/self/status") ?? "");
  if (root) write(pid, "gid_map", gid, []);
  else if (isOwnId(gid, ownGroup)) {
    // The kernel wants it of everybody without CAP_SETGID (user_namespaces(7), CVE-2014-8989).
    write(pid, "gid_map", gid, [{ do: "write", path: `/proc/${pid}/setgroups`, text: "deny" }]);
  } else runMapTool("newgidmap", pid, gid, ownGroup);
}

/** Whether a map is one that the kernel lets anybody write: a single id, the writer's own. Pure. */
export function isOwnId(mappings: readonly IdMapping[], own: number): boolean {
  const [only, ...more] = mappings;
  return more.length === 0 && only?.hostID === own && only.size === 1;
}

/** The effective gid in a /proc/PID/status. Pure. */
export function effectiveGid(status: string): number {
  return Number(/^Gid:\t[0-9]+\t([0-9]+)/m.exec(status)?.[1] ?? -1);
}

function write(
  pid: number,
  file: "uid_map" | "gid_map",
  mappings: readonly IdMapping[],
  before: readonly FileAction[],
): void {
  const path = `/proc/${pid}/${file}`;
  const failure = perform([...before, { do: "write", path, text: mapText(mappings) }]);
  if (failure === undefined) return;
  throw new SystemError(failure.syscall, failure.errno, path, {
    doing: `write the container's ${file}`,
    pointer: file === "uid_map" ? "/linux/uidMappings" : "/linux/gidMappings",
    hint: "the kernel takes at most 340 ranges, without overlaps, of ids that tsrun's own user namespace has",
  });
}
