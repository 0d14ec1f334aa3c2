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
  for (let index = 0; index < actions.length; index++) {
    const action = actions[index] as FileAction;
    const at = index * 3;
    let content = "";
    let tolerates = false;
    words[at] = KIND[action.do];
    switch (action.do) {
      case "write":
        content = action.text;
        tolerates = action.ifThere === true;
        break;
      case "create":
        content = action.text;
        words[at + 2] = action.mode;
        break;
      case "mkdir":
        tolerates = action.keep === true;
        words[at + 2] = action.mode;
        break;
      case "rename":
      case "symlink":
        content = action.to;
        break;
      case "chown":
        tolerates = action.ifThere === true;
        words[at + 2] = action.uid;
        break;
      case "unlink":
      case "rmdir":
        tolerates = action.ifThere === true;
        break;
      default:
        action satisfies never;
    }
    words[at + 1] = tolerates ? 1 : 0;
    strings.push(action.path, content);
  }
  return { words, texts: cstrings(strings) };
}
