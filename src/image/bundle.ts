/** `bundle`: an image becomes a folder that `run` runs. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { OVERLAY_RECORD } from "../state/overlay.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, performAll } from "../sys/files.ts";
import { Budget } from "./budget.ts";
import { type BaseConfig, type ImageConfig, readImageConfig, toConfig, type Wishes } from "./config.ts";
import { asSystemError, ImageError } from "./error.ts";
import type { Choice, Image } from "./image.ts";
import { eachOnce, readLayer, type Watcher } from "./layers.ts";
import { ownersFor } from "./owners.ts";
import { makeWhole, placeOf } from "./partial.ts";
import { readUserFiles } from "./root-files.ts";
import { openSource } from "./source.ts";
import { Store } from "./store.ts";
import { storeLayers } from "./store-layers.ts";
import { Unpacker } from "./unpack.ts";
import type { Lost } from "./unpack-options.ts";
import type { UserFiles } from "./users.ts";

/** What is wanted. */
export interface BundleRequest {
  /** SOURCE, `-` for standard input. */
  readonly source: string;
  /** DIR, absolute. */
  readonly dir: string;
  readonly choice: Choice;
  readonly base: BaseConfig;
  readonly wishes: Wishes;
  /** Whether this process is in a user namespace that has the wished maps. */
  readonly inside: boolean;
  /** Whether device nodes are made. */
  readonly devices: boolean;
  /** In bytes. */
  readonly maxSize: number | undefined;
  /** Where layers are kept, for a root that is an overlay of them. */
  readonly store: string | undefined;
  readonly watcher: Watcher;
}

/** What was made. */
export interface BundleMade {
  readonly image: string;
  readonly layers: number;
  /** Layers that the store had already. */
  readonly shared: number;
  /** Of files that were written. */
  readonly bytes: number;
  readonly entries: number;
  readonly lost: Lost;
  /** Labels that became no annotations. */
  readonly leftOut: readonly string[];
  /** Of a root that stays where it is. */
  readonly rootPath: string | undefined;
}

const NOTHING_LOST: Lost = { owners: 0, xattrs: 0, devices: 0 };

/** Makes a bundle. @throws ImageError, SystemError; then there is nothing at `dir` that was not there before */
export async function makeBundle(request: BundleRequest): Promise<BundleMade> {
  try {
    return await make(request);
  } catch (error) {
    throw asSystemError(error);
  }
}

async function make(request: BundleRequest): Promise<BundleMade> {
  const { dir, source } = request;
  const there = openIfInside(source, dir);
  if (there !== undefined) {
    try {
      return describeFolder(request, source, { place: placeOf(there), root: "rootfs" });
    } finally {
      there.close();
    }
  }
  checkFree(dir);
  // The container's root, an ordinary id to the host, must be able to enter it.
  return makeWhole(dir, request.wishes.userns === undefined ? 0o700 : 0o711, (place) => fill(request, place));
}

/** DIR, where the source is DIR/rootfs, to which only config.json is missing. */
function openIfInside(source: string, dir: string): Handle | undefined {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined;
  const folder = Handle.open(dir, O.PATH | O.DIRECTORY);
  const [a, b] = [source, `${placeOf(folder)}/rootfs`].map((path) =>
    statSync(path, { throwIfNoEntry: false }),
  );
  if (a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev && a.isDirectory())
    return folder;
  folder.close();
  return undefined;
}

/** @throws ImageError `exists` */
function checkFree(dir: string): void {
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && readdirSync(dir).length === 0)) return;
  throw new ImageError(
    "exists",
    `there is something at ${dir} already`,
    "name a folder that is not there yet, or is empty",
  );
}

async function fill(request: BundleRequest, place: string): Promise<BundleMade> {
  const { source, choice, maxSize, store } = request;
  const scratch = `${place}/scratch`;
  performAll([{ do: "mkdir", path: scratch, mode: 0o700 }]);
  const budget = Budget.of(place, maxSize);
  const found = await openSource(source, choice, scratch, Budget.of(place, maxSize), request.watcher);
  if (found.kind === "folder") {
    performAll([{ do: "rmdir", path: scratch }]);
    return describeFolder(request, found.path, { place, root: found.path });
  }
  const config = readImageConfig(found.image.config);
  const made =
    store === undefined
      ? await flat(request, found.image, config, place, budget)
      : await overlaid(request, found.image, config, place, store);
  for (const name of ["stream", "archive"])
    performAll([{ do: "unlink", path: `${scratch}/${name}`, ifThere: true }]);
  performAll([{ do: "rmdir", path: scratch }]);
  return made;
}

/** All layers in one folder. */
async function flat(
  request: BundleRequest,
  image: Image,
  config: ImageConfig,
  place: string,
  budget: Budget,
): Promise<BundleMade> {
  const { wishes } = request;
  const root = `${place}/rootfs`;
  performAll([{ do: "mkdir", path: root, mode: 0o700 }]);
  const owners = ownersFor(wishes.userns, request.inside);
  const unpacker = new Unpacker(root, {
    owners,
    budget,
    devices: request.devices,
    whiteouts: image.config === undefined ? "plain" : "apply",
  });
  try {
    for (const layer of eachOnce(image.layers)) {
      unpacker.nextLayer();
      await readLayer(layer, unpacker, budget, request.watcher);
    }
    for (const path of [wishes.cwd ?? config.cwd, ...config.volumes]) unpacker.folder(path);
    unpacker.finish();
  } finally {
    unpacker.close();
  }
  writeConfig(request, config, place, readUserFiles(root), "rootfs");
  const { bytes, entries } = budget;
  const { lost } = unpacker;
  return {
    image: image.name,
    layers: image.layers.length,
    shared: 0,
    bytes,
    entries,
    lost,
    leftOut: config.leftOut,
    rootPath: undefined,
  };
}

/** Each layer in the store, and the root an overlay of them. */
async function overlaid(
  request: BundleRequest,
  image: Image,
  config: ImageConfig,
  place: string,
  path: string,
): Promise<BundleMade> {
  const store = await Store.open(path, "shared", () => request.watcher.ask());
  try {
    store.checkOwner();
    const stored = await storeLayers(store, image, request);
    for (const name of ["rootfs", "upper", "work"]) {
      performAll([{ do: "mkdir", path: `${place}/${name}`, mode: name === "work" ? 0o700 : 0o755 }]);
    }
    writeConfig(request, config, place, stored.files, "rootfs");
    // Before the bundle has its name: one that nothing refers to would lose its layers.
    const text = `${JSON.stringify(store.refer(join(realpathSync(dirname(request.dir)), basename(request.dir)), stored))}\n`;
    performAll([{ do: "create", path: `${place}/${OVERLAY_RECORD}`, text, mode: 0o600 }]);
    const { shared, bytes, entries, lost } = stored;
    return {
      image: image.name,
      layers: image.layers.length,
      shared,
      bytes,
      entries,
      lost,
      leftOut: config.leftOut,
      rootPath: undefined,
    };
  } finally {
    store.close();
  }
}

/** A root that is there already: nothing is copied. */
function describeFolder(
  request: BundleRequest,
  folder: string,
  { place, root }: { readonly place: string; readonly root: string },
): BundleMade {
  if (request.store !== undefined) {
    throw new ImageError(
      "unsupported",
      `${folder} is a root filesystem and has no layers`,
      "leave --overlay out",
    );
  }
  writeConfig(request, readImageConfig(undefined), place, readUserFiles(folder), root);
  return {
    image: folder,
    layers: 0,
    shared: 0,
    bytes: 0,
    entries: 0,
    lost: NOTHING_LOST,
    leftOut: [],
    rootPath: root === folder ? folder : undefined,
  };
}

function writeConfig(
  { base, wishes }: BundleRequest,
  image: ImageConfig,
  place: string,
  files: UserFiles,
  root: string,
): void {
  const config = toConfig(base, image, wishes, files, root);
  const text = `${JSON.stringify(config, undefined, "\t")}\n`;
  performAll([{ do: "create", path: `${place}/config.json`, text, mode: 0o644 }]);
}
