/**
 * The files of an image before criu opens them. Whoever made an image decides what its container does, but not which files of the host
 * criu reads or changes as root: a link among them would put any file into the container's memory.
 */
import { LaunchError } from "../../error.ts";
import { O } from "../../sys/constants.gen.ts";
import { entries, Handle, status } from "../../sys/files.ts";
import { lib } from "../../sys/lib.ts";
import type { Folder, Folders } from "./options.ts";
import { pathOf } from "./staging.ts";

/** As many images are followed one behind the other: each has what has changed since its parent. */
const MOST_PARENTS = 1000;

const PARENT = "parent";

/** An image and those that it is built upon. */
export class ImageChain {
  /** The image itself first. */
  readonly folders: readonly Folder[];

  private constructor(folders: readonly Folder[]) {
    this.folders = folders;
  }

  /** Looks at the files of an image and of its parents. @throws LaunchError `criu`; SystemError */
  static open(image: Folder): ImageChain {
    const folders: Folder[] = [];
    try {
      let next: Folder | undefined = reopened(image);
      while (next !== undefined) {
        folders.push(next);
        next = checked(next);
        if (next !== undefined && folders.length === MOST_PARENTS)
          throw odd(next.path, "is the last of too many parents");
      }
      return new ImageChain(folders);
    } catch (error) {
      for (const { handle } of folders) handle.close();
      throw error;
    }
  }

  close(): void {
    for (const { handle } of this.folders) handle.close();
  }

  /**
   * The folders for criu, the image's such that the kernel follows no link in it, whatever becomes of its files meanwhile. Not where it
   * has a parent, which criu finds by a link, nor before Linux 5.14.
   */
  plain(seen: Folders): Folders {
    const [image, parent] = this.folders;
    const tree = image === undefined || parent !== undefined ? -1 : lib().ts_plain_tree(image.handle.fd);
    if (tree < 0) return seen;
    seen.image.handle.close();
    return { image: { path: seen.image.path, handle: new Handle(tree) }, work: seen.work };
  }
}

function reopened({ path, handle }: Folder): Folder {
  return { path, handle: Handle.open(pathOf(handle), O.RDONLY | O.DIRECTORY) };
}

/** Its parent, where it has one. */
function checked({ path, handle }: Folder): Folder | undefined {
  const here = pathOf(handle);
  let parent: Folder | undefined;
  for (const { name, kind } of entries(here)) {
    if (name === PARENT)
      parent = { path: `${path}/${PARENT}`, handle: openParent(`${path}/${PARENT}`, here) };
    else if (name.endsWith(".img") && kind !== "file" && status(`${here}/${name}`, false)?.kind !== "file") {
      parent?.handle.close();
      throw odd(
        `${path}/${name}`,
        kind === "symlink" ? "is a link, which criu would follow" : "is no regular file",
      );
    }
  }
  return parent;
}

/** Every image that can be a parent has memory, so that a link leads nowhere else. */
function openParent(path: string, above: string): Handle {
  const name = `${above}/${PARENT}`;
  if (status(name)?.kind !== "dir") throw odd(path, "leads to no folder");
  const handle = Handle.open(name, O.RDONLY | O.DIRECTORY);
  if (entries(pathOf(handle)).some((entry) => /^pagemap-.*\.img$/.test(entry.name))) return handle;
  handle.close();
  throw odd(path, "leads to a folder that is no image");
}

function odd(path: string, what: string): LaunchError {
  return new LaunchError("criu", `${path} ${what}`, { hint: "the image is not one that a checkpoint wrote" });
}
