/**
 * The manifests that an image index names, and the indexes in it (image-spec image-index.md). Whoever writes indexes may name each
 * other again and again, so each is read once and there is an end to all of them together.
 */
import type { Files } from "./archive.ts";
import { parseDigest } from "./content.ts";
import { ImageError } from "./error.ts";
import { type Node, readJson } from "./json.ts";
import type { Watcher } from "./layers.ts";
import type { Platform } from "./platform.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
/** Docker and containerd put the whole name there, and the tag into ref.name. */
const FULL_NAME = "io.containerd.image.name";

const INDEXES = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** More indexes in indexes than anybody has. */
const DEEPEST = 5;
/** More images than anybody has in one layout. */
const MOST_DESCRIPTORS = 10_000;
/** Of all indexes together. */
const MOST_BYTES = 16 << 20;

/** A manifest that may be the one. */
export interface Candidate {
  readonly digest: string;
  readonly name: string | undefined;
  readonly platform: Platform | undefined;
}

interface Descriptor extends Candidate {
  readonly kind: "index" | "manifest";
}

/** The manifests that a layout's index leads to. @throws ImageError */
export async function findManifests(files: Files, watcher: Watcher): Promise<readonly Candidate[]> {
  const walk = new Walk(files, watcher);
  await walk.through(await walk.read("index.json"), undefined, 0);
  return walk.found;
}

class Walk {
  readonly found: Candidate[] = [];
  readonly #files: Files;
  readonly #watcher: Watcher;
  readonly #read = new Map<string, readonly Descriptor[]>();
  #descriptors = 0;
  #bytes = 0;

  constructor(files: Files, watcher: Watcher) {
    this.#files = files;
    this.#watcher = watcher;
  }

  async through(descriptors: readonly Descriptor[], outer: string | undefined, depth: number): Promise<void> {
    if (depth > DEEPEST) throw this.#tooMany(`indexes in indexes, more than ${DEEPEST} deep`);
    for (const { kind, digest, name = outer, platform } of descriptors) {
      this.#watcher.ask();
      this.#descriptors++;
      if (this.#descriptors > MOST_DESCRIPTORS) {
        throw this.#tooMany(`indexes that name more than ${MOST_DESCRIPTORS} manifests`);
      }
      if (kind === "manifest") this.found.push({ digest, name, platform });
      // Of an image for many platforms only some may have been saved.
      else if (this.#files.has(blobPath(digest))) {
        await this.through(await this.read(blobPath(digest), digest), name, depth + 1);
      }
    }
  }

  /** What an index names; from the file once only. */
  async read(path: string, digest?: string): Promise<readonly Descriptor[]> {
    const known = this.#read.get(path);
    if (known !== undefined) return known;
    const content = await this.#files.content(path);
    this.#bytes += content.size;
    if (this.#bytes > MOST_BYTES) throw this.#tooMany(`indexes of more than ${MOST_BYTES} bytes`);
    const index = await readJson(content, digest);
    const found = index
      .need("manifests")
      .list()
      .flatMap((node) => descriptorOf(node) ?? []);
    this.#read.set(path, found);
    return found;
  }

  #tooMany(what: string): ImageError {
    return new ImageError("limit", `${this.#files.name} has ${what}`);
  }
}

/** `undefined` for what is no image. */
function descriptorOf(node: Node): Descriptor | undefined {
  const type = node.get("mediaType")?.text();
  const kind =
    type === undefined || MANIFESTS.includes(type)
      ? "manifest"
      : INDEXES.includes(type)
        ? "index"
        : undefined;
  if (kind === undefined) return undefined;
  const platform = platformOf(node.get("platform"));
  // What BuildKit says of how an image was built is a manifest, too.
  if (kind === "manifest" && platform?.os === "unknown") return undefined;
  return { kind, digest: node.need("digest").text(), name: nameOf(node), platform };
}

function nameOf(descriptor: Node): string | undefined {
  const annotations = descriptor.get("annotations");
  return annotations?.get(FULL_NAME)?.text() ?? annotations?.get(REF_NAME)?.text();
}

/** The platform of a descriptor or a configuration. */
export function platformOf(node: Node | undefined): Platform | undefined {
  if (node === undefined) return undefined;
  const variant = node.get("variant")?.text();
  return {
    os: node.get("os")?.text() ?? "linux",
    architecture: node.get("architecture")?.text() ?? "",
    variant: variant === "" ? undefined : variant,
  };
}

/** Where a layout keeps a blob. @throws ImageError */
export function blobPath(digest: string): string {
  const { algorithm, hex } = parseDigest(digest);
  return `blobs/${algorithm}/${hex}`;
}
