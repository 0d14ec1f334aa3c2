/** A layer from its blob to a sink: digests compared, decompressed, read as an archive. */
import type { Buffer } from "node:buffer";
import type { Budget } from "./budget.ts";
import { type Content, verified } from "./content.ts";
import type { Layer } from "./image.ts";
import { type Compression, compressionOf, inflated } from "./inflate.ts";
import { TarReader } from "./tar.ts";
import type { TarSink } from "./tar-header.ts";

/** Who is told how far it is, and asked whether to go on. */
export interface Watcher {
  /** A layer begins: what it is called, and its bytes as stored. */
  begin(name: string, size: number): void;
  /** So many more of them have been read. Throws where the caller wants an end. */
  read(bytes: number): void;
  /** The layer is done. */
  done(): void;
  /** Throws where the caller wants an end; asked wherever something takes as long as the image likes. */
  ask(): void;
  /** Waits until a descriptor has something to read. Throws where the caller wants an end. */
  wait(fd: number): void;
}

/** Who writes a layer. */
export interface LayerSink extends TarSink {
  /** What follows is told of this piece of the archive. */
  begin(piece: Buffer): void;
  /** All of it has been told of; it stays as it is until `HELD` more have been. */
  pass(): void;
}

/** Of layers that are there several times, as empty ones are, the last one: it hides what the others have made. */
export function eachOnce(layers: readonly Layer[]): readonly Layer[] {
  const last = new Map<string, Layer>();
  for (const layer of layers) last.set(`${layer.digest} ${layer.diffId}`, layer);
  return layers.filter(
    (layer) => layer.diffId === undefined || last.get(`${layer.digest} ${layer.diffId}`) === layer,
  );
}

/** Reads a whole layer. @throws ImageError `digest`, `format`, `limit`, and what the sink throws */
export async function readLayer(
  layer: Layer,
  sink: LayerSink,
  budget: Budget,
  watcher: Watcher,
): Promise<void> {
  const { content, digest, diffId } = layer;
  watcher.begin(content.name, content.size);
  const { compression, chunks } = await looked(counted(content, watcher));
  // What is stored as it is has both digests alike.
  const checked = digest === undefined || (compression === "none" && digest === diffId);
  const stored = checked ? chunks : verified(chunks, digest, content.name);
  const plain = inflated(stored, compression);
  const archive = diffId === undefined ? plain : verified(plain, diffId, `the archive in ${content.name}`);
  const reader = new TarReader(sink);
  for await (const chunk of archive) {
    watcher.ask();
    budget.stream(chunk.length);
    sink.begin(chunk);
    reader.push(chunk);
    sink.pass();
  }
  reader.finish();
  watcher.done();
}

async function* counted(content: Content, watcher: Watcher): AsyncIterable<Buffer> {
  for await (const chunk of content.read()) {
    watcher.read(chunk.length);
    yield chunk;
  }
}

/** Tells the compression by the first piece, which is not lost. */
async function looked(
  from: AsyncIterable<Buffer>,
): Promise<{ readonly compression: Compression; readonly chunks: AsyncIterable<Buffer> }> {
  const iterator = from[Symbol.asyncIterator]();
  const first = await iterator.next();
  const compression = first.done ? "none" : compressionOf(first.value);
  async function* chunks(): AsyncIterable<Buffer> {
    try {
      for (let next = first; !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { compression, chunks: chunks() };
}
