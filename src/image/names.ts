/**
 * Names in an archive. They are bytes, which need not be UTF-8: everywhere in this room a name is a string of one character
 * a byte (latin1). Pure.
 */
import { ImageError, shownName } from "./error.ts";

/** PATH_MAX without the NUL. */
const LONGEST = 4095;
/** NAME_MAX */
const LONGEST_PART = 255;

/**
 * An entry's name as a path below the root, without leading or doubled slashes and dots; `""` is the root itself.
 * @throws ImageError `unsafe` for `..` and NUL, `limit` where no file can be called so
 */
export function cleanName(name: string): string {
  if (name.includes("\0"))
    throw new ImageError("unsafe", `the entry ${shownName(name)} has a NUL in its name`);
  // As tar writes them: ./usr/bin/
  const short = name.slice(name.startsWith("./") ? 2 : 0, name.endsWith("/") ? -1 : undefined);
  if (!/(?:^|\/)(?:\.{1,2})?(?:\/|$)/.test(short) && short.length <= LONGEST_PART) return short;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      throw new ImageError(
        "unsafe",
        `the entry ${shownName(name)} leads out of the folder it is unpacked in: its name has ..`,
        "no image needs such a name: don't use it",
      );
    }
    if (part.length > LONGEST_PART) {
      throw new ImageError(
        "limit",
        `a part of the name ${shownName(name)} is longer than ${LONGEST_PART} bytes`,
      );
    }
    parts.push(part);
  }
  const path = parts.join("/");
  if (path.length > LONGEST) {
    throw new ImageError("limit", `the name ${shownName(name)} is longer than ${LONGEST} bytes`);
  }
  return path;
}

/** The folder of a clean path (`""` is the root), and its last part. */
export function splitPath(path: string): readonly [folder: string, base: string] {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/** A name in a folder, both clean. */
export function joinPath(folder: string, base: string): string {
  return folder === "" ? base : `${folder}/${base}`;
}

/** What a last part of a layer's entry says of lower layers (image-spec layer.md, Whiteouts). */
export type Whiteout =
  | { readonly kind: "none" }
  /** The folder's content in lower layers is gone. */
  | { readonly kind: "opaque" }
  /** This name in lower layers is gone. */
  | { readonly kind: "remove"; readonly base: string }
  /** A note of AUFS, which first had whiteouts, for itself. */
  | { readonly kind: "note" };

const NONE: Whiteout = { kind: "none" };

/** Reads the last part of a name. @throws ImageError `unsafe` where what is to be removed is no name */
export function whiteoutOf(base: string): Whiteout {
  if (!base.startsWith(".wh.")) return NONE;
  if (base === ".wh..wh..opq") return { kind: "opaque" };
  if (base.startsWith(".wh..wh.")) return { kind: "note" };
  const removed = base.slice(4);
  if (removed === "" || removed === "." || removed === "..") {
    throw new ImageError("unsafe", `the whiteout ${shownName(base)} names nothing that a layer can remove`);
  }
  return { kind: "remove", base: removed };
}
