/**
 * Files of the host, read and changed through the native library: no `node:` module, and many small changes in one call.
 */
import { SystemError } from "../error.ts";

/** One change to the host's files; {@link perform} does many in one call. */
export type FileAction =
  /** mkdir(2) with exactly this mode. With `keep`, a folder that is there already is no failure. */
  | { readonly do: "mkdir"; readonly path: string; readonly mode: number; readonly keep?: boolean }
  /** One write(2) to a file that exists: cgroup and proc files. With `ifThere`, a missing file is no failure. */
  | { readonly do: "write"; readonly path: string; readonly text: string; readonly ifThere?: boolean }
  /** Makes a file that must not exist yet and writes the whole text. */
  | { readonly do: "create"; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly do: "rename"; readonly path: string; readonly to: string }
  | { readonly do: "unlink"; readonly path: string; readonly ifThere?: boolean }
  | { readonly do: "rmdir"; readonly path: string; readonly ifThere?: boolean };

/** The first action that failed: which one, and what the kernel said. Later ones were not tried. */
export interface ActionFailure {
  readonly index: number;
  readonly syscall: string;
  /** The errno name, for example `EBUSY`. */
  readonly errno: string;
}

// contract for the other rooms; the implementation follows
export declare function perform(actions: readonly FileAction[]): ActionFailure | undefined;
/** @throws SystemError; `max` bytes at most are read (default 1 MiB), a larger file is EFBIG. */
export declare function readText(path: string, max?: number): string;
/** The same, but `undefined` where there is no such file (ENOENT, ENOTDIR, ENODEV). */
export declare function readTextIfThere(path: string, max?: number): string | undefined;
export interface Entry {
  readonly name: string;
  readonly kind: "dir" | "file" | "symlink" | "other";
}
/** A folder's entries without `.` and `..`, in no order. @throws SystemError */
export declare function entries(path: string): readonly Entry[];
/** What lies at a path, symbolic links followed. */
export declare function kindOf(path: string): "dir" | "file" | "missing";
void SystemError;
