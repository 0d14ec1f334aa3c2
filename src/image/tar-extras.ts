/** Headers about the entry that follows them: pax's, and GNU's for long names. */
import { Buffer } from "node:buffer";
import { ImageError } from "./error.ts";
import { applyPax, type RawHeader, readPax } from "./tar-header.ts";

/** What has been told of the next entry. */
export class TarExtras {
  readonly #global: Map<string, Buffer> = new Map();
  #pax: Map<string, Buffer> | undefined;
  #name: string | undefined;
  #link: string | undefined;

  /** Whether an entry has to follow. */
  get waiting(): boolean {
    return this.#pax !== undefined || this.#name !== undefined || this.#link !== undefined;
  }

  /** The content of a header of type x, g, L or K. @throws ImageError `format` */
  take(type: string, content: Buffer): void {
    if (type === "g") readPax(content, this.#global);
    else if (type === "L") this.#name = textOf(content);
    else if (type === "K") this.#link = textOf(content);
    else {
      this.#pax ??= new Map(this.#global);
      readPax(content, this.#pax);
    }
  }

  /** Puts it into the entry's own header, and is done with it. @throws ImageError `format` */
  apply(raw: RawHeader): {
    readonly pax: ReadonlyMap<string, Buffer>;
    readonly xattrs: ReadonlyMap<string, Buffer> | undefined;
  } {
    const pax = this.#pax ?? this.#global;
    if (this.#name !== undefined) raw.name = this.#name;
    if (this.#link !== undefined) raw.link = this.#link;
    this.#pax = undefined;
    this.#name = undefined;
    this.#link = undefined;
    return { pax, xattrs: pax.size === 0 ? undefined : applyPax(raw, pax) };
  }
}

function textOf(content: Buffer): string {
  return content.toString("latin1").replace(/\0.*$/s, "");
}

/** Of a pax header or a long name. */
const LONGEST_HEADER = 1 << 20;

/** @throws ImageError `limit` */
export function checkLength(size: number): void {
  if (size <= LONGEST_HEADER) return;
  throw new ImageError("limit", `a header of the archive is ${size} bytes long, more than ${LONGEST_HEADER}`);
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
