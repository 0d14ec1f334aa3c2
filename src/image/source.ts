/** What SOURCE names: an image layout, a saved image, a root filesystem, each as a folder or as an archive. */
import { Buffer } from "node:buffer";
import { existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Files, missing, openArchive } from "./archive.ts";
import type { Budget } from "./budget.ts";
import { type Content, fileContent } from "./content.ts";
import { openDockerArchive } from "./docker.ts";
import { ImageError } from "./error.ts";
import type { Choice, Image } from "./image.ts";
import { compressionOf, inflated } from "./inflate.ts";
import { cleanName } from "./names.ts";
import { openLayout } from "./oci.ts";
import { BLOCK, readHeader } from "./tar-header.ts";

/** An image, or a folder that is a root filesystem already. */
export type Source =
  | { readonly kind: "image"; readonly image: Image }
  | { readonly kind: "folder"; readonly path: string };

/**
 * Opens a source. What cannot be read from any place, a pipe or a compressed archive, is first copied to `scratch`.
 * @throws ImageError, and errors of node:fs where it cannot be read
 */
export async function openSource(
  path: string,
  choice: Choice,
  scratch: string,
  budget: Budget,
): Promise<Source> {
  const found = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path !== "-" && found === undefined) {
    throw new ImageError(
      "missing",
      `there is no ${path}`,
      "SOURCE is an archive, or a folder: an image layout or a root filesystem",
    );
  }
  if (found?.isDirectory()) return openFolder(path, choice);
  const regular = found?.isFile() === true;
  const file = regular ? path : await spooled(fromStream(path), `${scratch}/stream`, budget);
  const start = await startOf(file);
  const compression = compressionOf(start);
  const name = path === "-" ? "standard input" : path;
  const content = await fileContent(file, name);
  const first = await firstName(inflated(content.read(), compression), name);
  if (!ARCHIVE_NAMES.test(first)) return { kind: "image", image: rootfsImage(content) };
  const plain =
    compression === "none"
      ? file
      : await spooled(inflated(content.read(), compression), `${scratch}/archive`, budget);
  return { kind: "image", image: await openImage(await openArchive(plain, name), choice, content) };
}

/** What the files of saved images are called: the first of an archive tells what it is. */
const ARCHIVE_NAMES =
  /^(?:blobs(?:\/.*)?|oci-layout|index\.json|manifest\.json|repositories|[0-9a-f]{64}(?:\.json|\.tar|\/.*)?)$/;

async function openFolder(path: string, choice: Choice): Promise<Source> {
  const files: Files = {
    name: path,
    has: (file) => existsSync(join(path, cleanName(file))),
    content: async (file) => {
      const inside = join(path, cleanName(file));
      if (statSync(inside, { throwIfNoEntry: false })?.isFile() !== true) throw missing(file, path);
      return fileContent(inside, `${file} of ${path}`);
    },
  };
  if (files.has("oci-layout") && files.has("index.json")) {
    return { kind: "image", image: await openLayout(files, choice) };
  }
  if (files.has("manifest.json") && !files.has("bin") && !files.has("etc") && !files.has("usr")) {
    return { kind: "image", image: await openDockerArchive(files, choice) };
  }
  return { kind: "folder", path };
}

async function openImage(files: Files, choice: Choice, whole: Content): Promise<Image> {
  // Newer versions of docker save write both; the layout has more digests.
  if (files.has("index.json") && files.has("oci-layout")) return openLayout(files, choice);
  if (files.has("manifest.json")) return openDockerArchive(files, choice);
  return rootfsImage(whole);
}

/** A root filesystem as `docker export` writes it. */
function rootfsImage(content: Content): Image {
  return {
    name: content.name,
    id: undefined,
    config: undefined,
    layers: [{ content, digest: undefined, diffId: undefined }],
  };
}

async function startOf(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const start = new Uint8Array(BLOCK);
    const { bytesRead } = await file.read(start, 0, BLOCK, 0);
    return start.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The first entry's name, as it stands in its header. @throws ImageError `format` where this is no tar archive */
async function firstName(chunks: AsyncIterable<Buffer>, name: string): Promise<string> {
  let start = Buffer.alloc(0);
  for await (const chunk of chunks) {
    start = Buffer.concat([start, chunk.subarray(0, BLOCK)]);
    if (start.length >= BLOCK) break;
  }
  const what = `${name} is no image and no tar archive`;
  const hint = "SOURCE is what docker save, podman save, docker export or skopeo wrote, or an image layout";
  if (start.length < BLOCK) throw new ImageError("format", what, hint);
  try {
    const raw = readHeader(start.subarray(0, BLOCK))?.name ?? "";
    return raw.replace(/^(?:\.?\/)+/, "");
  } catch (error) {
    throw new ImageError("format", what, hint, { cause: error });
  }
}

async function* fromStream(path: string): AsyncIterable<Buffer> {
  const file = path === "-" ? process.stdin : (await open(path, "r")).createReadStream();
  for await (const chunk of file) yield chunk as Buffer;
}

/** Copies what can be read once to a file; its path. */
async function spooled(chunks: AsyncIterable<Buffer>, path: string, budget: Budget): Promise<string> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of chunks) {
      budget.stream(chunk.length);
      await file.appendFile(chunk);
    }
  } finally {
    await file.close();
  }
  return path;
}
