/** The store's images for people: listed, removed, tidied up. */
import { hasStore } from "../state/image-store.ts";
import { ImageError } from "./error.ts";
import { isNamed } from "./reference.ts";
import { layerName, Store } from "./store.ts";
import type { ImageFacts } from "./store-files.ts";

/** An image of the store. */
export interface ImageRow extends ImageFacts {
  /** Of its layers' files; those of shared layers count for each image. */
  readonly bytes: number;
  /** Bundles that use its layers, by the note of each. */
  readonly bundles: readonly string[];
}

/** What was removed. */
export interface Swept {
  readonly images: readonly string[];
  readonly layers: number;
  readonly bytes: number;
}

/** The images, by name. @throws SystemError, ImageError */
export async function listImages(path: string): Promise<readonly ImageRow[]> {
  if (!hasStore(path)) return [];
  const store = await Store.open(path, "shared", () => undefined);
  try {
    return rows(store);
  } finally {
    store.close();
  }
}

function rows(store: Store): readonly ImageRow[] {
  const sizes = new Map(store.layers().map(({ diffId, bytes }) => [layerName(diffId), bytes]));
  const refs = store.refs();
  return store
    .images()
    .map((image) => ({
      ...image,
      bytes: image.layers.reduce((sum, diffId) => sum + (sizes.get(layerName(diffId)) ?? 0), 0),
      bundles: refs.filter((ref) => ref.image === image.id).map(({ bundle }) => bundle),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Removes images and the layers that nobody uses then. @throws ImageError `missing`, `in-use` before anything is removed */
export async function removeImages(path: string, wanted: readonly string[]): Promise<Swept> {
  const store = await Store.open(path, "exclusive", () => undefined);
  try {
    const there = rows(store);
    const chosen = wanted.map((name) => pick(there, name));
    for (const { name, bundles } of chosen) {
      if (bundles.length === 0) continue;
      throw new ImageError(
        "in-use",
        `the image ${name} is used by ${bundles.length} bundles, such as ${bundles[0]}`,
        "remove their folders first",
      );
    }
    return drop(store, chosen);
  } finally {
    store.close();
  }
}

/** Removes every image that no bundle uses, and what killed ones left. @throws SystemError */
export async function pruneImages(path: string): Promise<Swept> {
  if (!hasStore(path)) return { images: [], layers: 0, bytes: 0 };
  const store = await Store.open(path, "exclusive", () => undefined);
  try {
    return drop(
      store,
      rows(store).filter(({ bundles }) => bundles.length === 0),
    );
  } finally {
    store.close();
  }
}

function drop(store: Store, images: readonly ImageRow[]): Swept {
  for (const image of images) store.dropImage(image);
  const { layers } = store.sweep();
  return {
    images: images.map(({ name }) => name),
    layers: layers.length,
    bytes: layers.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** By name, or by the beginning of its id. */
function pick(images: readonly ImageRow[], wanted: string): ImageRow {
  const found = images.filter(
    ({ name, id }) => name === wanted || isNamed(name, wanted) || startsId(id, wanted),
  );
  const [first, second] = found;
  if (first === undefined)
    throw new ImageError(
      "missing",
      `there is no image ${JSON.stringify(wanted)}`,
      "tsrun image ls lists them",
    );
  if (second === undefined) return first;
  throw new ImageError(
    "choice",
    `${JSON.stringify(wanted)} may be ${first.id} or ${second.id}`,
    "give more of the id",
  );
}

function startsId(id: string, wanted: string): boolean {
  return wanted.length >= 4 && (id.startsWith(wanted) || id.startsWith(`sha256:${wanted}`));
}
