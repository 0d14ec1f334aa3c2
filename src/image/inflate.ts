/** Compressed layers: gzip by the engine, zstd by the engine where it can and by the host's program elsewhere. */
import { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import { Readable } from "node:stream";
import * as zlib from "node:zlib";
import { ImageError } from "./error.ts";

/** How bytes are compressed. */
export type Compression = "none" | "gzip" | "zstd";

/** What the first bytes say (RFC 1952, RFC 8878). @throws ImageError `unsupported` for what images don't have */
export function compressionOf(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  const other =
    a === 0x42 && b === 0x5a && c === 0x68
      ? "bzip2"
      : a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58
        ? "xz"
        : undefined;
  if (other === undefined) return "none";
  throw new ImageError(
    "unsupported",
    `a layer is compressed with ${other}, which images have with gzip or zstd`,
    `unpack it with ${other} first`,
  );
}

const CHUNK = 256 << 10;

type Chunks = AsyncIterable<Buffer>;

/** The bytes behind a compression. @throws ImageError `format` where they are damaged */
export function inflated(from: Chunks, compression: Compression): Chunks {
  switch (compression) {
    case "none":
      return from;
    case "gzip":
      return piped(from, zlib.createGunzip({ chunkSize: CHUNK }), "gzip");
    case "zstd":
      return unzstd(from);
    default:
      return compression satisfies never;
  }
}

/** Streams read ahead, and pieces are written over; the smaller their copies, the less of them waits. */
async function* copied(from: Chunks): Chunks {
  for await (const piece of from) {
    for (let at = 0; at < piece.length; at += CHUNK) yield Buffer.from(piece.subarray(at, at + CHUNK));
  }
}

async function* piped(from: Chunks, through: NodeJS.ReadWriteStream, name: string): Chunks {
  const input = Readable.from(copied(from), { objectMode: false, highWaterMark: CHUNK });
  let broken: unknown;
  // A failure of the input is told as it is, not as the decompressor's.
  input.on("error", (error) => {
    broken = error;
    (through as unknown as Readable).destroy(error);
  });
  input.pipe(through);
  try {
    for await (const chunk of through) yield chunk as Buffer;
  } catch (error) {
    if (broken !== undefined) throw broken;
    throw new ImageError(
      "format",
      `a ${name} stream is damaged or cut short: ${reason(error)}`,
      "get the image again",
    );
  } finally {
    input.destroy();
    (through as unknown as Readable).destroy();
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unzstd(from: Chunks): Chunks {
  const create = (zlib as { createZstdDecompress?: (options: object) => NodeJS.ReadWriteStream })
    .createZstdDecompress;
  return create === undefined ? byProgram(from) : piped(from, create({ chunkSize: CHUNK }), "zstd");
}

/** Through the host's zstd(1). */
async function* byProgram(from: Chunks): Chunks {
  const child = spawn("zstd", ["-dcq"], { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  let broken: unknown;
  child.stderr.on("data", (text: Buffer) => {
    if (said.length < 1000) said += text.toString();
  });
  const ended = new Promise<number | Error>((settle) => {
    child.on("error", settle);
    child.on("close", (code) => settle(code ?? 1));
  });
  const input = Readable.from(copied(from), { objectMode: false });
  input.on("error", (error) => {
    broken = error;
    child.kill("SIGKILL");
  });
  // It may end before it has read everything.
  child.stdin.on("error", () => undefined);
  input.pipe(child.stdin);
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const code = await ended;
    if (broken !== undefined) throw broken;
    if (code instanceof Error) {
      throw new ImageError(
        "unsupported",
        "a layer is compressed with zstd, which this engine cannot read, and there is no zstd program",
        "install zstd, or use Node 22.15 or newer",
      );
    }
    if (code !== 0) throw new ImageError("format", `a zstd stream is damaged or cut short: ${said.trim()}`);
  } finally {
    input.destroy();
    child.kill("SIGKILL");
  }
}
