/**
 * Where criu writes: a folder of tsrun's own inside the folder that the caller names, which anybody may have filled with links. criu
 * opens its files by name and follows links, so it gets a folder in which there are none; what it has written is then moved to its
 * place by renames, which replace a link and never follow it.
 */
import { SystemError, TsrunError } from "../../error.ts";
import { O } from "../../sys/constants.gen.ts";
import { entries, Handle, performAll, status } from "../../sys/files.ts";
import { ids } from "../../sys/process.ts";
import { removeTree } from "../../sys/remove.ts";
import type { Folder } from "./options.ts";

/** The socket of criu's daemon for lazy pages, which waits in the folder of its work. */
const LAZY_SOCKET = "lazy-pages.socket";

/** A handle's folder, whatever has become of its name. */
export function pathOf({ fd }: Handle): string {
  return `/proc/self/fd/${fd}`;
}

/** One such folder. */
export class Staging implements Folder {
  readonly path: string;
  readonly handle: Handle;
  readonly #target: Folder;
  readonly #name: string;
  #gone = false;

  private constructor(target: Folder, name: string, handle: Handle) {
    this.#target = target;
    this.#name = name;
    this.path = `${target.path}/${name}`;
    this.handle = handle;
  }

  /** Makes it. A tsrun that is killed leaves it, as `tsrun gc FOLDER` knows by the name. @throws SystemError */
  static in(target: Folder): Staging {
    const name = `.criu.partial-${ids().pid}`;
    const path = `${pathOf(target.handle)}/${name}`;
    removeTree(path);
    performAll([{ do: "mkdir", path, mode: 0o700 }]);
    const handle = Handle.open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    const found = status(pathOf(handle));
    // Whoever may rename in the target may have put another in its place.
    if (found?.uid === ids().euid && found.mode === 0o700 && handle.tryLock("exclusive"))
      return new Staging(target, name, handle);
    handle.close();
    throw new SystemError("open", "EPERM", path, {
      doing: `make a folder in ${target.path}, which somebody else is changing`,
      hint: "name a folder that nobody else may write to",
    });
  }

  /** Whether it has been taken away. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Lets criu find the socket of its daemon. @throws SystemError */
  linkLazySocket(): void {
    const path = `${pathOf(this.handle)}/${LAZY_SOCKET}`;
    performAll([{ do: "symlink", path, to: `../${LAZY_SOCKET}` }]);
  }

  /** The path of an image of criu's that is relative to the target, as seen from here. */
  static seen(parent: string): string {
    return `../${parent}`;
  }

  /**
   * Moves what is here to its place; folders, which criu mounts upon, are nothing of the image.
   *
   * @param parent what the image's link to its parent says there
   * @throws SystemError
   */
  publish(wanted: (name: string) => boolean = () => true, parent?: string): void {
    const [here, there] = [pathOf(this.handle), pathOf(this.#target.handle)];
    for (const { name, kind } of entries(here)) {
      if (kind === "dir" || name === LAZY_SOCKET || !wanted(name)) continue;
      const path = `${here}/${name}`;
      if (kind === "symlink" && parent !== undefined) {
        performAll([
          { do: "unlink", path },
          { do: "symlink", path, to: parent },
        ]);
      }
      performAll([{ do: "rename", path, to: `${there}/${name}` }]);
    }
  }

  /** A log that criu writes here: where it is now, and where it will be. */
  log(name: string): { readonly written: string; readonly kept: string } {
    return { written: `${pathOf(this.handle)}/${name}`, kept: `${this.#target.path}/${name}` };
  }

  /** Takes it away. @throws SystemError */
  remove(): void {
    this.#gone = true;
    removeTree(`${pathOf(this.#target.handle)}/${this.#name}`);
    this.handle.close();
  }
}

/** Does what follows a failure, and tells of what fails then beside it; without one it is a failure of its own. */
export function afterwards(error: unknown, deed: () => void): void {
  try {
    deed();
  } catch (later) {
    if (!(error instanceof TsrunError) || !(later instanceof Error)) throw error ?? later;
    error.followedBy.push(later);
  }
}
