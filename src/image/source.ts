/** What SOURCE names: an image layout, a saved image, a root filesystem, each as a folder or as an archive. */
import { Buffer } from "node:buffer";
import { closeSync, constants, existsSync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Files, missing, openArchive } from "./archive.ts";
import type { Budget } from "./budget.ts";
import { type Content, fileContent } from "./content.ts";
import { openDockerArchive } from "./docker.ts";
import { ImageError } from "./error.ts";
import type { Choice, Image } from "./image.ts";
import { compressionOf, inflated } from "./inflate.ts";
import type { Watcher } from "./layers.ts";
import { cleanName } from "./names.ts";
import { openLayout } from "./oci.ts";
import { BLOCK, readHeader } from "./tar-header.ts";

/** Of one read of a pipe: as much as it holds. */
const AT_ONCE = 64 << 10;

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
  watcher: Watcher,
): Promise<Source> {
  const found = path === "-" ? undefined : statSync(path, { throwIfNoEntry: false });
  if (path !== "-" && found === undefined) {
    throw new ImageError(
      "missing",
      `there is no ${path}`,
      "SOURCE is an archive, or a folder: an image layout or a root filesystem",
    );
  }
  if (found?.isDirectory()) return openFolder(path, choice, watcher);
  const regular = found?.isFile() === true;
  const file = regular ? path : await spooled(fromStream(path, watcher), `${scratch}/stream`, budget);
  const start = await startOf(file);
  const compression = compressionOf(start);
  const name = path === "-" ? "standard input" : path;
  const content = watched(await fileContent(file, name), watcher);
  const first = await firstName(inflated(content.read(), compression), name);
  if (!ARCHIVE_NAMES.test(first)) return { kind: "image", image: rootfsImage(content) };
  const plain =
    compression === "none"
      ? file
      : await spooled(asked(inflated(content.read(), compression), watcher), `${scratch}/archive`, budget);
  const files = await openArchive(plain, name, watcher);
  return { kind: "image", image: await openImage(files, choice, content, watcher) };
}

/** What the files of saved images are called: the first of an archive tells what it is. */
const ARCHIVE_NAMES =
  /^(?:blobs(?:\/.*)?|oci-layout|index\.json|manifest\.json|repositories|[0-9a-f]{64}(?:\.json|\.tar|\/.*)?)$/;

async function openFolder(path: string, choice: Choice, watcher: Watcher): Promise<Source> {
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
    return { kind: "image", image: await openLayout(files, choice, watcher) };
  }
  if (files.has("manifest.json") && !files.has("bin") && !files.has("etc") && !files.has("usr")) {
    return { kind: "image", image: await openDockerArchive(files, choice, watcher) };
  }
  return { kind: "folder", path };
}

async function openImage(files: Files, choice: Choice, whole: Content, watcher: Watcher): Promise<Image> {
  // Newer versions of docker save write both; the layout has more digests.
  if (files.has("index.json") && files.has("oci-layout")) return openLayout(files, choice, watcher);
  if (files.has("manifest.json")) return openDockerArchive(files, choice, watcher);
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

/** A pipe, a device or standard input, which may give nothing for as long as they like. */
async function* fromStream(path: string, watcher: Watcher): AsyncIterable<Buffer> {
  // A fifo whose other end nobody has opened is waited for below, where signals are seen.
  const fd = path === "-" ? 0 : openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const buffer = Buffer.allocUnsafe(AT_ONCE);
  try {
    for (;;) {
      watcher.wait(fd);
      const got = readSome(fd, buffer);
      if (got === 0) return;
      if (got !== undefined) yield buffer.subarray(0, got);
    }
  } finally {
    if (path !== "-") closeSync(fd);
  }
}

/** `undefined` where another reader was faster. */
function readSome(fd: number, buffer: Buffer): number | undefined {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

/** The same bytes, and signals are seen between them. */
async function* asked(chunks: AsyncIterable<Buffer>, watcher: Watcher): AsyncIterable<Buffer> {
  for await (const chunk of chunks) {
    watcher.ask();
    yield chunk;
  }
}

function watched(content: Content, watcher: Watcher): Content {
  return { ...content, read: () => asked(content.read(), watcher) };
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
