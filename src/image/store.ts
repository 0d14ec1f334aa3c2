/**
 * The store of layers: each unpacked once, by the digest of its archive, and shared by every bundle whose root is an overlay of
 * it. A fact a file, each whole or not there; nothing is counted.
 *
 *     STORE/layers/NAME/         a layer's tree; NAME is the start of its diff id's digits, short since mount(2) takes a page of them
 *     STORE/layers/NAME.json     its diff id and what it holds
 *     STORE/images/NAME.json     an image: its name and its layers
 *     STORE/refs/NAME.json       a bundle's folder and its layers; counts while the bundle's own record names this note
 */
import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { BundleError, TsrunError } from "../error.ts";
import { imageStore } from "../state/image-store.ts";
import { checkStore, NAME_DIGITS, OVERLAY_RECORD, type OverlayRecord, readRecord } from "../state/overlay.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, performAll, readTextIfThere } from "../sys/files.ts";
import { ids } from "../sys/process.ts";

import { parseDigest } from "./content.ts";
import { ImageError } from "./error.ts";
import { clearAbandoned, makeWhole } from "./partial.ts";
import { removeUnpacked } from "./remove.ts";
import {
  type ImageFacts,
  type LayerFacts,
  locked,
  makeFolders,
  namesIn,
  openLockFile,
  type Ref,
  readFact,
  readFacts,
  readImageFacts,
  readLayerFacts,
  readRef,
  writeFact,
} from "./store-files.ts";

/** Where the store is unless `--store` says otherwise. */
export function defaultStore(): string {
  const store = imageStore();
  if (store !== undefined) return store;
  throw new ImageError(
    "missing",
    "there is no place for layers: XDG_DATA_HOME and HOME are not set",
    "--store names a folder",
  );
}

/** A layer's name in the store. */
export function layerName(diffId: string): string {
  return parseDigest(diffId).hex.slice(0, NAME_DIGITS);
}

/** The store, locked: shared while bundles are made, exclusive while something is removed. */
export class Store {
  readonly path: string;
  readonly #lock: Handle;

  private constructor(path: string, lock: Handle) {
    this.path = path;
    this.#lock = lock;
  }

  /** Makes it where it is missing, and waits for the lock; `asked` is called meanwhile. @throws UsageError, SystemError */
  static async open(path: string, kind: "shared" | "exclusive", asked: () => void): Promise<Store> {
    makeFolders(path);
    const lock = Handle.open(path, O.RDONLY | O.DIRECTORY);
    await locked(lock, kind, asked);
    // Bundles name it by this path, whatever links the caller's has.
    return new Store(realpathSync(path), lock);
  }

  close(): void {
    this.#lock.close();
  }

  /** A bundle takes its layers only from a store that is its user's. @throws ImageError `unsafe` */
  checkOwner(): void {
    try {
      checkStore(this.path);
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      throw new ImageError("unsafe", error.message, error.hint);
    }
  }

  /** Where a layer's tree is. */
  tree(diffId: string): string {
    return `${this.path}/layers/${layerName(diffId)}`;
  }

  /** A layer that is there; `undefined` where it is not. @throws ImageError where another has its name */
  layer(diffId: string): LayerFacts | undefined {
    if (!existsSync(this.tree(diffId))) return undefined;
    const facts = readFact(`${this.path}/layers/${layerName(diffId)}`, readLayerFacts);
    if (facts === undefined || facts.diffId === diffId) return facts;
    throw new ImageError("digest", `the store ${this.path} has another layer than ${diffId} under its name`);
  }

  /** Fills a layer's tree, unless somebody else has just done so: then what he made is the answer. */
  async addLayer(
    diffId: string,
    asked: () => void,
    make: (tree: string) => Promise<LayerFacts>,
  ): Promise<{ readonly facts: LayerFacts; readonly made: boolean }> {
    const name = layerName(diffId);
    const lock = openLockFile(`${this.path}/layers/.${name}.lock`);
    try {
      await locked(lock, "exclusive", asked);
      const there = this.layer(diffId);
      if (there !== undefined) return { facts: there, made: false };
      const facts = await makeWhole(this.tree(diffId), 0o700, async (tree) => {
        const found = await make(tree);
        // Before the tree has its name: a tree that is there is known.
        writeFact(`${this.path}/layers/${name}`, found);
        return found;
      });
      return { facts, made: true };
    } finally {
      lock.close();
    }
  }

  /** Notes an image; of one that is known, its newest name. */
  addImage(facts: ImageFacts): void {
    writeFact(`${this.path}/images/${hashed(facts.id)}`, facts);
  }

  /** Notes that a bundle, at a path without links, uses layers; the bundle's own record of this. */
  refer(
    bundle: string,
    { image, layers }: { readonly image: ImageFacts; readonly layers: readonly string[] },
  ): OverlayRecord {
    const ref = hashed(bundle);
    writeFact(`${this.path}/refs/${ref}`, { bundle, image: image.id, layers } satisfies Ref);
    return { store: this.path, ref };
  }

  images(): readonly ImageFacts[] {
    return readFacts(`${this.path}/images`, readImageFacts);
  }

  layers(): readonly LayerFacts[] {
    return readFacts(`${this.path}/layers`, readLayerFacts).filter(({ diffId }) =>
      existsSync(this.tree(diffId)),
    );
  }

  /** The bundles that are there and use layers of this store: what a note says counts only with the bundle's own word. */
  refs(): readonly Ref[] {
    return readFacts(`${this.path}/refs`, readRef).filter((ref) => this.#isAlive(ref));
  }

  /** Removes an image's note. */
  dropImage({ id }: ImageFacts): void {
    performAll([{ do: "unlink", path: `${this.path}/images/${hashed(id)}.json`, ifThere: true }]);
  }

  /** Removes what no image and no bundle uses, and what killed ones left. Needs the exclusive lock. */
  sweep(): { readonly layers: readonly LayerFacts[]; readonly refs: number } {
    const refs = this.refs();
    const alive = new Set(refs.map(({ bundle }) => hashed(bundle)));
    let dropped = 0;
    for (const name of namesIn(`${this.path}/refs`)) {
      if (alive.has(name)) continue;
      performAll([{ do: "unlink", path: `${this.path}/refs/${name}.json`, ifThere: true }]);
      dropped++;
    }
    const used = new Set([...this.images(), ...refs].flatMap(({ layers }) => layers.map(layerName)));
    const removed = this.layers().filter(({ diffId }) => !used.has(layerName(diffId)));
    for (const { diffId } of removed) {
      // Its name first: what is half removed must not be found.
      const gone = `${this.path}/layers/.${layerName(diffId)}.partial-${ids().pid}`;
      performAll([{ do: "rename", path: this.tree(diffId), to: gone }]);
      removeUnpacked(gone);
    }
    this.#sweepLayerFiles(used);
    for (const folder of ["layers", "images", "refs"]) clearAbandoned(`${this.path}/${folder}`);
    return { layers: removed, refs: dropped };
  }

  #sweepLayerFiles(used: ReadonlySet<string>): void {
    for (const name of namesIn(`${this.path}/layers`)) {
      if (used.has(name)) continue;
      for (const file of [`${name}.json`, `.${name}.lock`]) {
        performAll([{ do: "unlink", path: `${this.path}/layers/${file}`, ifThere: true }]);
      }
    }
  }

  #isAlive({ bundle }: Ref): boolean {
    try {
      const text = readTextIfThere(`${bundle}/${OVERLAY_RECORD}`);
      // While it is being made, it has another name, and whoever makes it has the lock.
      if (text === undefined) return false;
      const { store, ref } = readRecord(text);
      return store === this.path && ref === hashed(bundle);
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      // Damaged or out of sight: better a layer too many.
      return true;
    }
  }
}

/** A name for layers, the lowest first, where the image has none. */
export function lowerOf(layers: readonly string[]): string {
  return layers.map(layerName).reverse().join(":");
}

function hashed(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, NAME_DIGITS);
}
