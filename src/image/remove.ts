/** Removing what an ordinary user has unpacked: some of it may belong to ids of his ranges, which only their namespace may touch. */
import { SystemError } from "../error.ts";
import { ownMaps, startMapped } from "../spawn/mapped.ts";
import type { Handle } from "../sys/files.ts";
import { privilege } from "../sys/privilege.ts";
import { exitOf } from "../sys/process.ts";
import { removeTree } from "../sys/remove.ts";

/** {@link removeTree}, of what belongs to the caller's ranges of ids too. @throws SystemError */
export function removeUnpacked(path: string, known?: Handle): void {
  try {
    removeTree(path, known);
  } catch (error) {
    const denied = error instanceof SystemError && (error.errno === "EACCES" || error.errno === "EPERM");
    if (!denied || privilege() !== "user" || !removeMapped(path)) throw error;
  }
}

function removeMapped(path: string): boolean {
  const maps = ownMaps();
  if ("why" in maps) return false;
  const child = startMapped(["/bin/rm", "-rf", "--", path], maps);
  if ("why" in child) return false;
  child.awaitExit(-1);
  const status = child.reap();
  child.close();
  return status !== undefined && "code" in exitOf(status) && status === 0;
}
