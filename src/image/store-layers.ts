/** An image's layers in the store, each as one layer of an overlay, and what a bundle of them has to say. */
import { lstatSync } from "node:fs";
import { privilege } from "../sys/privilege.ts";
import { Budget } from "./budget.ts";
import type { BundleRequest } from "./bundle.ts";
import { ImageError } from "./error.ts";
import type { Image, Layer } from "./image.ts";
import { readLayer } from "./layers.ts";
import { ownersFor } from "./owners.ts";
import { readInside } from "./root-files.ts";
import { lowerOf, type Store } from "./store.ts";
import type { ImageFacts, LayerFacts } from "./store-files.ts";
import { Unpacker } from "./unpack.ts";
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
  const diffIds: string[] = [];
  for (const layer of image.layers) {
    const { diffId } = layer;
    if (diffId === undefined) {
      throw new ImageError(
        "unsupported",
        `${image.name} is a root filesystem and has no layers`,
        "leave --overlay out",
      );
    }
    // The same layer twice, as empty ones are: what is above hides what is below.
    const before = diffIds.indexOf(diffId);
    if (before >= 0) diffIds.splice(before, 1);
    diffIds.push(diffId);
    const { facts, made, left } = await storeLayer(store, layer, diffId, request);
    if (made) {
      bytes += facts.bytes;
      entries += facts.entries;
    } else shared++;
    for (const name of ["owners", "xattrs", "devices"] as const) lost[name] += left?.[name] ?? 0;
  }
  const facts: ImageFacts = {
    name: image.name,
    id: image.id ?? lowerOf(diffIds),
    layers: diffIds,
    added: new Date().toISOString(),
  };
  store.addImage(facts);
  const files = {
    passwd: topmost(store, diffIds, "etc/passwd"),
    group: topmost(store, diffIds, "etc/group"),
  };
  return { image: facts, layers: diffIds, files, shared, bytes, entries, lost };
}

async function storeLayer(
  store: Store,
  layer: Layer,
  diffId: string,
  { watcher, wishes, inside, devices, maxSize }: BundleRequest,
): Promise<{ readonly facts: LayerFacts; readonly made: boolean; readonly left?: Lost }> {
  const there = store.layer(diffId);
  if (there !== undefined) return { facts: there, made: false };
  let left: Lost | undefined;
  const added = await store.addLayer(
    diffId,
    () => watcher.ask(),
    async (tree) => {
      const budget = Budget.of(tree, maxSize);
      const unpacker = new Unpacker(tree, {
        owners: ownersFor(wishes.userns, inside),
        budget,
        devices,
        whiteouts: privilege() === "root" ? "overlay" : "user-overlay",
      });
      try {
        unpacker.nextLayer();
        await readLayer(layer, unpacker, budget, watcher);
        unpacker.finish();
      } finally {
        unpacker.close();
      }
      left = unpacker.lost;
      return { diffId, bytes: budget.bytes, entries: budget.entries };
    },
  );
  return { ...added, ...(left === undefined ? {} : { left }) };
}

/** A file as the overlay of the layers would show it, its folders plain ones; `""` where there is none. */
function topmost(store: Store, diffIds: readonly string[], path: string): string {
  for (const diffId of [...diffIds].reverse()) {
    const tree = store.tree(diffId);
    let at = tree;
    for (const part of path.split("/")) {
      at += `/${part}`;
      const found = lstatSync(at, { throwIfNoEntry: false });
      if (found === undefined) break;
      // A whiteout, and what hides a folder below.
      if (found.isCharacterDevice()) return "";
      if (!found.isDirectory()) return readInside(tree, `/${path}`);
    }
  }
  return "";
}
