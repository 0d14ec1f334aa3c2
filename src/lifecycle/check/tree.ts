/**
 * The container's files as they will be, seen before there is a container: the root filesystem, and over parts of it what
 * the plan mounts there. Where that is a filesystem which does not exist yet, nothing can be known.
 */
import { cleanPath } from "../../plan/paths.ts";
import { kindOf, status } from "../../sys/files.ts";
import { resolveIn } from "../../sys/inspect.ts";

/** What a look at a path of the container finds: a path of the host without links, why there is nothing, or no answer. */
export type Look =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "error"; readonly errno: string }
  | { readonly kind: "unknown" };

interface Cover {
  /** In the container. */
  readonly target: string;
  /** On the host, for a bind. */
  readonly source: string | undefined;
}

const UNKNOWN: Look = { kind: "unknown" };

/** The files. */
export class Tree {
  /** The root filesystem on the host, without links. */
  readonly root: string;
  readonly #covers: Cover[] = [];

  constructor(root: string) {
    const real = resolveIn("/", root);
    this.root = "path" in real ? real.path : root;
  }

  /** Something is mounted at a path from now on; a bind shows what lies at `source`. */
  cover(target: string, source?: string): void {
    const clean = cleanPath(target);
    const real = this.look(clean);
    this.#covers.push({ target: clean, source });
    if (real.kind !== "found" || this.isCovered(clean, 1)) return;
    const inside = this.#inside(real.path);
    if (inside !== undefined && inside !== clean) this.#covers.push({ target: inside, source });
  }

  /** Whether something was mounted exactly here; `before` leaves out the latest ones. */
  isCovered(target: string, before = 0): boolean {
    const clean = cleanPath(target);
    return this.#covers.slice(0, this.#covers.length - before).some((cover) => cover.target === clean);
  }

  /** Where a path leads. */
  look(path: string, depth = 0): Look {
    const clean = cleanPath(path);
    if (depth > 8) return UNKNOWN;
    const cover = this.#covers.findLast(({ target }) => rest(target, clean) !== undefined);
    if (cover !== undefined) return lookInside(cover, clean);
    const real = resolveIn(this.root, clean);
    if ("path" in real) {
      const inside = this.#inside(real.path);
      if (inside === undefined || inside === clean) return { kind: "found", path: real.path };
      const covered = this.#covers.some(({ target }) => rest(target, inside) !== undefined);
      return covered ? this.look(inside, depth + 1) : { kind: "found", path: real.path };
    }
    return this.#lookBehindLinks(clean, real.errno, depth);
  }

  /** A path that leads nowhere in the root filesystem may lead on in what is mounted over it, by way of a link. */
  #lookBehindLinks(clean: string, errno: string, depth: number): Look {
    const error: Look = { kind: "error", errno };
    if (this.#covers.length === 0 || errno !== "ENOENT") return error;
    for (let at = clean.lastIndexOf("/"); at >= 0; at = clean.lastIndexOf("/", at - 1)) {
      const prefix = at === 0 ? "/" : clean.slice(0, at);
      const real = resolveIn(this.root, prefix);
      if (!("path" in real)) continue;
      const below = clean.slice(at + 1);
      const next = `${prefix === "/" ? "" : prefix}/${below.split("/")[0] ?? ""}`;
      // A link that leads nowhere yet.
      if ("path" in resolveIn(this.root, next, false)) return UNKNOWN;
      const inside = this.#inside(real.path);
      const moved = inside === undefined ? clean : cleanPath(`${inside}/${below}`);
      return moved === clean ? error : this.look(moved, depth + 1);
    }
    return error;
  }

  /** A host path as the container's, where it lies in the root filesystem. */
  #inside(path: string): string | undefined {
    const inner = rest(this.root, path);
    return inner === undefined ? undefined : `/${inner}`;
  }
}

function lookInside({ target, source }: Cover, clean: string): Look {
  const inner = rest(target, clean) ?? "";
  if (source === undefined) return UNKNOWN;
  if (inner === "") return kindOf(source) === "missing" ? UNKNOWN : { kind: "found", path: source };
  if (kindOf(source) !== "dir") return { kind: "error", errno: "ENOTDIR" };
  const real = resolveIn(source, inner);
  if ("path" in real) return { kind: "found", path: real.path };
  // An absolute link in there means the container's root, which this look at the source alone does not see.
  return real.errno === "ENOENT" &&
    status(`${source}/${inner}`, false) === undefined &&
    !hasLinks(source, inner)
    ? { kind: "error", errno: "ENOENT" }
    : UNKNOWN;
}

function hasLinks(folder: string, inner: string): boolean {
  let path = folder;
  for (const part of inner.split("/")) {
    path += `/${part}`;
    if (status(path, false)?.kind === "symlink") return true;
  }
  return false;
}

/** The part of `path` below `folder`, `""` for the folder itself, `undefined` where it lies elsewhere. Pure. */
export function rest(folder: string, path: string): string | undefined {
  if (folder === "/") return path.slice(1);
  if (path === folder) return "";
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
