/**
 * Layers become a tree (image-spec layer.md, Applying Changesets): one over the other into one folder, or each for itself as a
 * layer of an overlay.
 */

import { Buffer } from "node:buffer";
import { readdirSync } from "node:fs";
import type { LayerSink } from "./layers.ts";
import { cleanName, splitPath, whiteoutOf } from "./names.ts";
import { encodeXattrs, type Facts } from "./record.ts";
import { Records } from "./records.ts";
import { resolveBelow } from "./root-files.ts";
import type { TarEntry } from "./tar-header.ts";
import type { Lost, UnpackOptions } from "./unpack-options.ts";
import { sortXattrs } from "./xattrs.ts";

const TYPE = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Writes entries below a folder. {@link Unpacker.close} has to be called. */
export class Unpacker implements LayerSink {
  readonly #dir: string;
  readonly #options: UnpackOptions;
  readonly #records: Records;
  /** Folders by path, and what they get last. */
  readonly #folders = new Map<string, Facts>();
  /** The paths of this layer, where there is a lower one that its whiteouts are about. */
  #made: Set<string> | undefined;
  #layers = 0;
  /** The file whose content comes now, and whether some of it has been written. */
  #file: Facts | undefined;
  #size = 0;
  #begun = false;
  #lostXattrs = 0;
  #lostDevices = 0;

  constructor(dir: string, options: UnpackOptions) {
    this.#dir = dir;
    this.#options = options;
    this.#records = new Records(dir, options.owners.root);
    const { uid, gid } = options.owners.root;
    this.#records.xattrs({ path: "", uid, gid });
    this.#folders.set("", { path: "", mode: 0o755, seconds: now() });
  }

  /** What could not be kept so far. */
  get lost(): Lost {
    return {
      owners: this.#options.owners.lost,
      xattrs: this.#lostXattrs + this.#records.lostXattrs,
      devices: this.#lostDevices + this.#records.lostNodes,
    };
  }

  /** What follows is the next layer. */
  nextLayer(): void {
    this.#layers++;
    const over = this.#options.whiteouts === "apply" && this.#layers > 1;
    this.#made = over || this.#options.whiteouts.endsWith("overlay") ? new Set() : undefined;
  }

  begin(piece: Buffer): void {
    this.#records.from(piece);
  }

  pass(): void {
    this.#records.flush();
  }

  entry(entry: TarEntry): void {
    this.#options.budget.entry(entry);
    this.#file = undefined;
    const path = cleanName(entry.name);
    const [folder, base] = splitPath(path);
    if (this.#options.whiteouts !== "plain" && base.startsWith(".wh.")) {
      this.#whiteout(folder, base);
      return;
    }
    this.#note(path);
    if (path === "" && entry.kind !== "dir") return;
    this.#write(entry, path);
  }

  data(bytes: Buffer, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    if (!this.#begun && bytes.length === this.#size) {
      // All of it at once: nearly every file.
      this.#records.file(file, bytes);
      this.#file = undefined;
      return;
    }
    this.#beginFile(file);
    this.#records.data(file.path, bytes, offset);
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    if (this.#size === 0) this.#records.file(file);
    else {
      // Of a sparse file perhaps nothing is stored.
      this.#beginFile(file);
      this.#records.end({ ...file, offset: this.#size });
    }
    this.#file = undefined;
  }

  #beginFile({ path }: Facts): void {
    if (!this.#begun) this.#records.begin(path);
    this.#begun = true;
  }

  /** Makes a folder of root's where there is nothing. Only after the last layer. */
  folder(path: string): void {
    const clean = cleanName(path);
    if (clean === "" || this.#resolve(clean) !== undefined) return;
    const { uid, gid } = this.#options.owners.root;
    this.#records.dir({ path: clean, uid, gid });
    this.#folders.set(clean, { path: clean, mode: 0o755, seconds: now() });
  }

  /** After the last layer: folders get their modes and times, those deepest first. */
  finish(): void {
    const paths = [...this.#folders.keys()].sort().reverse();
    for (const path of paths) this.#records.folderTimes(this.#folders.get(path) ?? { path });
    this.#records.settle();
  }

  close(): void {
    this.#records.close();
  }

  #write(entry: TarEntry, path: string): void {
    const { kind, mode, seconds, nanoseconds } = entry;
    const { owners, devices } = this.#options;
    if ((kind === "char" || kind === "block") && !devices) {
      this.#lostDevices++;
      return;
    }
    if (kind === "link") {
      this.#records.link({ path, text: cleanName(entry.link) });
      return;
    }
    const root = owners.mapped ? { rootUid: owners.root.uid } : undefined;
    const { encoded, lost } = sortXattrs(entry.xattrs, root);
    this.#lostXattrs += lost;
    const { uid, gid } = owners.of(entry.uid, entry.gid);
    const facts = { path, mode, uid, gid, seconds, nanoseconds, xattrs: encoded };
    switch (kind) {
      case "dir":
        if (path === "") this.#records.xattrs(facts);
        else this.#records.dir(facts);
        this.#folders.set(path, { path, mode, seconds, nanoseconds });
        break;
      case "symlink":
        this.#records.symlink({ ...facts, text: cutAtNul(entry.link) });
        break;
      case "file":
        this.#file = facts;
        this.#size = entry.size;
        this.#begun = false;
        break;
      case "char":
      case "block":
      case "fifo":
        this.#records.node({ ...facts, mode: mode | TYPE[kind], major: entry.major, minor: entry.minor });
        break;
      default:
        kind satisfies never;
    }
  }

  /** Keeps in mind that this layer has a path, and the folders that it lies in. */
  #note(path: string): void {
    const made = this.#made;
    if (made === undefined) return;
    for (let at = path; !made.has(at); at = splitPath(at)[0]) made.add(at);
  }

  #whiteout(folder: string, base: string): void {
    const whiteout = whiteoutOf(base);
    if (whiteout.kind === "note" || whiteout.kind === "none") return;
    if (this.#options.whiteouts !== "apply") {
      this.#mark(folder, whiteout);
      return;
    }
    // Below the lowest layer there is nothing.
    if (this.#made === undefined) return;
    if (whiteout.kind === "opaque") this.#clear(folder);
    else {
      const path = folder === "" ? whiteout.base : `${folder}/${whiteout.base}`;
      if (!this.#made.has(path)) this.#records.remove(path);
    }
  }

  /** The same for overlayfs (Documentation/filesystems/overlayfs.rst, whiteouts and opaque directories). */
  #mark(
    folder: string,
    whiteout: { readonly kind: "opaque" } | { readonly kind: "remove"; readonly base: string },
  ): void {
    const { uid, gid } = this.#options.owners.root;
    if (whiteout.kind === "remove") {
      const path = folder === "" ? whiteout.base : `${folder}/${whiteout.base}`;
      if (!this.#made?.has(path)) this.#records.node({ path, mode: TYPE.char, uid, gid });
      return;
    }
    const name = this.#options.whiteouts === "overlay" ? "trusted.overlay.opaque" : "user.overlay.opaque";
    const xattrs = encodeXattrs([[name, Buffer.from("y")]]);
    if (folder === "") return;
    if (!this.#made?.has(folder)) {
      this.#records.dir({ path: folder, uid, gid });
      this.#folders.set(folder, { path: folder, mode: 0o755, seconds: now() });
      this.#note(folder);
    }
    this.#records.xattrs({ path: folder, xattrs });
  }

  /** Removes what lower layers have in a folder. */
  #clear(folder: string): void {
    const path = this.#resolve(folder);
    if (path === undefined) return;
    for (const entry of readdirSync(path, { encoding: "buffer" })) {
      const base = entry.toString("latin1");
      const below = folder === "" ? base : `${folder}/${base}`;
      if (!this.#made?.has(below)) this.#records.remove(below);
      else if (!this.#isLeaf(below)) this.#clear(below);
    }
  }

  #isLeaf(path: string): boolean {
    return !this.#folders.has(path) && this.#resolve(`${path}/.`) === undefined;
  }

  /** Where a folder of the tree is on the host; `undefined` where there is none. */
  #resolve(path: string): Buffer | undefined {
    this.#records.settle();
    return resolveBelow(this.#dir, path);
  }
}

/** In seconds. */
function now(): number {
  return Math.floor(Date.now() / 1000);
}

function cutAtNul(text: string): string {
  const nul = text.indexOf("\0");
  return nul < 0 ? text : text.slice(0, nul);
}
