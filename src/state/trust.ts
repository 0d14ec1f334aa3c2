/** Whether what lies in a folder may be acted upon: hooks, pids and paths in it are whoever's who can write there. */
import { SystemError, UsageError } from "../error.ts";
import { cstring, text } from "../sys/bytes.ts";
import { errnoName, lib } from "../sys/lib.ts";
import { ids } from "../sys/process.ts";

/** A folder of tsrun's own whose files are believed. */
export interface TrustedFolder {
  /** `the folder of the containers' state`. */
  readonly what: string;
  /** The option that names it. */
  readonly option: string;
  readonly path: string;
}

/** The modes of what is made where it is missing: of the folder, and of those above it. */
export interface FolderModes {
  readonly mode: number;
  readonly above: number;
}

// The numbers of native/lib/trust.c.
const CALLS = ["", "open", "mkdir", "chmod"] as const;
const SYMLINK = 0o120000;
const KIND = 0o170000;
const STICKY = 0o1000;
const OTHERS_WRITE = 0o002;

/**
 * Looks at a folder, and at every folder and link on the way to it: each has to be the caller's or root's, and nobody else may
 * write to one (sticky folders such as /tmp are good on the way). What is made is looked at after.
 *
 * @returns whether it is there
 * @throws UsageError where others could have filled it; SystemError
 */
export function isTrusted(folder: TrustedFolder, make?: FolderModes, hint?: string): boolean {
  const { path, what } = folder;
  const place = new Uint8Array(4096);
  const facts = new Int32Array(4);
  const { mode, above } = make ?? { mode: -1, above: -1 };
  const answer = lib().ts_trusted(cstring(path), mode, above, place, place.length, facts);
  if (answer >= 0) return answer === 1;
  const errno = errnoName(-answer);
  if (errno === "EKEYREJECTED") throw refusal(folder, text(place.subarray(0, place.indexOf(0))), facts);
  // A file on the way: there is no such folder, and none is asked for.
  if (errno === "ENOTDIR" && make === undefined) return false;
  throw new SystemError(CALLS[facts[3] ?? 0] ?? "", errno, path, {
    doing: `${make === undefined ? "look into" : "make"} ${what}, ${path}`,
    hint,
  });
}

function refusal({ path, what, option }: TrustedFolder, place: string, facts: Int32Array): UsageError {
  const [uid = 0, gid = 0, mode = 0] = facts;
  const { euid } = ids();
  const owner = uid >>> 0;
  const isOwned = owner === 0 || owner === euid;
  const bits = (mode & 0o7777).toString(8).padStart(4, "0");
  const writers = (mode & OTHERS_WRITE) !== 0 ? "everybody" : `group ${gid >>> 0}`;
  const isLink = (mode & KIND) === SYMLINK;
  const reason = isOwned
    ? `${place} can be written by ${writers} (mode ${bits})`
    : `${place} ${isLink ? "is a link of" : "belongs to"} user ${owner}${isLink ? "" : ` (mode ${bits})`}`;
  const runs = euid === 0 ? "root" : `user ${euid}`;
  let hint = `name another with ${option}: yours, and below folders that are yours or root's`;
  if (!isOwned && euid === 0) hint += `; for what is of user ${owner}, run tsrun as that user`;
  // No such advice for /tmp and the like.
  if (isOwned && (mode & STICKY) === 0)
    hint += `; or, if nobody else has put anything there, chmod go-w ${place}`;
  return new UsageError(
    `${what}, ${path}, cannot be trusted: ${reason}, and what is in it decides what runs as ${runs}`,
    { hint },
  );
}
