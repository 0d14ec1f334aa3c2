/** Removing what an ordinary user has unpacked: some of it may belong to ids of his ranges, which only their namespace may touch. */
import { SystemError } from "../error.ts";
import { ownMaps, startMapped } from "../spawn/mapped.ts";
import { privilege } from "../sys/privilege.ts";
import { exitOf } from "../sys/process.ts";
import { removeTree } from "../sys/remove.ts";

/** Removes a file or folder with all that is in it; nothing there is no error. @throws SystemError */
export function removeUnpacked(path: string): void {
  try {
    removeTree(path);
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
