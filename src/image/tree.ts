/** The tree that layers have become so far, looked at while it is written. Paths have a character a byte. */
import { Buffer } from "node:buffer";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { type Entry, entries } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { joinPath } from "./names.ts";
import { placeOf } from "./partial.ts";
import type { Records } from "./records.ts";
import { openInside } from "./root-files.ts";

/** A folder that {@link Records} are written below. */
export class Tree {
  readonly #dir: string;
  readonly #records: Records;

  constructor(dir: string, records: Records) {
    this.#dir = dir;
    this.#records = records;
  }

  /** Whether a path leads to something. */
  has(path: string): boolean {
    return this.#open(path, O.PATH) !== undefined;
  }

  /** Where what is at a path is, if that is a link where it leads; `undefined` where nothing is. */
  find(path: string): string | undefined {
    if (this.#open(path, O.PATH | O.NOFOLLOW | O.DIRECTORY) !== undefined) return path;
    const [found, top] = [this.#resolve(path), this.#resolve(".")];
    if (found !== undefined && top !== undefined) return found.slice(top.length + 1);
    return this.#open(path, O.PATH | O.NOFOLLOW) === undefined ? undefined : path;
  }

  /** Removes what is in a folder, but for what is to be kept; no link is followed. Whether there is such a folder. */
  clear(path: string, isKept: (path: string) => boolean): boolean {
    const found = this.#open(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    for (const { name, kind } of found ?? []) {
      const below = joinPath(path, name);
      if (!isKept(below)) this.#records.remove(below);
      else if (kind === "dir" || kind === "other") this.clear(below, isKept);
    }
    return found !== undefined;
  }

  /** What is in a folder, where it is opened for reading; `undefined` where the path leads to nothing. */
  #open(path: string, flags: number): readonly Entry[] | undefined {
    this.#records.settle();
    const found = openInside(this.#dir, path, flags);
    if (found === undefined) return undefined;
    try {
      if ((flags & O.PATH) !== 0) return [];
      return entries(placeOf(found), (bytes) => Buffer.from(bytes).toString("latin1"));
    } finally {
      found.close();
    }
  }

  #resolve(path: string): string | undefined {
    const out = Buffer.alloc(2 * 4096);
    const name = Buffer.from(`${path}\0`, "latin1");
    const length = lib().ts_resolve(cstring(this.#dir), name, 1, out, out.length);
    return length < 0 ? undefined : out.toString("latin1", 0, length);
  }
}
