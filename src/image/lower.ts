/**
 * The layers below one in an overlay, read as the kernel will show them merged: where the folders are that a layer has files in, but
 * no entry for. The kernel merges folders by their names alone, and shows the topmost's mode and owner.
 */
import { Buffer } from "node:buffer";
import { type BigIntStats, lstatSync, readlinkSync } from "node:fs";
import { ImageError, shownName } from "./error.ts";
import { joinPath, splitPath } from "./names.ts";
import type { LayerFacts } from "./store-files.ts";

/** A layer's tree, and the folders of it that hide what is below them. */
export interface LowerTree {
  readonly tree: string;
  readonly opaque: ReadonlySet<string>;
}

/** What a layer has to know of a folder that it has files in, but no entry for. */
export interface Move {
  /** Its path without links. */
  readonly to: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** mtime */
  readonly seconds: number;
}

type Found =
  | { readonly kind: "none" }
  | {
      readonly kind: "dir" | "link" | "file";
      readonly tree: string;
      readonly at: Buffer;
      readonly is: BigIntStats;
    };

const NONE: Found = { kind: "none" };

/** How many links lead to a folder at most, as the kernel's 40. */
const MOST_LINKS = 40;

/** Layers, the topmost first. */
export class LowerLayers {
  readonly #trees: readonly LowerTree[];

  constructor(trees: readonly LowerTree[]) {
    this.#trees = trees;
  }

  /**
   * The folders among these that a layer by itself would have elsewhere, or with another mode or owner: none of nearly every layer.
   *
   * @param layer what is known of it
   * @param root whose folders are that nobody has told of
   * @throws ImageError `unsafe` where one lies behind something that is no folder
   */
  moves(
    layer: Pick<LayerFacts, "implied" | "needed" | "opaque">,
    root: { readonly uid: number; readonly gid: number },
  ): ReadonlyMap<string, Move> {
    const moves = new Map<string, Move>();
    const asked = new Set<string>();
    const [needed, opaque] = [new Set(layer.needed), new Set(layer.opaque)];
    const todo = [...layer.implied];
    for (const name of todo) {
      const path = placeIn(moves, name);
      if (asked.has(path)) continue;
      asked.add(path);
      const move = this.#moveOf(path, opaque.has(path));
      if (move === undefined && needed.has(name)) throw behind(path);
      if (move === undefined) continue;
      const usual = move.mode === 0o755 && move.uid === root.uid && move.gid === root.gid;
      if (move.to === path && usual) continue;
      moves.set(path, move);
      if (move.to !== path) for (const at of foldersOf(move.to)) todo.push(at);
    }
    return moves;
  }

  /** Where what the layers show at a path is, links followed: a tree and the path in it; `undefined` where there is nothing. */
  find(path: string): { readonly tree: string; readonly path: string } | undefined {
    try {
      const real = this.#target("", path, 0);
      const found = this.#look(real);
      return found.kind === "none" ? undefined : { tree: found.tree, path: real };
    } catch (error) {
      if (error instanceof ImageError) return undefined;
      throw error;
    }
  }

  /** A folder of the layers; `undefined` where there is none. @param hidden whether the layer hides what is there @throws ImageError `unsafe` */
  #moveOf(path: string, hidden: boolean): Move | undefined {
    let found = this.#look(path);
    if (found.kind === "none" || (found.kind === "file" && hidden)) return undefined;
    let to = path;
    if (found.kind === "link") {
      to = this.#target(splitPath(path)[0], linkAt(found.at), 1);
      found = this.#look(to);
    }
    if (found.kind !== "dir") throw behind(path);
    const { mode, uid, gid, mtimeNs } = found.is;
    return {
      to,
      mode: Number(mode) & 0o7777,
      uid: Number(uid),
      gid: Number(gid),
      seconds: Number(mtimeNs / 1_000_000_000n),
    };
  }

  /** Where a path leads from a folder, all links followed. @throws ImageError `unsafe` where it leads to nothing */
  #target(folder: string, path: string, followed: number): string {
    let [at, links] = [path.startsWith("/") ? "" : folder, followed];
    let rest: readonly string[] = path.split("/");
    while (rest.length > 0) {
      const [part = "", ...more] = rest;
      rest = more;
      if (part === "" || part === ".") continue;
      const next = part === ".." ? splitPath(at)[0] : joinPath(at, part);
      const found: Found | undefined = next === "" ? undefined : this.#look(next);
      if (found?.kind === "link") {
        const link = linkAt(found.at);
        if (link.startsWith("/")) at = "";
        rest = [...link.split("/"), ...rest];
        links++;
      } else if (found?.kind === "none" || (found?.kind === "file" && rest.length > 0)) throw behind(path);
      else at = next;
      if (links > MOST_LINKS) throw behind(path);
    }
    return at;
  }

  /** What the layers have at a path that has no links on the way. */
  #look(path: string): Found {
    const parts = path.split("/");
    for (const { tree, opaque } of this.#trees) {
      let hides = false;
      let at = "";
      for (const [index, part] of parts.entries()) {
        at = joinPath(at, part);
        const place = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(at, "latin1")]);
        const is = lstatSync(place, { throwIfNoEntry: false, bigint: true });
        if (is === undefined) break;
        // A whiteout (Documentation/filesystems/overlayfs.rst).
        if (is.isCharacterDevice() && is.rdev === 0n) return NONE;
        const kind = is.isDirectory() ? "dir" : is.isSymbolicLink() ? "link" : "file";
        if (index === parts.length - 1) return { kind, tree, at: place, is };
        // What is no folder hides those of the same name.
        if (kind !== "dir") return NONE;
        hides ||= opaque.has(at);
      }
      if (hides) return NONE;
    }
    return NONE;
  }
}

function linkAt(place: Buffer): string {
  return readlinkSync(place, { encoding: "buffer" }).toString("latin1");
}

/** A path below folders that are elsewhere. */
function placeIn(moves: ReadonlyMap<string, Move>, path: string): string {
  const [above, base] = splitPath(path);
  if (above === "") return path;
  const folder = placeIn(moves, above);
  return joinPath(moves.get(folder)?.to ?? folder, base);
}

/** A path's folders and itself, the outermost first. */
function foldersOf(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** The words of an entry that cannot be unpacked there (src/image/record.ts). */
function behind(path: string): ImageError {
  return new ImageError(
    "unsafe",
    `the folder ${shownName(path)} of a layer lies behind something that is no folder in the image`,
  );
}
