/** User namespace id maps (user_namespaces(7)). */
import type { IdMapping } from "../bundle/types.ts";
import { SystemError } from "../error.ts";
import { perform } from "../sys/files.ts";

/** The lines of uid_map or gid_map. */
export function mapText(mappings: readonly IdMapping[]): string {
  return mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join("");
}

/**
 * Writes the maps of a process that waits in its new user namespace; root writes them itself.
 *
 * @throws SystemError
 */
export function writeMaps(pid: number, uid: readonly IdMapping[], gid: readonly IdMapping[]): void {
  const failure = perform([
    { do: "write", path: `/proc/${pid}/uid_map`, text: mapText(uid) },
    { do: "write", path: `/proc/${pid}/gid_map`, text: mapText(gid) },
  ]);
  if (failure === undefined) return;
  const [file, pointer] =
    failure.index === 0 ? ["uid_map", "/linux/uidMappings"] : ["gid_map", "/linux/gidMappings"];
  throw new SystemError(failure.syscall, failure.errno, `/proc/${pid}/${file}`, {
    doing: `write the container's ${file}`,
    pointer,
    hint: "the kernel takes at most 340 ranges, without overlaps, of ids that tsrun's own user namespace has",
  });
}
