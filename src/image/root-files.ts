/** Reading files of an unpacked image, whose links must not lead out of it. */
import { Buffer } from "node:buffer";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { cstring } from "../sys/bytes.ts";
import { O } from "../sys/constants.gen.ts";
import { resolveIn } from "../sys/inspect.ts";
import { lib } from "../sys/lib.ts";
import { ImageError } from "./error.ts";
import type { UserFiles } from "./users.ts";

/** Larger than /etc/passwd of any image. */
const LARGEST = 4 << 20;

/** /etc/passwd and /etc/group of a root; `""` where there is none. @throws ImageError `limit` for one that is too large */
export function readUserFiles(root: string): UserFiles {
  return { passwd: readInside(root, "/etc/passwd"), group: readInside(root, "/etc/group") };
}

/** A file of a root as text; `""` where there is none, or none that is a file. */
export function readInside(root: string, path: string): string {
  const found = resolveIn(root, path);
  if ("errno" in found) return "";
  let fd: number;
  try {
    // A fifo would wait for its other end.
    fd = openSync(found.path, O.RDONLY | O.NONBLOCK | O.NOFOLLOW);
  } catch {
    return "";
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile()) return "";
    if (status.size > LARGEST)
      throw new ImageError("limit", `${path} of the image is larger than ${LARGEST} bytes`);
    const bytes = Buffer.alloc(status.size);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)).toString("utf8");
  } finally {
    closeSync(fd);
  }
}

/** The same for names that need not be UTF-8 (a character a byte): where a path leads, links followed inside the root. */
export function resolveBelow(root: string, path: string): Buffer | undefined {
  const out = Buffer.alloc(4096);
  const name = Buffer.from(`${path}\0`, "latin1");
  const length = lib().ts_resolve(cstring(root), name, 1, out, out.length);
  return length < 0 ? undefined : out.subarray(0, length);
}
