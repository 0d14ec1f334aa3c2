/** An image's layers in the store, each as one layer of an overlay, and what a bundle of them has to say. */
import { privilege } from "../sys/privilege.ts";
import type { BundleRequest } from "./bundle.ts";
import { ImageError } from "./error.ts";
import type { Image } from "./image.ts";
import { readInside } from "./root-files.ts";
import { lowerOf, type Store } from "./store.ts";
import type { ImageFacts, LayerFacts } from "./store-files.ts";
import { layersOf, storeLayer } from "./store-layer.ts";
import type { Lost } from "./unpack-options.ts";
import type { UserFiles } from "./users.ts";

/** Layers that are in the store now. */
export interface Stored {
  readonly image: ImageFacts;
  /** Diff ids, the lowest first, each once. */
  readonly layers: readonly string[];
  readonly files: UserFiles;
  readonly shared: number;
  readonly bytes: number;
  readonly entries: number;
  readonly lost: Lost;
}

/** Puts an image's layers into the store. @throws ImageError */
export async function storeLayers(store: Store, image: Image, request: BundleRequest): Promise<Stored> {
  const { wishes } = request;
  // The overlay's folders belong to the ids of the host: one namespace would see them as nobody's, another as its own.
  if (privilege() === "root" && wishes.userns !== undefined) {
    throw new ImageError(
      "unsupported",
      "layers are shared with the ids of the image, so --overlay and --userns exclude each other",
      "leave one of them out",
    );
  }
  if (/[:,\\]/.test(store.path)) {
    throw new ImageError(
      "unsupported",
      `the store's path ${store.path} has a colon, comma or backslash, which overlay mounts do not take`,
    );
  }
  let [shared, bytes, entries] = [0, 0, 0];
  const lost = { owners: 0, xattrs: 0, devices: 0 };
  let below: readonly LayerFacts[] = [];
  for (const layer of image.layers) {
    const { diffId } = layer;
    if (diffId === undefined) {
      throw new ImageError(
        "unsupported",
        `${image.name} is a root filesystem and has no layers`,
        "leave --overlay out",
      );
    }
    const { facts, made, left } = await storeLayer(store, layer, diffId, below, request);
    below = over(below, facts);
    if (made) {
      bytes += facts.bytes;
      entries += facts.entries;
    } else shared++;
    for (const name of ["owners", "xattrs", "devices"] as const) lost[name] += left?.[name] ?? 0;
  }
  const diffIds = below.map(({ diffId }) => diffId).reverse();
  const facts: ImageFacts = {
    name: image.name,
    id: image.id ?? lowerOf(diffIds),
    layers: diffIds,
    added: new Date().toISOString(),
  };
  store.addImage(facts);
  const files = {
    passwd: shown(store, below, "etc/passwd"),
    group: shown(store, below, "etc/group"),
  };
  return { image: facts, layers: diffIds, files, shared, bytes, entries, lost };
}

/** The layers with another on top of them, the topmost first. */
function over(below: readonly LayerFacts[], facts: LayerFacts): readonly LayerFacts[] {
  if (facts.opaque.includes("")) return [facts];
  // The same layer twice, as empty ones are: what is above hides what is below.
  return [facts, ...below.filter(({ diffId }) => diffId !== facts.diffId)];
}

/** A file as the overlay of the layers shows it; `""` where there is none. */
function shown(store: Store, layers: readonly LayerFacts[], path: string): string {
  const found = layersOf(store, layers).find(path);
  return found === undefined ? "" : readInside(found.tree, found.path);
}
