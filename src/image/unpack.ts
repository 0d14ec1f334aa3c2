/**
 * Layers become a tree (image-spec layer.md, Applying Changesets): one over the other into one folder, or each for itself as a
 * layer of an overlay.
 */
import { Buffer } from "node:buffer";
import { Folders, type Place } from "./folders.ts";
import type { LayerSink } from "./layers.ts";
import { cleanName, joinPath, splitPath, whiteoutOf } from "./names.ts";
import { encodeXattrs, type Facts } from "./record.ts";
import { Records } from "./records.ts";
import type { LayerFacts } from "./store-files.ts";
import type { TarEntry } from "./tar-header.ts";
import { Tree } from "./tree.ts";
import type { Lost, UnpackOptions } from "./unpack-options.ts";
import { sortXattrs } from "./xattrs.ts";

const TYPE = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Writes entries below a folder. {@link Unpacker.close} has to be called. */
export class Unpacker implements LayerSink {
  readonly #tree: Tree;
  readonly #options: UnpackOptions;
  readonly #records: Records;
  /** Folders by path, and what they get last. */
  readonly #folders = new Map<string, Facts>();
  /** What this layer has made, where there may be lower ones. */
  #layer: Folders | undefined;
  readonly #implied: string[] = [];
  readonly #needed: string[] = [];
  readonly #opaque: string[] = [];
  #layers = 0;
  /** The file whose content comes now, and whether some of it has been written. */
  #file: Facts | undefined;
  #size = 0;
  #begun = false;
  #lostXattrs = 0;
  #lostDevices = 0;

  constructor(dir: string, options: UnpackOptions) {
    this.#options = options;
    this.#records = new Records(dir, options.owners.root);
    this.#tree = new Tree(dir, this.#records);
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

  /** How an overlay's layer is about the layers below it. */
  get relations(): Pick<LayerFacts, "implied" | "needed" | "opaque"> {
    return { implied: this.#implied, needed: this.#needed, opaque: this.#opaque };
  }

  /** What follows is the next layer. */
  nextLayer(): void {
    this.#layers++;
    if (this.#options.whiteouts === "plain") return;
    if (this.#options.whiteouts !== "apply") {
      this.#layer = new Folders({ find: (path, own) => this.#findBelow(path, own), follow: true });
    } else if (this.#layers > 1) {
      this.#layer = new Folders({ find: (path) => this.#tree.find(path), follow: false });
    }
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
    const name = cleanName(entry.name);
    const [folder, base] = splitPath(name);
    if (this.#options.whiteouts !== "plain" && base.startsWith(".wh.")) {
      this.#whiteout(folder, base);
      return;
    }
    const path = this.#layer === undefined ? name : joinPath(this.#layer.of(folder).path, base);
    this.#layer?.note(path, entry.kind === "symlink" ? entry.link : undefined);
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
    if (clean === "" || this.#tree.has(clean)) return;
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
      const [folder, base] = splitPath(cleanName(entry.link));
      this.#records.link({ path, text: joinPath(this.#layer?.of(folder).path ?? folder, base) });
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

  /** Where a folder is that an overlay's layer has no entry of. */
  #findBelow(path: string, own: boolean): string {
    this.#implied.push(path);
    if (own) this.#needed.push(path);
    const move = this.#options.moves?.get(path);
    if (move === undefined) return path;
    if (move.to === path) {
      const { uid, gid, mode, seconds } = move;
      this.#records.dir({ path, uid, gid });
      this.#folders.set(path, { path, mode, seconds });
    }
    return move.to;
  }

  /** What is behind a link of the layer itself is not meant, and what is behind another's is not hidden. */
  #whiteout(folder: string, base: string): void {
    const whiteout = whiteoutOf(base);
    const place = this.#layer?.of(folder);
    // Below the lowest layer there is nothing.
    if (place === undefined || place.own || whiteout.kind === "note" || whiteout.kind === "none") return;
    if (whiteout.kind === "remove") this.#remove(joinPath(place.path, whiteout.base));
    else if (!place.moved) this.#hide(place);
  }

  #remove(path: string): void {
    if (this.#layer?.has(path)) return;
    const { uid, gid } = this.#options.owners.root;
    if (this.#options.whiteouts === "apply") this.#records.remove(path);
    // For overlayfs (Documentation/filesystems/overlayfs.rst, whiteouts and opaque directories).
    else this.#records.node({ path, mode: TYPE.char, uid, gid });
  }

  /** Hides what lower layers have in a folder. */
  #hide({ path }: Place): void {
    const { owners, whiteouts } = this.#options;
    const { uid, gid } = owners.root;
    if (whiteouts === "apply") {
      if (this.#tree.clear(path, (below) => this.#layer?.has(below) === true)) return;
      this.#records.dir({ path, uid, gid });
      this.#folders.set(path, { path, mode: 0o755, seconds: now() });
    } else {
      this.#opaque.push(path);
      if (path === "") return;
      const name = whiteouts === "overlay" ? "trusted.overlay.opaque" : "user.overlay.opaque";
      if (!this.#folders.has(path)) {
        this.#records.dir({ path, uid, gid });
        this.#folders.set(path, { path, mode: 0o755, seconds: now() });
      }
      this.#records.xattrs({ path, xattrs: encodeXattrs([[name, Buffer.from("y")]]) });
    }
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
