/**
 * What a layer does to those under it (image-spec layer.md, Whiteouts): in one tree it is done at once, in an overlay's layer it is
 * noted for the kernel (Documentation/filesystems/overlayfs.rst, whiteouts and opaque directories).
 */
import { Buffer } from "node:buffer";
import type { Below } from "./folders.ts";
import type { Move } from "./lower.ts";
import { encodeXattrs, type Facts } from "./record.ts";
import type { Records } from "./records.ts";
import type { LayerFacts } from "./store-files.ts";
import type { Tree } from "./tree.ts";

/** The layers under one that is being unpacked. */
export interface Under extends Below {
  /** A name of theirs is gone. */
  remove(path: string): void;
  /** What they have in a folder is gone; `isKept` tells what the layer itself has made there. */
  hide(path: string, isKept: (path: string) => boolean): void;
  /** The layer has an entry for a folder. */
  made(path: string): void;
}

/** Who makes folders, with what they get last. */
export type MakeFolder = (facts: Facts) => void;

/** The tree that they have become. */
export class MergedLayers implements Under {
  readonly follow = false;
  readonly #tree: Tree;
  readonly #records: Records;
  readonly #make: MakeFolder;

  constructor(tree: Tree, records: Records, make: MakeFolder) {
    this.#tree = tree;
    this.#records = records;
    this.#make = make;
  }

  find(path: string): string {
    const found = this.#tree.find(path);
    if (found === undefined) this.#make({ path });
    return found ?? path;
  }

  remove(path: string): void {
    this.#records.remove(path);
  }

  hide(path: string, isKept: (path: string) => boolean): void {
    if (!this.#tree.clear(path, isKept)) this.#make({ path });
  }

  made(): void {}
}

/** Layers that are not seen yet. */
export class UnseenLayers implements Under {
  readonly follow = true;
  readonly #records: Records;
  readonly #make: MakeFolder;
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #mark: Buffer;
  readonly #moves: ReadonlyMap<string, Move>;
  readonly #implied: string[] = [];
  readonly #needed: string[] = [];
  readonly #opaque: string[] = [];
  readonly #removed = new Set<string>();
  /** Folders that have their facts. */
  readonly #known = new Set<string>();

  /**
   * @param owner of whiteouts
   * @param user whether the marks are such as an ordinary user can set
   * @param moves where those layers have folders otherwise, as far as that is known
   */
  constructor(
    records: Records,
    make: MakeFolder,
    owner: { readonly uid: number; readonly gid: number },
    user: boolean,
    moves: ReadonlyMap<string, Move> | undefined,
  ) {
    this.#records = records;
    this.#make = make;
    this.#owner = owner;
    this.#mark = encodeXattrs([[`${user ? "user" : "trusted"}.overlay.opaque`, Buffer.from("y")]]);
    this.#moves = moves ?? new Map();
  }

  /** What has to be known of the layer once they are. */
  get relations(): Pick<LayerFacts, "implied" | "needed" | "opaque"> {
    return { implied: this.#implied, needed: this.#needed, opaque: this.#opaque };
  }

  find(path: string, own: boolean): string {
    if (this.#removed.has(path)) {
      this.#makeKnown({ path });
      return path;
    }
    this.#implied.push(path);
    if (own) this.#needed.push(path);
    const move = this.#moves.get(path);
    if (move?.to === path) this.#makeKnown({ ...move, path });
    return move?.to ?? path;
  }

  remove(path: string): void {
    this.#removed.add(path);
    this.#records.node({ path, mode: 0o020000, ...this.#owner });
  }

  hide(path: string): void {
    if (path !== "" && !this.#known.has(path)) this.#makeKnown({ path });
    this.#markOpaque(path);
  }

  made(path: string): void {
    this.#known.add(path);
    // What has been removed and made anew is not what it was.
    if (this.#removed.delete(path)) this.#markOpaque(path);
  }

  #makeKnown(facts: Facts): void {
    this.#make(facts);
    this.made(facts.path);
  }

  #markOpaque(path: string): void {
    this.#opaque.push(path);
    if (path !== "") this.#records.xattrs({ path, xattrs: this.#mark });
  }
}
