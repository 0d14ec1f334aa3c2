/** One layer in the store: by itself, or as it is above others where those have the folders that its files lie in otherwise. */
import { createHash } from "node:crypto";
import { privilege } from "../sys/privilege.ts";
import { Budget } from "./budget.ts";
import type { BundleRequest } from "./bundle.ts";
import type { Layer } from "./image.ts";
import { readLayer } from "./layers.ts";
import { LowerLayers, type Move } from "./lower.ts";
import { ownersFor } from "./owners.ts";
import type { Store } from "./store.ts";
import type { LayerFacts } from "./store-files.ts";
import { Unpacker } from "./unpack.ts";
import type { Lost } from "./unpack-options.ts";

/** A layer that is in the store now. */
export interface StoredLayer {
  readonly facts: LayerFacts;
  /** False where it was there already. */
  readonly made: boolean;
  readonly left?: Lost | undefined;
}

/** Layers of a store as an overlay shows them, the topmost first. */
export function layersOf(store: Store, layers: readonly LayerFacts[]): LowerLayers {
  return new LowerLayers(
    layers.map(({ diffId, opaque }) => ({ tree: store.tree(diffId), opaque: new Set(opaque) })),
  );
}

/** Puts a layer into the store. @param below those below it, the topmost first. @throws ImageError */
export async function storeLayer(
  store: Store,
  layer: Layer,
  diffId: string,
  below: readonly LayerFacts[],
  request: BundleRequest,
): Promise<StoredLayer> {
  const alone = await unpacked(store, layer, diffId, request);
  const { root } = ownersFor(request.wishes.userns, request.inside);
  const moves = layersOf(store, below).moves(alone.facts, root);
  if (moves.size === 0) return alone;
  const above = await unpacked(store, layer, variantOf(diffId, moves), request, moves);
  return { ...above, made: alone.made || above.made };
}

/** What a layer is called that has been changed so: a digest like that of a layer, since nothing else is like it. */
function variantOf(diffId: string, moves: ReadonlyMap<string, Move>): string {
  const sorted = [...moves].sort(([a], [b]) => (a < b ? -1 : 1));
  return `sha256:${createHash("sha256")
    .update(JSON.stringify([diffId, sorted]))
    .digest("hex")}`;
}

async function unpacked(
  store: Store,
  layer: Layer,
  diffId: string,
  { watcher, wishes, inside, devices, maxSize }: BundleRequest,
  moves?: ReadonlyMap<string, Move>,
): Promise<StoredLayer> {
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
        moves,
      });
      try {
        unpacker.nextLayer();
        await readLayer(layer, unpacker, budget, watcher);
        unpacker.finish();
      } finally {
        unpacker.close();
      }
      left = unpacker.lost;
      return { diffId, bytes: budget.bytes, entries: budget.entries, ...unpacker.relations };
    },
  );
  return { ...added, left };
}
