/** An archive file as a folder of blobs: where each of its files lies, found by reading the headers alone. */
import { Buffer } from "node:buffer";
import { open } from "node:fs/promises";
import { type Content, fileContent } from "./content.ts";
import { ImageError, shownName } from "./error.ts";
import type { Watcher } from "./layers.ts";
import { cleanName, splitPath } from "./names.ts";
import { TarReader } from "./tar.ts";
import type { TarEntry, TarSink } from "./tar-header.ts";

/** A blob has a name of its own and its layers are few: far more is something else. */
const MOST_FILES = 100_000;
/** Of all their names together, and of what links name. */
const MOST_NAMES = 16 << 20;
/** Headers come one after the other, or before content that is left out. */
const AT_ONCE = 16 << 10;
/** How many links lead to a file at most, as the kernel's 40. */
const MOST_LINKS = 40;

type Item = { readonly at: number; readonly size: number } | { readonly to: string };

/** Files by name. */
export interface Files {
  /** What messages call the whole. */
  readonly name: string;
  has(path: string): boolean;
  /** @throws ImageError `missing` where there is no such file, `unsafe` where its name leads out */
  content(path: string): Promise<Content>;
}

/** The files of a tar archive that is not compressed. @throws ImageError */
export async function openArchive(path: string, name: string, watcher: Watcher): Promise<Files> {
  const items = await readIndex(path, watcher);
  return {
    name,
    has: (file) => find(items, file, name) !== undefined,
    content: async (file) => {
      const found = find(items, file, name);
      if (found === undefined) throw missing(file, name);
      return fileContent(path, `${file} of ${name}`, found);
    },
  };
}

/** The error for a blob that is not there. */
export function missing(file: string, name: string): ImageError {
  return new ImageError(
    "missing",
    `${name} has no ${shownName(file)}, which the image consists of`,
    "the image was saved incompletely, or for other platforms only",
  );
}

/** The files of an archive, as its headers come. */
class Index implements TarSink {
  readonly items = new Map<string, Item>();
  readonly reader: TarReader = new TarReader(this);
  /** Of all names so far, links' targets included. */
  #length = 0;

  entry({ name, kind, link, sparse, size }: TarEntry): void {
    const path = cleanName(name);
    this.#length += path.length + link.length;
    if (this.items.size >= MOST_FILES || this.#length > MOST_NAMES) {
      throw new ImageError("limit", `the archive has more than ${MOST_FILES} files, which no image has`);
    }
    if (kind === "file" && sparse === undefined) this.items.set(path, { at: this.reader.position, size });
    else if (kind === "symlink") this.items.set(path, { to: joined(splitPath(path)[0], link) });
    else if (kind === "link") this.items.set(path, { to: cleanName(link) });
  }

  data(): void {}
  end(): void {}
}

async function readIndex(path: string, watcher: Watcher): Promise<ReadonlyMap<string, Item>> {
  const { items, reader } = new Index();
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const buffer = Buffer.allocUnsafe(AT_ONCE);
    while (!reader.done && reader.position < size) {
      watcher.ask();
      if (reader.ahead > 0) {
        if (reader.position + reader.ahead > size) break;
        reader.skip();
        continue;
      }
      const { bytesRead } = await file.read(buffer, 0, buffer.length, reader.position);
      if (bytesRead === 0) break;
      reader.push(buffer.subarray(0, bytesRead));
    }
    reader.finish();
  } finally {
    await file.close();
  }
  return items;
}

/** Where a link in a folder leads, which may be above the archive's top: then it is no name of a file in it. */
function joined(folder: string, link: string): string {
  const parts = folder === "" || link.startsWith("/") ? [] : folder.split("/");
  for (const part of link.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return "..";
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function find(
  items: ReadonlyMap<string, Item>,
  path: string,
  name: string,
): Extract<Item, { at: number }> | undefined {
  let item = items.get(cleanName(path));
  for (let links = 0; item !== undefined && "to" in item; links++) {
    if (links === MOST_LINKS)
      throw new ImageError("unsafe", `${shownName(path)} of ${name} leads from link to link without an end`);
    item = items.get(item.to);
  }
  return item;
}
