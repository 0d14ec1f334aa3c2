/**
 * What is being made has another name until it is whole: `.NAME.partial-PID` beside it, locked (flock) while its maker works.
 * Killed at any moment, it leaves nothing half done under the final name.
 */
import { readdirSync, renameSync } from "node:fs";
import { SystemError } from "../error.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, performAll } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { ids, kill } from "../sys/process.ts";
import { ImageError } from "./error.ts";
import { removeUnpacked } from "./remove.ts";

/** The names of what is being made, or was when its maker was killed: the final name, and the maker's pid. */
export const PARTIAL = /^\.(.+)\.partial-([0-9]+)$/;

/** A folder that is being made. */
export class PartialFolder {
  readonly path: string;
  readonly #final: string;
  readonly #lock: Handle;

  private constructor(path: string, final: string, lock: Handle) {
    this.path = path;
    this.#final = final;
    this.#lock = lock;
  }

  /** Makes the folder, of this mode, and removes what killed ones left for the same name. @throws SystemError */
  static make(final: string, mode: number): PartialFolder {
    const slash = final.lastIndexOf("/");
    const [parent, name] = [final.slice(0, slash) || "/", final.slice(slash + 1)];
    clearAbandoned(parent, name);
    const path = `${parent}/.${name}.partial-${ids().pid}`;
    performAll([{ do: "mkdir", path, mode }]);
    const lock = Handle.open(path, O.RDONLY | O.DIRECTORY);
    lock.tryLock("exclusive");
    return new PartialFolder(path, final, lock);
  }

  /** Gives it its name, where nothing or an empty folder is. @throws ImageError `exists` */
  commit(): void {
    try {
      renameSync(this.path, this.#final);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "EIO";
      if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR") {
        throw new ImageError(
          "exists",
          `there is something at ${this.#final} already`,
          "name a folder that is not there yet",
        );
      }
      throw new SystemError("rename", code, this.#final);
    }
    this.#lock.close();
  }

  /** Removes it. @throws SystemError */
  discard(): void {
    removeUnpacked(this.path);
    this.#lock.close();
  }
}

/** Removes what killed makers left in a folder, of one final name or of all; answers the names. @throws SystemError */
export function clearAbandoned(parent: string, final?: string): readonly string[] {
  const removed: string[] = [];
  for (const name of readdirSync(parent)) {
    const [, of, pid] = PARTIAL.exec(name) ?? [];
    if (of === undefined || (final !== undefined && of !== final)) continue;
    if (!isAbandoned(`${parent}/${name}`, Number(pid))) continue;
    removeUnpacked(`${parent}/${name}`);
    removed.push(name);
  }
  return removed;
}

/** Whether the maker of a partial folder is gone. Its pid alone would not tell: it may be of another pid namespace, or used again. */
export function isAbandoned(path: string, pid: number): boolean {
  const fd = lib().ts_open(cstring(path), O.RDONLY | O.NONBLOCK | O.NOFOLLOW, 0);
  if (fd < 0) return false;
  const folder = new Handle(fd);
  try {
    // Between its making and its locking its maker lives.
    return folder.tryLock("exclusive") && (pid === ids().pid || !lives(pid));
  } finally {
    folder.close();
  }
}

function lives(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch {
    // Somebody else's.
    return true;
  }
}
