/**
 * What a tsrun that was killed leaves beside the containers' folders: under names that no container can have. Whoever made it
 * writes its pid into the name, and locks it (flock) where it takes longer than a moment.
 */
import { SystemError } from "../error.ts";
import { O } from "../sys/constants.gen.ts";
import { entries, Handle, performAll, readTextIfThere, status } from "../sys/files.ts";
import { clock, ids, sleep } from "../sys/process.ts";
import { removeTree } from "../sys/remove.ts";
import { clear, filterFolder } from "./clear.ts";
import { hasRoot } from "./root.ts";
import { startTimeOf } from "./status.ts";

/** Something that nobody will finish. */
export interface Leftover {
  readonly path: string;
  /** Of a container's folder that was being made or removed, a file that was being written, or an image that was being unpacked. */
  readonly kind: "folder" | "file" | "unpacking";
}

/** `~ID~PID~CLOCK`, as `hiddenDir` names them, and `~~PID~CLOCK`, the sockets of a library's moment. */
const HIDDEN = /^~([^~]*)~([0-9]+)~([0-9]+)$/;

/** `NAME~PID` of a filter that was being written. */
const PART = /^[^~]+~([0-9]+)$/;

/** `.NAME.partial-PID` of an image that is being unpacked. */
const PARTIAL = /^\.(.+)\.partial-([1-9][0-9]{0,9})$/;

/** Nanoseconds. What is younger may be without its lock yet, though its maker be in another process-id namespace. */
const SETTLED = 100_000_000n;

/** What is left below a state root. @throws SystemError */
export function leftoversOf(root: string): readonly Leftover[] {
  const found: Leftover[] = [];
  if (!hasRoot(root)) return found;
  for (const { name, kind } of entriesIfThere(root)) {
    const [, , pid, stamp] = HIDDEN.exec(name) ?? [];
    const path = `${root}/${name}`;
    if (pid === undefined || stamp === undefined || mayBeMaking(Number(pid), BigInt(stamp))) continue;
    if (kind !== "dir") found.push({ path, kind: "file" });
    else if (isFree(path)) found.push({ path, kind: "folder" });
  }
  const filters = filterFolder(`${root}/id`);
  for (const { name } of entriesIfThere(filters)) {
    const pid = PART.exec(name)?.[1];
    if (pid !== undefined && startTimeOf(Number(pid)) === undefined) {
      found.push({ path: `${filters}/${name}`, kind: "file" });
    }
  }
  return found;
}

/** What is left of unpacking images in a folder: of one final name, or of all. @throws SystemError */
export function unfinishedIn(folder: string, final?: string): readonly Leftover[] {
  const found: Leftover[] = [];
  for (const { name } of entries(folder)) {
    const [, of, pid] = PARTIAL.exec(name) ?? [];
    const path = `${folder}/${name}`;
    if (pid === undefined || (final !== undefined && of !== final)) continue;
    if (isMaking(Number(pid)) || !isFree(path)) continue;
    found.push({ path, kind: "unpacking" });
  }
  return found;
}

/** Whether the maker of this pid may be at it. Between the making of a folder and its locking he lives; this process holds its locks. */
function isMaking(pid: number): boolean {
  return pid !== ids().pid && startTimeOf(pid) !== undefined;
}

/**
 * Removes it, unless it is in somebody's hands after all; whether it is gone.
 *
 * @param removeAll removes a folder of an image
 * @throws SystemError
 */
export function removeLeftover({ path, kind }: Leftover, removeAll = removeTree): boolean {
  if (kind === "file") {
    performAll([{ do: "unlink", path, ifThere: true }]);
    return true;
  }
  const handle = openLocked(path);
  if (handle === undefined) return status(path, false) === undefined;
  try {
    if (kind === "folder") clear(path);
    else removeAll(path, handle);
    return true;
  } finally {
    handle.close();
  }
}

function entriesIfThere(folder: string): ReturnType<typeof entries> {
  return status(folder)?.kind === "dir" ? entries(folder) : [];
}

/** Whether the process of this pid may be the one that made something at `stamp`, in nanoseconds since boot. */
function mayBeMaking(pid: number, stamp: bigint): boolean {
  let age = clock("monotonic") - stamp;
  // Of an earlier boot.
  if (age < 0n) return false;
  if (age < SETTLED) {
    sleep(Number((SETTLED - age) / 1_000_000n) + 1);
    age = SETTLED;
  }
  const started = startTimeOf(pid);
  if (started === undefined) return false;
  // A process that is younger than the folder has only the same number. Clock ticks are hundredths of a second (proc(5)).
  const uptime = Number((readTextIfThere("/proc/uptime") ?? "0").split(" ")[0]);
  return uptime - Number(started) / 100 + 1 >= Number(age / 1_000_000n) / 1000;
}

function isFree(path: string): boolean {
  const handle = openLocked(path);
  handle?.close();
  return handle !== undefined;
}

/** `undefined` where it is gone, another holds its lock, or it is another user's: whoever may write in a folder may give any name. */
function openLocked(path: string): Handle | undefined {
  if (!isOwn(path, false)) return undefined;
  let handle: Handle;
  try {
    handle = Handle.open(path, O.RDONLY | O.NONBLOCK | O.NOFOLLOW);
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
  // What has been opened may be something else by now.
  if (isOwn(`/proc/self/fd/${handle.fd}`, true) && handle.tryLock("exclusive")) return handle;
  handle.close();
  return undefined;
}

/** Whether it is a folder or file of the caller's. */
function isOwn(path: string, followLinks: boolean): boolean {
  const found = status(path, followLinks);
  return (found?.kind === "dir" || found?.kind === "file") && found.uid === ids().euid;
}
