/**
 * The caller's standard streams in a container with a user namespace: its program can open them anew (/dev/stdout) where it owns
 * them, and only the host can make it their owner, for theirs is outside of the namespace's ids.
 */
import type { Bundle, Process } from "../bundle/types.ts";
import { readTextIfThere } from "../sys/files.ts";
import { lib } from "../sys/lib.ts";
import { privilege } from "../sys/privilege.ts";
import { ids } from "../sys/process.ts";

const KIND = 0o170000;
const FIFO = 0o010000;
const FILE = 0o100000;
const SOCKET = 0o140000;

/** A standard stream. */
export interface Stream {
  readonly mode: number;
  readonly uid: number;
  readonly writable: boolean;
  /** In a filesystem: a pipe of pipe(2) and a socket have no name that anybody else could open. */
  readonly named: boolean;
}

/**
 * Gives the standard streams to the program's user, as the host knows it. The kernel lets nobody but root do so; of an ordinary
 * user's streams `stdioOwner` changes inside what the kernel allows there.
 *
 * @param pid the process that is about to be the program, in its user namespace
 */
export function giveStreams({ linux }: Bundle, { terminal, user }: Process, pid: number): void {
  if (terminal || privilege() === "user" || !linux.namespaces.some(({ type }) => type === "user")) return;
  const owner = idOutside(readTextIfThere(`/proc/${pid}/uid_map`) ?? "", user.uid);
  if (owner === undefined) return;
  const { euid } = ids();
  const facts = new Int32Array(4);
  for (const fd of [0, 1, 2]) {
    // A closed one is nobody's.
    if (lib().ts_stream(fd, facts) < 0) continue;
    const [mode = 0, uid = 0, writable = 0, named = 0] = facts;
    const stream = { mode, uid: uid >>> 0, writable: writable !== 0, named: named !== 0 };
    // Where the filesystem refuses, the stream can be used and not opened anew, as before.
    if (stream.uid !== owner && mayGive(stream, euid)) lib().ts_give_user(fd, owner | 0);
  }
}

/**
 * Whether a stream may get another owner: pipes and sockets, which end with their holders, and the caller's own files that were given
 * to be written. Never a device or a terminal, nor another's file; and whoever owned a file that was given to be read could write it. Pure.
 */
export function mayGive({ mode, uid, writable, named }: Stream, caller: number): boolean {
  switch (mode & KIND) {
    case FIFO:
    case SOCKET:
      return !named || uid === caller;
    case FILE:
      return uid === caller && writable;
    default:
      return false;
  }
}

/** The id outside of a user namespace for one inside, by the text of its uid_map as it is seen outside. Pure. */
export function idOutside(map: string, inside: number): number | undefined {
  for (const line of map.split("\n")) {
    const [first, outside, count] = line.trim().split(/\s+/).map(Number);
    if (first === undefined || outside === undefined || count === undefined) continue;
    if (inside >= first && inside - first < count) return outside + inside - first;
  }
  return undefined;
}
