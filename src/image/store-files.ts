/** The files of the store: a fact a file, each whole or not there. */
import { existsSync, readdirSync } from "node:fs";
import { makeStore } from "../state/image-store.ts";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { type FileAction, Handle, performAll, readTextIfThere } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { ids } from "../sys/process.ts";
import { Node } from "./json.ts";

/** More than any fact of the store. */
const LARGEST = 16 << 20;

/** What is known of a layer. */
export interface LayerFacts {
  readonly diffId: string;
  readonly bytes: number;
  readonly entries: number;
  /** Folders that it has files in, but no entry for, outer ones first; paths have a character a byte. */
  readonly implied: readonly string[];
  /** Those of them that have to be there, since a link of the layer leads to them. */
  readonly needed: readonly string[];
  /** Folders that hide the lower layers'; `""` is its root. */
  readonly opaque: readonly string[];
}

/** What is known of an image. */
export interface ImageFacts {
  readonly name: string;
  readonly id: string;
  /** Diff ids, the lowest first. */
  readonly layers: readonly string[];
  /** RFC 3339. */
  readonly added: string;
}

/** A bundle that uses layers. */
export interface Ref {
  readonly bundle: string;
  readonly image: string;
  readonly layers: readonly string[];
}

/** @throws ImageError where the file is damaged */
export function readLayerFacts(node: Node): LayerFacts {
  return {
    diffId: node.need("diffId").text(),
    bytes: node.need("bytes").number(),
    entries: node.need("entries").number(),
    implied: node.get("implied")?.texts() ?? [],
    needed: node.get("needed")?.texts() ?? [],
    opaque: node.get("opaque")?.texts() ?? [],
  };
}

/** @throws ImageError where the file is damaged */
export function readImageFacts(node: Node): ImageFacts {
  return {
    name: node.need("name").text(),
    id: node.need("id").text(),
    layers: node.need("layers").texts(),
    added: node.need("added").text(),
  };
}

/** @throws ImageError where the file is damaged */
export function readRef(node: Node): Ref {
  return {
    bundle: node.need("bundle").text(),
    image: node.need("image").text(),
    layers: node.need("layers").texts(),
  };
}

/** The names of a folder's files. */
export function namesIn(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) =>
    /^[0-9a-f]{32}\.json$/.test(name) ? [name.slice(0, -5)] : [],
  );
}

/** A fact; `undefined` where there is none. @throws ImageError where the file is damaged */
export function readFact<Facts>(path: string, read: (node: Node) => Facts): Facts | undefined {
  const text = readTextIfThere(`${path}.json`, LARGEST);
  return text === undefined ? undefined : read(Node.parse(`${path}.json`, text));
}

/** All facts of a folder. */
export function readFacts<Facts>(folder: string, read: (node: Node) => Facts): readonly Facts[] {
  return namesIn(folder).flatMap((name) => readFact(`${folder}/${name}`, read) ?? []);
}

/** Writes a fact, in the place of an older one. */
export function writeFact(path: string, value: object): void {
  const slash = path.lastIndexOf("/");
  const own = `${path.slice(0, slash)}/.${path.slice(slash + 1)}.json.partial-${ids().pid}`;
  performAll([
    { do: "unlink", path: own, ifThere: true },
    { do: "create", path: own, text: `${JSON.stringify(value)}\n`, mode: 0o600 },
    { do: "rename", path: own, to: `${path}.json` },
  ]);
}

/** The file that whoever fills a layer locks. */
export function openLockFile(path: string): Handle {
  if (!existsSync(path)) {
    const own = `${path}.${ids().pid}`;
    performAll([
      { do: "unlink", path: own, ifThere: true },
      { do: "create", path: own, text: "", mode: 0o600 },
    ]);
    // Not over another's, which may be locked already.
    const answer = lib().ts_rename_new(cstring(own), cstring(path));
    if (answer < 0) performAll([{ do: "unlink", path: own }]);
  }
  return Handle.open(path, O.RDONLY);
}

/** Makes the store where it is missing. @throws UsageError where others could have filled it; SystemError */
export function makeFolders(path: string): void {
  makeStore(path);
  const actions: FileAction[] = [];
  for (const folder of ["layers", "images", "refs"]) {
    if (!existsSync(`${path}/${folder}`))
      actions.push({ do: "mkdir", path: `${path}/${folder}`, mode: 0o700, keep: true });
  }
  performAll(actions);
}

/** Waits for a lock; `asked` is called now and then, and may throw. */
export async function locked(lock: Handle, kind: "shared" | "exclusive", asked: () => void): Promise<void> {
  while (!lock.tryLock(kind)) {
    asked();
    await new Promise((settle) => setTimeout(settle, 20));
  }
}
