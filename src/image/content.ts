/** Bytes of an image: a file, or a part of an archive, read in pieces and compared with what they should be. */
import { Buffer } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import { ImageError } from "./error.ts";
import { HELD, openHasher } from "./hash.ts";

/** Of one read. */
const PIECE = 1 << 20;

/** A blob of an image. */
export interface Content {
  /** What it is called in a message. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Its bytes in pieces; a piece stays as it is until {@link HELD} more and another have been asked for. */
  read(): AsyncIterable<Buffer>;
}

/** A part of a file, by default all of it. @throws an error of node:fs */
export async function fileContent(
  path: string,
  name: string,
  part?: { readonly at: number; readonly size: number },
): Promise<Content> {
  const size = part?.size ?? (await sizeOf(path));
  return { name, size, read: () => readPart(path, name, part?.at ?? 0, size) };
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

async function* readPart(path: string, name: string, from: number, size: number): AsyncIterable<Buffer> {
  const file: FileHandle = await open(path, "r");
  let next: Promise<Buffer> | undefined;
  try {
    const ring = new Ring(Math.min(PIECE, Math.max(1, size)));
    const read = async (done: number): Promise<Buffer> => {
      const buffer = ring.next();
      const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, size - done), from + done);
      return buffer.subarray(0, bytesRead);
    };
    for (let done = 0; done < size; ) {
      const piece: Buffer = await (next ?? read(0));
      if (piece.length === 0) throw new ImageError("format", `${name} is cut short`, "get the image again");
      done += piece.length;
      // Beside what is done with this one.
      next = done < size ? read(done) : undefined;
      yield piece;
    }
  } finally {
    await next?.catch(() => undefined);
    await file.close();
  }
}

/** Buffers in turns: one that is filled, one that is read, and those that are held. */
class Ring {
  readonly #size: number;
  readonly #buffers: Buffer[] = [];
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  next(): Buffer {
    const at = this.#count++ % (HELD + 2);
    const buffer = this.#buffers[at] ?? Buffer.allocUnsafe(this.#size);
    this.#buffers[at] = buffer;
    return buffer;
  }
}

/** A digest such as `sha256:…` (image-spec descriptor.md). @throws ImageError `format`, `unsupported` */
export function parseDigest(text: string): { readonly algorithm: "sha256" | "sha512"; readonly hex: string } {
  const [, algorithm = "", hex = ""] = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)$/.exec(text) ?? [];
  if (algorithm !== "" && algorithm !== "sha256" && algorithm !== "sha512") {
    throw new ImageError(
      "unsupported",
      `the digest ${JSON.stringify(text.slice(0, 80))} is of an unknown kind`,
    );
  }
  const length = algorithm === "sha512" ? 128 : 64;
  if (algorithm === "" || hex.length !== length || !/^[0-9a-f]+$/.test(hex)) {
    throw new ImageError("format", `${JSON.stringify(text.slice(0, 80))} is no digest`);
  }
  return { algorithm: algorithm === "sha512" ? "sha512" : "sha256", hex };
}

/** Passes bytes on and says at their end whether they are the right ones. */
export async function* verified(
  from: AsyncIterable<Buffer>,
  digest: string,
  name: string,
): AsyncIterable<Buffer> {
  const { algorithm, hex } = parseDigest(digest);
  const hash = openHasher(algorithm);
  try {
    for await (const chunk of from) {
      hash.add(chunk);
      yield chunk;
    }
    compare(hash.hex(), hex, digest, name);
  } finally {
    hash.close();
  }
}

function compare(found: string, hex: string, digest: string, name: string): void {
  if (found === hex) return;
  throw new ImageError(
    "digest",
    `${name} has other bytes than the image says: its digest should be ${digest}, and is ${found}`,
    "the image was changed or damaged on its way: get it again",
  );
}

/** All of a small blob. @throws ImageError `limit`, `digest` */
export async function readWhole(content: Content, max: number, digest?: string): Promise<Buffer> {
  if (content.size > max) {
    throw new ImageError(
      "limit",
      `${content.name} is ${content.size} bytes long, more than the ${max} that are read`,
    );
  }
  const parts: Buffer[] = [];
  const bytes = content.read();
  for await (const chunk of digest === undefined ? bytes : verified(bytes, digest, content.name)) {
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts);
}
