/**
 * Layers become a tree (image-spec layer.md, Applying Changesets): one over the other into one folder, or each for itself as a
 * layer of an overlay.
 */
import type { Buffer } from "node:buffer";
import { Folders } from "./folders.ts";
import type { LayerSink } from "./layers.ts";
import { cleanName, joinPath, splitPath, whiteoutOf } from "./names.ts";
import type { Facts } from "./record.ts";
import { Records } from "./records.ts";
import type { TarEntry } from "./tar-header.ts";
import { Tree } from "./tree.ts";
import { type MakeFolder, MergedLayers, type Under, UnseenLayers } from "./under.ts";
import type { Lost, UnpackOptions } from "./unpack-options.ts";
import { sortXattrs } from "./xattrs.ts";

const TYPE = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Writes entries below a folder. {@link Unpacker.close} has to be called. */
export class Unpacker implements LayerSink {
  readonly #tree: Tree;
  readonly #options: UnpackOptions;
  readonly #records: Records;
  /** Folders by path, and what they get last. */
  readonly #folders = new Map<string, { readonly facts: Facts; readonly since: number }>();
  /** Those that have been replaced or removed, and when: moments are counted. */
  readonly #gone = new Map<string, number>();
  #moment = 0;
  /** What this layer has made, where there may be lower ones. */
  #layer: Folders | undefined;
  #under: Under | undefined;
  readonly #merged: MergedLayers;
  readonly #unseen: UnseenLayers;
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
    const { owners, whiteouts, moves } = options;
    const make: MakeFolder = (facts) => this.#make(facts);
    this.#merged = new MergedLayers(this.#tree, this.#records, make);
    this.#unseen = new UnseenLayers(this.#records, make, owners.root, whiteouts === "user-overlay", moves);
    const { uid, gid } = owners.root;
    this.#records.xattrs({ path: "", uid, gid });
    this.#keep({ path: "", mode: 0o755, seconds: now() });
  }

  /** What could not be kept so far. */
  get lost(): Lost {
    return {
      owners: this.#options.owners.lost,
      xattrs: this.#lostXattrs + this.#records.lostXattrs,
      devices: this.#lostDevices + this.#records.lostNodes,
    };
  }

  /** What has to be known of an overlay's layer once those below it are. */
  get relations(): UnseenLayers["relations"] {
    return this.#unseen.relations;
  }

  /** What follows is the next layer. */
  nextLayer(): void {
    this.#layers++;
    const { whiteouts } = this.#options;
    if (whiteouts.endsWith("overlay")) this.#under = this.#unseen;
    else if (whiteouts === "apply" && this.#layers > 1) this.#under = this.#merged;
    this.#layer = this.#under && new Folders(this.#under);
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
    if (entry.kind !== "dir") this.#forget(path);
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
    this.#make({ path: clean });
  }

  /** After the last layer: folders get their modes and times, those deepest first. */
  finish(): void {
    const paths = [...this.#folders.keys()].sort().reverse();
    for (const path of paths) {
      const kept = this.#folders.get(path);
      if (kept !== undefined && !this.#isGone(path, kept.since)) this.#records.folderTimes(kept.facts);
    }
    this.#records.settle();
  }

  close(): void {
    this.#records.close();
  }

  #write(entry: TarEntry, path: string): void {
    const { kind, mode, seconds, nanoseconds } = entry;
    const { owners, devices } = this.#options;
    // In an overlay's layer the device 0:0 is a whiteout.
    const isMark = this.#under?.follow === true && entry.major === 0 && entry.minor === 0;
    if ((kind === "char" && (!devices || isMark)) || (kind === "block" && !devices)) {
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
        this.#under?.made(path);
        this.#keep({ path, mode, seconds, nanoseconds });
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

  /** What is behind a link of the layer itself is not meant, and what is behind another's is not hidden. */
  #whiteout(folder: string, base: string): void {
    const whiteout = whiteoutOf(base);
    const [layer, under] = [this.#layer, this.#under];
    // Below the lowest layer there is nothing.
    if (layer === undefined || under === undefined) return;
    const place = layer.of(folder);
    if (place.own || whiteout.kind === "note" || whiteout.kind === "none") return;
    if (whiteout.kind === "remove") {
      const path = joinPath(place.path, whiteout.base);
      if (layer.has(path)) return;
      this.#forget(path);
      under.remove(path);
    } else if (!place.moved) under.hide(place.path, (path) => layer.has(path));
  }

  /** What a folder gets last. */
  #keep(facts: Facts): void {
    this.#folders.set(facts.path, { facts, since: ++this.#moment });
  }

  /** What is at a path is no folder any more, and nothing is in it. */
  #forget(path: string): void {
    if (this.#folders.delete(path)) this.#gone.set(path, ++this.#moment);
  }

  /** Whether a folder of a moment has gone with one that it was in. */
  #isGone(path: string, since: number): boolean {
    if (this.#gone.size === 0) return false;
    for (let at = splitPath(path)[0]; at !== ""; at = splitPath(at)[0]) {
      if ((this.#gone.get(at) ?? 0) > since) return true;
    }
    return false;
  }

  /** Makes a folder that no entry tells of. */
  #make(facts: Facts): void {
    const { uid, gid } = this.#options.owners.root;
    const { path } = facts;
    this.#records.dir({ uid, gid, ...facts });
    this.#keep({ path, mode: facts.mode ?? 0o755, seconds: facts.seconds ?? now() });
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
