/** Removing trees. */
import { SystemError } from "../error.ts";
import { cstring } from "./bytes.ts";
import type { Handle } from "./files.ts";
import { errnoName, lib } from "./lib.ts";

/**
 * Removes a file or folder with all that is in it; nothing there is no error.
 *
 * @param known what is open on it: that is removed, wherever somebody has moved it, and the name only while it is its
 * @throws SystemError; ESTALE where somebody keeps moving its folders elsewhere
 */
export function removeTree(path: string, known?: Handle): void {
  const answer = lib().ts_remove(cstring(path), known?.fd ?? -1);
  const errno = answer < 0 ? errnoName(-answer) : "";
  if (answer >= 0 || errno === "ENOENT") return;
  throw new SystemError("unlinkat", errno, path, {
    hint:
      errno === "ESTALE"
        ? "somebody moves folders of it elsewhere at the same time: stop that first"
        : undefined,
  });
}
