/** Removing trees. */
import { cstring } from "./bytes.ts";
import { checked, errnoName, lib } from "./lib.ts";

/** Removes a file or folder with all that is in it; nothing there is no error. @throws SystemError */
export function removeTree(path: string): void {
  const answer = lib().ts_remove(cstring(path));
  if (answer < 0 && errnoName(-answer) !== "ENOENT") checked(answer, "unlinkat", path);
}
