/**
 * Reads a tar archive as it comes, in chunks of any size, without holding more of it than a header: ustar, GNU and pax. The
 * reader of tar-stream gives pax's values as text, which damages attributes such as security.capability, and does not know
 * GNU's sparse files.
 */

import { Buffer } from "node:buffer";
import { append } from "../lists.ts";
import { ImageError, shownName } from "./error.ts";
import {
  checkRuns,
  hasMore,
  LeadingMap,
  listedRuns,
  MOST_RUNS,
  oldRuns,
  type SparseFile,
  sparseFile,
  tooManyRuns,
} from "./sparse.ts";
import { entryOf, kindOfHeader } from "./tar-entry.ts";
import { Gathered, TarExtras } from "./tar-extras.ts";
import {
  BLOCK,
  paxSize,
  type RawHeader,
  readHeader,
  type SparseRun,
  type TarEntry,
  type TarSink,
  tarNumber,
} from "./tar-header.ts";

/** What comes next: a header; the rest of something that is gathered; content; nothing. */
type State =
  | { readonly kind: "block"; readonly use: (block: Buffer) => void }
  | { readonly kind: "gather"; readonly size: number; readonly use: (bytes: Buffer) => void }
  | { readonly kind: "content" }
  | { readonly kind: "skip" }
  | { readonly kind: "done" };

/** Of an old sparse file, after the four of its header. */
const RUNS_OF_BLOCK = 21;

const CONTENT: State = { kind: "content" };
const SKIP: State = { kind: "skip" };

/** The reader. */
export class TarReader {
  readonly #sink: TarSink;
  readonly #nextHeader: State = { kind: "block", use: (block) => this.#header(block) };
  #state: State = this.#nextHeader;
  /** What has been gathered of a block or header. */
  readonly #gathered = new Gathered();
  /** Of content or padding still to come. */
  #left = 0;
  #padding = 0;
  /** Where the next piece of content belongs. */
  #offset = 0;
  #runs: readonly SparseRun[] = [];
  #run = 0;
  #zeros = 0;
  readonly #extras = new TarExtras();
  /** Bytes taken so far. */
  position = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** Whether the archive's end has been seen; what follows it is ignored. */
  get done(): boolean {
    return this.#state.kind === "done";
  }

  /** How many bytes of content and padding may be left out of `push` now, by `skip`. */
  get ahead(): number {
    return this.#state.kind === "skip" || this.#state.kind === "content" ? this.#left + this.#padding : 0;
  }

  /** Takes {@link ahead} as read. */
  skip(): void {
    this.position += this.ahead;
    if (this.#state.kind === "content") this.#sink.end();
    this.#left = 0;
    this.#padding = 0;
    this.#state = this.#nextHeader;
  }

  /** The next bytes of the archive. @throws ImageError */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const state = this.#state;
      const had = at;
      if (state.kind === "done") at = chunk.length;
      else if (state.kind === "content") at = this.#content(chunk, at);
      else if (state.kind === "skip") at = this.#skipped(chunk, at);
      else at = this.#gather(chunk, at, state.kind === "block" ? BLOCK : state.size, state.use);
      if (state.kind !== "block" && state.kind !== "gather") this.position += at - had;
    }
  }

  /** The archive has ended. @throws ImageError `format` where that is in the middle of an entry */
  finish(): void {
    const whole = this.#state.kind === "done" || (this.#state.kind === "block" && this.#gathered.empty);
    if (whole && !this.#extras.waiting) return;
    throw new ImageError(
      "format",
      "the archive is cut short: it ends in the middle of an entry",
      "get it again",
    );
  }

  #gather(chunk: Buffer, at: number, size: number, use: (bytes: Buffer) => void): number {
    const { end, all } = this.#gathered.add(chunk, at, size);
    // Before the entry is told of, which begins here.
    this.position += end - at;
    if (all !== undefined) use(all);
    return end;
  }

  #content(chunk: Buffer, at: number): number {
    const run = this.#runs[this.#run];
    const room = run === undefined ? this.#left : Math.min(this.#left, run[0] + run[1] - this.#offset);
    const end = Math.min(chunk.length, at + room);
    if (end > at) this.#sink.data(chunk.subarray(at, end), this.#offset);
    this.#left -= end - at;
    this.#offset += end - at;
    if (run !== undefined && this.#offset === run[0] + run[1]) {
      this.#run++;
      this.#offset = this.#runs[this.#run]?.[0] ?? this.#offset;
    }
    if (this.#left === 0) this.#endContent();
    return end;
  }

  #endContent(): void {
    this.#sink.end();
    this.#state = this.#padding > 0 ? SKIP : this.#nextHeader;
  }

  #skipped(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#padding);
    this.#padding -= end - at;
    if (this.#padding === 0) this.#state = this.#nextHeader;
    return end;
  }

  #header(block: Buffer): void {
    const raw = readHeader(block);
    if (raw === undefined) {
      this.#zeros++;
      this.#state = this.#zeros === 2 ? { kind: "done" } : this.#nextHeader;
      return;
    }
    this.#zeros = 0;
    if (raw.size < 0) throw new ImageError("format", `the size of ${shownName(raw.name)} is negative`);
    switch (raw.type) {
      case "x":
      case "g":
      case "L":
      case "K":
        this.#gatherHeader(raw);
        break;
      case "V":
      case "N":
      case "M":
        this.#ignore(raw.size);
        break;
      case "S":
        this.#oldSparse(raw, Buffer.from(block), [...oldRuns(block, 386, 4)], hasMore(block, 482));
        break;
      default:
        this.#entry(raw);
    }
  }

  /** A volume's label, say. */
  #ignore(size: number): void {
    this.#padding = padded(size);
    this.#state = this.#padding > 0 ? SKIP : this.#nextHeader;
  }

  #gatherHeader({ type, size }: RawHeader): void {
    this.#extras.expect(type, size);
    const use = (bytes: Buffer): void => {
      this.#extras.take(type, Buffer.from(bytes.subarray(0, size)));
      this.#state = this.#nextHeader;
    };
    if (size === 0) use(Buffer.alloc(0));
    else this.#state = { kind: "gather", size: padded(size), use };
  }

  /** @param blocks of more runs so far; empty ones count, too */
  #oldSparse(raw: RawHeader, first: Buffer, runs: SparseRun[], more: boolean, blocks = 0): void {
    if (!more) {
      this.#entry(raw, sparseFile(runs, tarNumber(first, 483, 12)));
      return;
    }
    if (blocks * RUNS_OF_BLOCK > MOST_RUNS) throw tooManyRuns(raw.name);
    const use = (block: Buffer): void => {
      append(runs, oldRuns(block, 0, RUNS_OF_BLOCK));
      this.#oldSparse(raw, first, runs, hasMore(block, 504), blocks + 1);
    };
    this.#state = { kind: "block", use };
  }

  #entry(raw: RawHeader, sparse?: SparseFile): void {
    const { pax, xattrs } = this.#extras.apply(raw);
    const whole = pax.get("GNU.sparse.realsize") ?? pax.get("GNU.sparse.size");
    const size = whole === undefined ? raw.size : paxSize(whole, "size of a sparse file");
    const map = pax.get("GNU.sparse.map")?.toString("latin1");
    if (pax.get("GNU.sparse.major")?.toString("latin1") === "1") {
      this.#leadingMap(raw, xattrs, size, new LeadingMap(raw.name));
    } else this.#begin(raw, xattrs, map === undefined ? sparse : sparseFile(listedRuns(map, raw.name), size));
  }

  #leadingMap(raw: RawHeader, xattrs: TarEntry["xattrs"], size: number, map: LeadingMap): void {
    if (map.used + BLOCK > raw.size)
      throw new ImageError("format", `${shownName(raw.name)} has no map of its runs`);
    const use = (block: Buffer): void => {
      if (!map.add(block)) this.#leadingMap(raw, xattrs, size, map);
      else this.#begin({ ...raw, size: raw.size - map.used }, xattrs, sparseFile(map.runs(), size));
    };
    this.#state = { kind: "block", use };
  }

  #begin(raw: RawHeader, xattrs: TarEntry["xattrs"], sparse: SparseFile | undefined): void {
    const kind = kindOfHeader(raw);
    if (sparse !== undefined) checkRuns(sparse, raw.size);
    // Only files have content; that of a folder or link is a size without bytes.
    const stored = kind === "file" ? raw.size : 0;
    this.#sink.entry(entryOf(raw, kind, stored, xattrs, sparse));
    this.#runs = sparse?.runs ?? [];
    this.#run = 0;
    this.#offset = this.#runs[0]?.[0] ?? 0;
    this.#left = stored;
    this.#padding = padded(stored) - stored;
    if (stored > 0) this.#state = CONTENT;
    else this.#endContent();
  }
}

/** Up to the end of the last block. */
function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
