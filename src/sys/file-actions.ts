/** Changes to the host's files, and how they are written down for `ts_batch` of native/lib/files.c. */
import { cstrings } from "./bytes.ts";

/** One change to the host's files; `perform` does many in one call. */
export type FileAction =
  /** mkdir(2) with exactly this mode. With `keep`, a folder that is there already is no failure. */
  | { readonly do: "mkdir"; readonly path: string; readonly mode: number; readonly keep?: boolean }
  /** One write(2) to a file that exists: cgroup and proc files. With `ifThere`, a missing file is no failure. */
  | { readonly do: "write"; readonly path: string; readonly text: string; readonly ifThere?: boolean }
  /** Makes a file that must not exist yet and writes the whole text. */
  | { readonly do: "create"; readonly path: string; readonly text: string; readonly mode: number }
  | { readonly do: "rename"; readonly path: string; readonly to: string }
  /** symlink(2): a link at `path` that says `to`. */
  | { readonly do: "symlink"; readonly path: string; readonly to: string }
  /** chown(2) of the user alone. */
  | { readonly do: "chown"; readonly path: string; readonly uid: number; readonly ifThere?: boolean }
  | { readonly do: "unlink"; readonly path: string; readonly ifThere?: boolean }
  | { readonly do: "rmdir"; readonly path: string; readonly ifThere?: boolean };

// The numbers of native/lib/files.c.
const KIND = { mkdir: 1, write: 2, create: 3, rename: 4, unlink: 5, rmdir: 6, chown: 7, symlink: 8 } as const;
/** The calls by the numbers that `ts_batch` names them with. */
export const ACTION_CALLS = [
  "",
  "mkdir",
  "open",
  "write",
  "rename",
  "unlink",
  "rmdir",
  "chmod",
  "chown",
  "symlink",
] as const;

function texts(action: FileAction): string {
  switch (action.do) {
    case "write":
    case "create":
      return action.text;
    case "rename":
    case "symlink":
      return action.to;
    default:
      return "";
  }
}

function tolerates(action: FileAction): boolean {
  switch (action.do) {
    case "mkdir":
      return action.keep === true;
    case "write":
    case "unlink":
    case "rmdir":
    case "chown":
      return action.ifThere === true;
    default:
      return false;
  }
}

/** Actions as `ts_batch` takes them. */
export interface EncodedActions {
  /** Three for each: its kind, whether it tolerates what is there or missing, its mode or user. */
  readonly words: Int32Array;
  /** Two for each, with their NULs: its path, and what is written, or the other path. */
  readonly texts: Uint8Array;
}

/** The actions as `ts_batch` takes them. No text of theirs may hold a NUL. */
export function encodeActions(actions: readonly FileAction[]): EncodedActions {
  const words = new Int32Array(actions.length * 3);
  const strings: string[] = [];
  let at = 0;
  for (const action of actions) {
    words[at++] = KIND[action.do];
    words[at++] = tolerates(action) ? 1 : 0;
    words[at++] = "mode" in action ? action.mode : "uid" in action ? action.uid : 0;
    strings.push(action.path, texts(action));
  }
  return { words, texts: cstrings(strings) };
}
