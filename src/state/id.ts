/** Container ids: a name for a folder, checked before anything is done with it. */
import { StateError } from "../error.ts";

/** Longest file name of Linux file systems (NAME_MAX), since an id names a folder. */
const LONGEST = 255;

/**
 * Accepts what runc accepts: letters, digits, `_`, `+`, `-` and `.`, but neither `.` nor `..`.
 *
 * @throws StateError `id-invalid`
 */
export function checkId(id: string): string {
  if (!/^[A-Za-z0-9_+.-]+$/.test(id) || id === "." || id === ".." || id.length > LONGEST) {
    throw new StateError("id-invalid", `invalid container ID format: ${JSON.stringify(id)}`, {
      hint: `use letters, digits, "_", "+", "-" and ".", ${LONGEST} at most`,
    });
  }
  return id;
}
