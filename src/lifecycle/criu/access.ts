/** The image's files as those see them who open them: in a user namespace that is the container's root. */
import type { Bundle } from "../../bundle/types.ts";
import { SystemError } from "../../error.ts";
import { isNew } from "../../plan/namespaces.ts";
import { type Handle, status } from "../../sys/files.ts";
import { errnoName, lib } from "../../sys/lib.ts";
import type { ImageChain } from "./image.ts";
import { pathOf } from "./staging.ts";

/**
 * Lets the root of the container's new user namespace search the image's folder, and those of its parents, which a checkpoint makes
 * for root alone. Nobody else gets in: a folder whose group has no permissions becomes that group's. What is in it is the
 * container's own memory; the logs in it stay root's.
 *
 * @throws SystemError where the folder cannot be changed, or has another group's permissions
 */
export function openImageToRoot(bundle: Bundle, chain: ImageChain): void {
  if (!isNew(bundle, "user")) return;
  const uid = rootOf(bundle.linux.uidMappings);
  const gid = rootOf(bundle.linux.gidMappings);
  // criu cannot work there without a root, and says so.
  if (uid === undefined || gid === undefined) return;
  for (const { path, handle } of chain.folders) {
    const found = status(pathOf(handle));
    if (found === undefined) return;
    const bits = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
    if ((found.mode & bits) === 0) share(path, handle, gid, found.mode);
  }
}

function rootOf(mappings: Bundle["linux"]["uidMappings"]): number | undefined {
  return mappings.find(({ containerID }) => containerID === 0)?.hostID;
}

function share(path: string, { fd }: Handle, gid: number, mode: number): void {
  const answer = (mode & 0o070) === 0 ? lib().ts_give_group(fd, gid | 0, mode | 0o010) : EACCES;
  if (answer >= 0) return;
  throw new SystemError("chmod", errnoName(-answer), path, {
    doing: `let the container's root, group ${gid}, search the folder of the image`,
    hint: `criu opens the image as the container's root: chmod a+x ${path}`,
  });
}

const EACCES = -13;
