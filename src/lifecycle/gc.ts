/**
 * `gc`: removes what a tsrun that was killed left, and nothing that anybody may still want. Everything that a container has is on
 * record before it is made, so there is nothing to look for but the state root, and where images are unpacked.
 */

import { type LaunchError, StateError, TsrunError } from "../error.ts";
import { removeUnpacked } from "../image/remove.ts";
import { append } from "../lists.ts";
import { hasStore, imageStore } from "../state/image-store.ts";
import { type Leftover, leftoversOf, removeLeftover, unfinishedIn } from "../state/leftovers.ts";
import { statusOf } from "../state/status.ts";
import { isLocked, listIds, load, lock, type Saved } from "../state/store.ts";
import { entries } from "../sys/files.ts";
import { destroy } from "./destroy.ts";

/** What to look for. */
export interface GcRequest {
  /** Also stopped containers, which their owner may still want to look at. */
  readonly stopped: boolean;
  /** Folders where images may have been unpacked, beside the store. */
  readonly folders: readonly string[];
}

/** Something that can go. */
export type Garbage =
  | Leftover
  /** A container whose creation was interrupted, or that has stopped. */
  | { readonly kind: "creation" | "stopped"; readonly id: string; readonly path: string };

/** What there is. */
export interface Found {
  readonly garbage: readonly Garbage[];
  /** The stopped containers that stay. */
  readonly stopped: readonly string[];
  /** The containers of which the state cannot be read: only their owner knows whether they run. */
  readonly damaged: readonly string[];
}

/** Looks, and changes nothing. @throws SystemError */
export function findGarbage(root: string, request: GcRequest): Found {
  const garbage: Garbage[] = [];
  const stopped: string[] = [];
  const damaged: string[] = [];
  for (const id of listIds(root)) {
    const saved = loadIfThere(root, id);
    if (saved === "damaged") damaged.push(id);
    if (saved === undefined || saved === "damaged") continue;
    const { dir } = saved;
    if (isInterrupted(saved)) garbage.push({ kind: "creation", id, path: dir });
    else if (!saved.complete || statusOf(saved) !== "stopped") continue;
    else if (request.stopped) garbage.push({ kind: "stopped", id, path: dir });
    else stopped.push(id);
  }
  append(garbage, leftoversOf(root));
  for (const folder of new Set([...storeFolders(), ...request.folders]))
    append(garbage, unfinishedIn(folder));
  return { garbage, stopped, damaged };
}

/** What became of one. */
export interface Collected {
  /** False where somebody has it in hand after all. */
  readonly removed: boolean;
  /** Failures of poststop hooks. */
  readonly failures: readonly LaunchError[];
}

/** Removes one, if it is still what it was. @throws StateError; SystemError */
export function collect(root: string, garbage: Garbage): Collected {
  switch (garbage.kind) {
    case "creation":
    case "stopped":
      return collectContainer(root, garbage.id, garbage.kind);
    case "folder":
    case "file":
    case "unpacking":
      return { removed: removeLeftover(garbage, removeUnpacked), failures: [] };
    default:
      return garbage satisfies never;
  }
}

function collectContainer(root: string, id: string, kind: "creation" | "stopped"): Collected {
  let locked: ReturnType<typeof lock>;
  try {
    locked = lock(root, id, 0);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    // Somebody works on it, or has just removed it.
    return { removed: error.code === "not-found", failures: [] };
  }
  try {
    const saved = load(root, id);
    const still = kind === "creation" ? !saved.complete : statusOf(saved, true) === "stopped";
    return still
      ? { removed: true, failures: destroy(saved.record, saved, locked) }
      : { removed: false, failures: [] };
  } finally {
    locked.release();
  }
}

/** Whoever creates a container holds its lock until it is complete. */
function isInterrupted({ complete, dir }: Saved): boolean {
  return !complete && !isLocked(dir);
}

function loadIfThere(root: string, id: string): Saved | "damaged" | undefined {
  try {
    return load(root, id);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return error instanceof StateError && error.code === "not-found" ? undefined : "damaged";
  }
}

/** The store of images and its parts. */
function storeFolders(): readonly string[] {
  const store = imageStore();
  if (store === undefined || !hasStore(store)) return [];
  const parts = entries(store).filter(({ kind, name }) => kind === "dir" && !name.startsWith("."));
  return [store, ...parts.map(({ name }) => `${store}/${name}`)];
}
