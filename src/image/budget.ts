/** How much an image may take: bytes and entries, over all its layers. */
import { statfsSync } from "node:fs";
import { ImageError, shownName } from "./error.ts";
import type { TarEntry } from "./tar-header.ts";

/** What is left; counted down while layers are read, before anything is written. */
export class Budget {
  readonly #limit: number;
  readonly #given: boolean;
  readonly #most: number;
  #bytes = 0;
  #stream = 0;
  #entries = 0;

  private constructor(limit: number, given: boolean, most: number) {
    this.#limit = limit;
    this.#given = given;
    this.#most = most;
  }

  /** The space that the filesystem of `dir` has for its user, or `given` bytes. */
  static of(dir: string, given: number | undefined): Budget {
    const { bavail, bsize, ffree, files } = statfsSync(dir);
    // Some filesystems make inodes as they need them, and say 0.
    const most = files === 0 ? Number.MAX_SAFE_INTEGER : ffree;
    const free = bavail * bsize;
    return new Budget(
      given === undefined ? free : Math.min(free, given),
      given !== undefined && given < free,
      most,
    );
  }

  /** Bytes of files so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Entries so far. */
  get entries(): number {
    return this.#entries;
  }

  /** An entry, before anything of it is written. @throws ImageError `limit` */
  entry({ name, size: whole, sparse }: TarEntry): void {
    // What a sparse file takes on the disk.
    const size = sparse === undefined ? whole : sparse.reduce((sum, [, length]) => sum + length, 0);
    this.#bytes += size;
    this.#entries++;
    if (this.#bytes > this.#limit) throw this.#tooLarge(`with ${shownName(name)} of ${size} bytes `);
    if (this.#entries > this.#most) {
      throw new ImageError(
        "limit",
        `the image has more than the ${this.#most} files that the filesystem has room for`,
      );
    }
  }

  /** A piece of an archive after decompression: also what is in no entry takes time. @throws ImageError `limit` */
  stream(size: number): void {
    this.#stream += size;
    // Headers and padding: 1.5 KiB an entry, and some that replace others.
    if (this.#stream > this.#limit + this.#entries * 8192 + (64 << 20)) throw this.#tooLarge("");
  }

  #tooLarge(what: string): ImageError {
    return new ImageError(
      "limit",
      `the image takes ${what}more than ${this.#given ? "the" : "the free"} ${this.#limit} bytes${this.#given ? " of --max-size" : " of the filesystem"}`,
      this.#given
        ? "raise --max-size if you trust the image"
        : "free some space, or unpack to another filesystem",
    );
  }
}
