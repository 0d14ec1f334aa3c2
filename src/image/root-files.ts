/** Files of an unpacked image, whose links must not lead out of it: opened inside its root, and used as they are open. */
import { Buffer } from "node:buffer";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { Handle, status } from "../sys/files.ts";
import { errnoName, lib } from "../sys/lib.ts";
import { ImageError } from "./error.ts";
import { placeOf } from "./partial.ts";
import type { UserFiles } from "./users.ts";

/** Larger than /etc/passwd of any image. */
const LARGEST = 4 << 20;

/** /etc/passwd and /etc/group of a root; `""` where there is none. @throws ImageError `limit` for one that is too large */
export function readUserFiles(root: string): UserFiles {
  return { passwd: readInside(root, "etc/passwd"), group: readInside(root, "etc/group") };
}

/** A file of a root as text; `""` where there is none, or none that is a file. @throws ImageError `limit` */
export function readInside(root: string, path: string): string {
  // A device or pipe is looked at, and not opened: that may wait, or have an effect.
  const place = openInside(root, path, O.PATH);
  try {
    if (place === undefined || status(placeOf(place))?.kind !== "file") return "";
    const bytes = Buffer.alloc(LARGEST);
    const got = lib().ts_read(cstring(placeOf(place)), bytes, bytes.length);
    if (got >= 0) return bytes.toString("utf8", 0, got);
    if (errnoName(-got) !== "EFBIG") return "";
    throw new ImageError("limit", `/${path} of the image is larger than ${LARGEST} bytes`);
  } finally {
    place?.close();
  }
}

/**
 * Opens what a path leads to, links followed inside the root (the last one not with O_NOFOLLOW); `undefined` where it leads to
 * nothing. A character of the path is a byte.
 */
export function openInside(root: string, path: string, flags: number): Handle | undefined {
  const name = Buffer.from(`${path === "" ? "." : path}\0`, "latin1");
  const fd = lib().ts_open_inside(cstring(root), name, flags);
  return fd < 0 ? undefined : new Handle(fd);
}
