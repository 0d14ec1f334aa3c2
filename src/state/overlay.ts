/**
 * A bundle whose root is an overlay of layers that several bundles share. A record beside its config.json names the store of the
 * layers, and a note in the store names the layers and the bundle. An image's labels become annotations, so annotations name neither.
 *
 * Both have to be the caller's own, and each has to mean the other: a record that somebody else has put there, or that was
 * copied from another bundle, mounts nothing.
 */
import { parseJson } from "../bundle/json.ts";
import { BundleError, SystemError } from "../error.ts";
import type { OverlayFacts } from "../plan/facts.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, readDescriptor, type Status, status } from "../sys/files.ts";
import { resolveIn } from "../sys/inspect.ts";
import { errnoName, lib } from "../sys/lib.ts";
import { ids } from "../sys/process.ts";

/** The record's name in the bundle's folder. */
export const OVERLAY_RECORD = "overlay.json";

/** 128 bits of a digest: of layers that are not alike none have the same name. */
export const NAME_DIGITS = 32;

/** What the record says. */
export interface OverlayRecord {
  /** The store's folder, a path without links. */
  readonly store: string;
  /** The name of the note about this bundle, in the store's folder `refs`. */
  readonly ref: string;
}

/** Larger than any record or note. */
const LARGEST = 1 << 20;

const ANEW = "tsrun bundle --overlay makes such a bundle anew, in the place where it is to stay";

function refused(
  code: BundleError["code"],
  what: string,
  hint = ANEW,
  document = OVERLAY_RECORD,
  pointer = "",
): BundleError {
  const error = new BundleError(code, pointer, what, hint);
  error.document = document;
  return error;
}

/**
 * The layers of a bundle, or `undefined` where its root is its own; that takes one open.
 * @throws BundleError where the record, the store or one of the folders is not as it has to be; SystemError
 */
export function readOverlay(dir: string): OverlayFacts | undefined {
  const there = lib().ts_open(cstring(`${dir}/${OVERLAY_RECORD}`), O.PATH | O.NOFOLLOW, 0);
  if (there < 0 && ["ENOENT", "ENOTDIR"].includes(errnoName(-there))) return undefined;
  if (there >= 0) lib().ts_close(there);
  const open: Handle[] = [];
  try {
    const bundle = folder(open, dir, dir);
    const record = readRecord(text(open, `${within(bundle)}/${OVERLAY_RECORD}`, `${dir}/${OVERLAY_RECORD}`));
    checkFolders(within(bundle), dir);
    const store = folder(open, record.store, record.store);
    const refs = folder(open, `${within(store)}/refs`, `${record.store}/refs`);
    const note = `${record.store}/refs/${record.ref}.json`;
    const names = readNote(text(open, `${within(refs)}/${record.ref}.json`, note), note, dir);
    const layers = folder(open, `${within(store)}/layers`, `${record.store}/layers`);
    for (const name of names) {
      if (status(`${within(layers)}/${name}`, false)?.kind === "dir") continue;
      throw refused("missing", `the overlay's layer ${record.store}/layers/${name} is missing`);
    }
    const inode = statusOf(layers).inode;
    return { folder: `${record.store}/layers`, inode, layers: [...names].reverse() };
  } finally {
    for (const handle of open) handle.close();
  }
}

/** Whether a store is as {@link readOverlay} wants it. @throws BundleError, SystemError */
export function checkStore(path: string): void {
  const open: Handle[] = [];
  try {
    const store = folder(open, path, path);
    for (const name of ["refs", "layers"]) folder(open, `${within(store)}/${name}`, `${path}/${name}`);
  } finally {
    for (const handle of open) handle.close();
  }
}

/** Reads what a record says. @throws BundleError */
export function readRecord(json: string): OverlayRecord {
  const { store, ref } = members(json, OVERLAY_RECORD);
  // Without a slash or dots at the end, which would follow a link there.
  if (typeof store !== "string" || !/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/.test(store)) {
    throw refused("format", "this is no absolute path of a store", ANEW, OVERLAY_RECORD, "/store");
  }
  if (typeof ref !== "string" || !/^[0-9a-f]{32}$/.test(ref)) {
    throw refused("format", "this is no note of a store", ANEW, OVERLAY_RECORD, "/ref");
  }
  return { store, ref };
}

/** The names of the layers that a note gives a bundle, the lowest first. */
function readNote(json: string, path: string, dir: string): readonly string[] {
  const { bundle, layers } = members(json, path);
  const here = resolveIn("/", dir);
  if (typeof bundle !== "string" || !("path" in here) || bundle !== here.path) {
    throw refused(
      "conflict",
      `the store's note is about the bundle ${JSON.stringify(bundle)}, and this one is ${"path" in here ? here.path : dir}`,
      "a bundle with an overlay can be neither moved nor copied: move it back, or make it anew with tsrun bundle --overlay",
      path,
      "/bundle",
    );
  }
  const names = Array.isArray(layers) ? layers.map(nameOf) : [];
  if (names.length === 0 || names.includes(undefined)) {
    throw refused("format", "these are no layers of a store", ANEW, path, "/layers");
  }
  return names.flatMap((name) => name ?? []);
}

function nameOf(diffId: unknown): string | undefined {
  if (typeof diffId !== "string") return undefined;
  return /^sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})$/.test(diffId)
    ? diffId.slice(diffId.indexOf(":") + 1).slice(0, NAME_DIGITS)
    : undefined;
}

function members(json: string, document: string): { readonly [name: string]: unknown } {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    if (error instanceof BundleError) error.document = document;
    throw error;
  }
  if (typeof value !== "object" || value === null) throw refused("type", "this is no object", ANEW, document);
  return value as { readonly [name: string]: unknown };
}

/** What the bundle itself has of the overlay. The container may give `upper`, its root, another owner and mode. */
function checkFolders(place: string, dir: string): void {
  for (const name of ["rootfs", "upper", "work"]) {
    const found = status(`${place}/${name}`, false);
    const path = `${dir}/${name}`;
    if (found === undefined) throw refused("missing", `the overlay's folder ${path} is missing`);
    if (found.kind !== "dir") throw refused("conflict", `${path} is no folder but a ${kindText(found)}`);
    if (name === "work") checkOwner(found, path);
  }
}

/** A folder of the caller's that nobody else can change; a link is none. */
function folder(open: Handle[], path: string, name: string): Handle {
  const handle = openOwn(path, name);
  open.push(handle);
  const found = statusOf(handle);
  if (found.kind !== "dir") throw refused("conflict", `${name} is no folder but a ${kindText(found)}`);
  checkOwner(found, name);
  checkMode(found, name);
  return handle;
}

/** What a file of the caller's that nobody else can change says. */
function text(open: Handle[], path: string, name: string): string {
  // First what it is: opening a device or a fifo would do something.
  const looked = openOwn(path, name);
  open.push(looked);
  const found = statusOf(looked);
  if (found.kind !== "file") throw refused("conflict", `${name} is no file but a ${kindText(found)}`);
  checkOwner(found, name);
  checkMode(found, name);
  const handle = Handle.open(within(looked), O.RDONLY);
  open.push(handle);
  return readDescriptor(handle.fd, LARGEST, name);
}

function openOwn(path: string, name: string): Handle {
  const fd = lib().ts_open(cstring(path), O.PATH | O.NOFOLLOW, 0);
  if (fd >= 0) return new Handle(fd);
  const errno = errnoName(-fd);
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    throw refused(
      "missing",
      `the bundle's root is an overlay, and ${name} is missing`,
      `the store or its note is gone: ${ANEW}`,
    );
  }
  throw new SystemError("open", errno, name, { hint: "a bundle with an overlay runs for who has made it" });
}

/** What a descriptor is of; it is followed like a link that cannot be exchanged. */
function within({ fd }: Handle): string {
  return `/proc/self/fd/${fd}`;
}

function statusOf(handle: Handle): Status {
  const found = status(within(handle));
  if (found === undefined) throw new SystemError("stat", "ENOENT", within(handle));
  return found;
}

function checkOwner({ uid }: Status, name: string): void {
  const { euid } = ids();
  if (uid === euid) return;
  throw refused(
    "conflict",
    `${name} belongs to the user ${uid}, and the caller is ${euid}`,
    "a bundle with an overlay, and its store, are used by who has made them",
  );
}

function checkMode({ mode }: Status, name: string): void {
  if ((mode & 0o022) === 0) return;
  throw refused("conflict", `${name} can be changed by others than its owner`, `chmod go-w ${name}`);
}

function kindText({ kind }: Status): string {
  return kind === "symlink" ? "symbolic link" : kind;
}
