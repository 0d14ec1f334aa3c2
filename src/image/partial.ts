/**
 * What is being made has another name until it is whole: `.NAME.partial-PID` beside it, locked (flock) while its maker works.
 * Killed at any moment, it leaves nothing half done under the final name. It may be made in a folder where others may rename and
 * replace names: so it is the caller's alone until then, and everything in it is reached by its descriptor.
 */
import { fchmodSync, mkdirSync, renameSync } from "node:fs";
import { SystemError } from "../error.ts";
import { removeLeftover, unfinishedIn } from "../state/leftovers.ts";
import { O } from "../sys/constants.gen.ts";
import { entries, Handle, type Status, status } from "../sys/files.ts";
import { ids } from "../sys/process.ts";
import { ImageError } from "./error.ts";
import { removeUnpacked } from "./remove.ts";

/** A name that leads to what is open, whatever other names it has by now (proc(5), /proc/PID/fd). */
export function placeOf(folder: Handle): string {
  return `/proc/self/fd/${folder.fd}`;
}

/**
 * Makes a folder: `fill` is given a path of it, and when it is done the folder gets its final mode and name, where nothing or an
 * empty folder is. Removes it where that fails, and before all what killed ones left for the same name.
 *
 * @throws ImageError `exists`, `unsafe` where somebody exchanges the folders; SystemError; what `fill` throws
 */
export async function makeWhole<Made>(
  final: string,
  mode: number,
  fill: (path: string) => Promise<Made>,
): Promise<Made> {
  const slash = final.lastIndexOf("/");
  const parent = Handle.open(final.slice(0, slash) || "/", O.PATH | O.DIRECTORY);
  try {
    const name = final.slice(slash + 1);
    clearAbandoned(placeOf(parent), name);
    return await fillIn(placeOf(parent), name, mode, fill);
  } catch (error) {
    throw named(error, placeOf(parent), final.slice(0, slash));
  } finally {
    parent.close();
  }
}

async function fillIn<Made>(
  parent: string,
  name: string,
  mode: number,
  fill: (path: string) => Promise<Made>,
): Promise<Made> {
  const path = `${parent}/.${name}.partial-${ids().pid}`;
  const folder = makeOwn(path);
  try {
    const made = await fill(placeOf(folder));
    fchmodSync(folder.fd, mode);
    rename(path, `${parent}/${name}`);
    if (!isSame(status(`${parent}/${name}`, false), status(placeOf(folder)))) throw exchanged(parent);
    return made;
  } catch (error) {
    removeUnpacked(path, folder);
    throw named(error, placeOf(folder), `${parent}/${name}`);
  } finally {
    folder.close();
  }
}

/** Makes a folder that is the caller's alone and locked, or has been made by nobody else than him. */
function makeOwn(path: string): Handle {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    throw new SystemError("mkdir", codeOf(error), path);
  }
  const folder = Handle.open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  const found = status(placeOf(folder));
  const ours = found?.uid === ids().euid && (found.mode & 0o777) === 0o700;
  if (ours && entries(placeOf(folder)).length === 0 && folder.tryLock("exclusive")) return folder;
  folder.close();
  throw exchanged(path.slice(0, path.lastIndexOf("/")));
}

/** Gives it its name. @throws ImageError `exists`; SystemError */
function rename(path: string, final: string): void {
  try {
    renameSync(path, final);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR") {
      throw new ImageError(
        "exists",
        `there is something at ${final} already`,
        "name a folder that is not there yet",
      );
    }
    throw new SystemError("rename", code, final);
  }
}

function isSame(a: Status | undefined, b: Status | undefined): boolean {
  return a !== undefined && a.inode === b?.inode && a.device === b.device;
}

function exchanged(parent: string): ImageError {
  return new ImageError(
    "unsafe",
    `somebody exchanges folders in ${parent} while tsrun works there`,
    "choose a folder in which nobody else may rename",
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "EIO";
}

/** The error with the name that its reader knows in the place of a descriptor's. */
function named(error: unknown, place: string, name: string): unknown {
  if (error instanceof Error) error.message = error.message.replaceAll(place, name);
  return error;
}

/** Removes what killed makers left in a folder, of one final name or of all. @throws SystemError */
export function clearAbandoned(parent: string, final?: string): void {
  for (const leftover of unfinishedIn(parent, final)) removeLeftover(leftover, removeUnpacked);
}
