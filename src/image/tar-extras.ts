/** Headers about the entry that follows them: pax's, and GNU's for long names. */
import { Buffer } from "node:buffer";
import { ImageError } from "./error.ts";
import { applyPax, BLOCK, type RawHeader, readPax } from "./tar-header.ts";

/** Of all headers about one entry, and of all global ones. */
const LONGEST = 1 << 20;
/** Of what all global ones say: it is gone through once more for each entry. */
const MOST_GLOBAL = 8 << 10;

/** What has been told of the next entry. */
export class TarExtras {
  readonly #global: Map<string, Buffer> = new Map();
  #pax: Map<string, Buffer> | undefined;
  /** Of a sparse file's map, as they came. */
  #numbers: Buffer[] = [];
  #name: string | undefined;
  #link: string | undefined;
  /** Of the headers so far. */
  #size = 0;
  #globalSize = 0;

  /** Whether an entry has to follow. */
  get waiting(): boolean {
    return this.#pax !== undefined || this.#name !== undefined || this.#link !== undefined;
  }

  /** A header of this type and size comes; before any of it is kept. @throws ImageError `limit` */
  expect(type: string, size: number): void {
    if (type === "g") this.#globalSize += size;
    // One without content takes memory, too.
    else this.#size += Math.max(size, BLOCK);
    if (this.#size <= LONGEST && this.#globalSize <= LONGEST) return;
    const whose = type === "g" ? "global headers" : "headers of one entry";
    throw new ImageError("limit", `the ${whose} of the archive are longer than ${LONGEST} bytes`);
  }

  /** The content of a header of type x, g, L or K. @throws ImageError `format`, `limit` */
  take(type: string, content: Buffer): void {
    if (type === "g") this.#takeGlobal(content);
    else if (type === "L") this.#name = textOf(content);
    else if (type === "K") this.#link = textOf(content);
    else {
      this.#pax ??= new Map(this.#global);
      readPax(content, this.#pax, this.#numbers);
    }
  }

  #takeGlobal(content: Buffer): void {
    readPax(content, this.#global, []);
    let kept = 0;
    for (const [key, value] of this.#global) {
      // The map of a sparse file is nobody else's.
      if (key.startsWith("GNU.sparse.")) this.#global.delete(key);
      else kept += key.length + value.length;
    }
    if (kept <= MOST_GLOBAL) return;
    throw new ImageError(
      "limit",
      `the archive says more than ${MOST_GLOBAL} bytes of all its entries at once`,
    );
  }

  /** Puts it into the entry's own header, and is done with it. @throws ImageError `format` */
  apply(raw: RawHeader): {
    readonly pax: ReadonlyMap<string, Buffer>;
    readonly xattrs: ReadonlyMap<string, Buffer> | undefined;
  } {
    const pax = this.#pax ?? this.#global;
    if (this.#numbers.length > 0) {
      if (!pax.has("GNU.sparse.map")) pax.set("GNU.sparse.map", Buffer.from(this.#numbers.join(",")));
      this.#numbers = [];
    }
    if (this.#name !== undefined) raw.name = this.#name;
    if (this.#link !== undefined) raw.link = this.#link;
    this.#pax = undefined;
    this.#name = undefined;
    this.#link = undefined;
    this.#size = 0;
    return { pax, xattrs: pax.size === 0 ? undefined : applyPax(raw, pax) };
  }
}

function textOf(content: Buffer): string {
  const nul = content.indexOf(0);
  return content.toString("latin1", 0, nul < 0 ? content.length : nul);
}

/** A block or header whose bytes come in several pieces. */
export class Gathered {
  #parts: Buffer[] = [];
  #size = 0;

  get empty(): boolean {
    return this.#size === 0;
  }

  /** Takes from `at` on what is missing to `size`: where that ends, and all of it once it is whole. */
  add(chunk: Buffer, at: number, size: number): { readonly end: number; readonly all: Buffer | undefined } {
    const end = Math.min(chunk.length, at + size - this.#size);
    const part = chunk.subarray(at, end);
    if (this.#size + part.length < size) {
      this.#parts.push(Buffer.from(part));
      this.#size += part.length;
      return { end, all: undefined };
    }
    const all = this.#size === 0 ? part : Buffer.concat([...this.#parts, part]);
    this.#parts = [];
    this.#size = 0;
    return { end, all };
  }
}
