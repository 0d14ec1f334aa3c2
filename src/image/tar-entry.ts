/** The entry that a header stands for. Pure. */
import { ImageError, shownName } from "./error.ts";
import type { SparseFile } from "./sparse.ts";
import type { EntryKind, RawHeader, TarEntry } from "./tar-header.ts";

const KINDS: Readonly<Record<string, EntryKind>> = {
  "0": "file",
  "7": "file",
  S: "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "dir",
  D: "dir",
  "6": "fifo",
};

/** What a header's type stands for. @throws ImageError `unsupported` */
export function kindOfHeader({ type, name }: RawHeader): EntryKind {
  if ((type === "0" || type === "7") && name.endsWith("/")) return "dir";
  const kind = KINDS[type];
  if (kind !== undefined) return kind;
  throw new ImageError(
    "unsupported",
    `the entry ${shownName(name)} is of an unknown type ${JSON.stringify(type)}`,
  );
}

/** The entry, with `stored` bytes in the archive. */
export function entryOf(
  raw: RawHeader,
  kind: EntryKind,
  stored: number,
  xattrs: TarEntry["xattrs"],
  sparse: SparseFile | undefined,
): TarEntry {
  // One by one: a rest of an object takes longer than the whole header.
  return {
    name: raw.name,
    kind,
    mode: raw.mode,
    uid: raw.uid,
    gid: raw.gid,
    size: sparse?.size ?? stored,
    seconds: raw.seconds,
    nanoseconds: raw.nanoseconds,
    link: raw.link,
    major: raw.major,
    minor: raw.minor,
    xattrs,
    sparse: sparse?.runs,
  };
}
