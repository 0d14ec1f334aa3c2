/**
 * The folders that a layer's entries lie in. A layer need not have an entry for each: then it is the lower layers' folder, which may
 * be a link there, and the entries go where that leads. So it is in one tree, and in an overlay of trees too. Pure.
 */
import { ImageError, shownName } from "./error.ts";
import { joinPath, splitPath } from "./names.ts";

/** Where a folder is. */
export interface Place {
  /** Its path, without links of lower layers on the way. */
  readonly path: string;
  /** Whether a link of this very layer leads there: nothing behind it is meant as the lower layers'. */
  readonly own: boolean;
  /** Whether a link of a lower layer leads there. */
  readonly moved: boolean;
}

const ROOT: Place = { path: "", own: false, moved: false };

/** How many links lead to a folder at most, as the kernel's 40. */
const MOST_LINKS = 40;

/** What {@link Folders} has to be told of. */
export interface Below {
  /** Where a folder without an entry is: at its own path, or where a link leads. `own` as in {@link Place}. */
  find(path: string, own: boolean): string;
  /** Whether links of this layer are to be followed here, since they may lead to folders that only lower layers have. */
  readonly follow: boolean;
}

/** What one layer has made so far. */
export class Folders {
  readonly #below: Below;
  /** Paths of this layer, and the folders that they lie in. */
  readonly #made = new Set<string>([""]);
  readonly #links = new Map<string, string>();
  /** By the names that entries have. */
  readonly #places = new Map<string, Place>();
  #followed = 0;

  constructor(below: Below) {
    this.#below = below;
  }

  /** Whether this layer has made it. */
  has(path: string): boolean {
    return this.#made.has(path);
  }

  /** An entry's folder. @throws ImageError `unsafe` where links lead to links without an end */
  of(folder: string): Place {
    this.#followed = 0;
    return this.#of(folder);
  }

  /** Keeps in mind what an entry makes, `link` being where it leads. */
  note(path: string, link: string | undefined): void {
    // What has been found before may have led over what this replaces.
    const known = this.#places.get(path);
    const replaces =
      link === undefined
        ? known?.moved === true || this.#links.has(path)
        : known !== undefined || this.#made.has(path);
    if (replaces) this.#places.clear();
    if (link === undefined) this.#links.delete(path);
    else this.#links.set(path, link);
    this.#add(path);
  }

  #add(path: string): void {
    for (let at = path; !this.#made.has(at); at = splitPath(at)[0]) this.#made.add(at);
  }

  #of(folder: string): Place {
    if (folder === "") return ROOT;
    const known = this.#places.get(folder);
    if (known !== undefined) return known;
    const [above, base] = splitPath(folder);
    const place = this.#step(this.#of(above), base);
    this.#places.set(folder, place);
    return place;
  }

  #step(above: Place, base: string): Place {
    const { own, moved } = above;
    const path = joinPath(above.path, base);
    const link = this.#links.get(path);
    if (link !== undefined) {
      return this.#below.follow ? this.#target(link, above) : { path, own: true, moved };
    }
    if (this.#made.has(path)) return { path, own, moved };
    const found = this.#below.find(path, own);
    if (found === path) {
      this.#add(path);
      return { path, own, moved };
    }
    // Its folders, too, are ones without an entry.
    let at = ROOT;
    for (const part of found.split("/")) if (part !== "") at = this.#step(at, part);
    return { path: at.path, own: own || at.own, moved: true };
  }

  #target(link: string, from: Place): Place {
    this.#followed++;
    if (this.#followed > MOST_LINKS) {
      throw new ImageError("unsafe", `the link to ${shownName(link)} leads from link to link without an end`);
    }
    let at = link.startsWith("/") ? ROOT : from;
    for (const part of link.split("/")) {
      if (part === "" || part === ".") continue;
      at = part === ".." ? { ...at, path: splitPath(at.path)[0] } : this.#step({ ...at, own: true }, part);
    }
    return { ...at, own: true };
  }
}
