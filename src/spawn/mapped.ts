/**
 * Working with files of several owners as an ordinary user: in a user namespace that has his ranges of /etc/subuid and
 * /etc/subgid, where he is root, as in his containers.
 */
import type { IdMapping } from "../bundle/types.ts";
import { errorLine, TsrunError } from "../error.ts";
import { cstring, cstrings } from "../sys/bytes.ts";
import { readTextIfThere } from "../sys/files.ts";
import { checked, lib } from "../sys/lib.ts";
import { MAPPED } from "../sys/privilege.ts";
import { environment, ids, Pidfd } from "../sys/process.ts";
import { Socket } from "../sys/socket.ts";
import { effectiveGid, writeMaps } from "./idmaps.ts";
import { findProgram, INSTALL_MAP_TOOL, noRange, subordinateRanges, userName } from "./map-tools.ts";

/** Maps of a user namespace. */
export interface Maps {
  readonly uid: readonly IdMapping[];
  readonly gid: readonly IdMapping[];
}

/** An ordinary user's maps: root is himself, the ids from 1 on are those of his ranges. Or why he has none. */
export function ownMaps(): Maps | { readonly why: string } {
  for (const tool of ["newuidmap", "newgidmap"] as const) {
    if (findProgram(tool, process.env["PATH"] ?? "") === undefined)
      return { why: `${tool} is not in PATH: ${INSTALL_MAP_TOOL}` };
  }
  const uid = ids().euid;
  const name = userName(readTextIfThere("/etc/passwd", 16 << 20) ?? "", uid);
  if (name === undefined) return { why: `user ${uid} has no entry in /etc/passwd` };
  const [uids, gids] = ["/etc/subuid", "/etc/subgid"].map((path) =>
    subordinateRanges(readTextIfThere(path, 16 << 20) ?? "", name, uid),
  );
  if (uids === undefined || uids.length === 0) return { why: noRange("newuidmap", name) };
  if (gids === undefined || gids.length === 0) return { why: noRange("newgidmap", name) };
  const gid = effectiveGid(readTextIfThere("/proc/self/status") ?? "");
  return { uid: mapsOf(uid, uids), gid: mapsOf(gid, gids) };
}

/** His own id as 0, and the ranges one after the other. Pure. */
export function mapsOf(
  own: number,
  ranges: readonly { readonly start: number; readonly count: number }[],
): readonly IdMapping[] {
  const maps: IdMapping[] = [{ containerID: 0, hostID: own, size: 1 }];
  let next = 1;
  for (const { start, count } of ranges) {
    maps.push({ containerID: next, hostID: start, size: count });
    next += count;
  }
  return maps;
}

/** The map that this process's user namespace has, from the text of /proc/self/uid_map or gid_map. Pure. */
export function parseMap(text: string): readonly IdMapping[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [containerID = 0, hostID = 0, size = 0] = line.trim().split(/\s+/).map(Number);
      return { containerID, hostID, size };
    });
}

/**
 * Starts a program as root of a new user namespace with these maps, with the caller's streams. Its environment says so.
 *
 * @returns the process, or why there is none
 */
export function startMapped(command: readonly string[], maps: Maps): Pidfd | { readonly why: string } {
  const [ours, theirs] = Socket.pair();
  let child: Pidfd | undefined;
  try {
    const env = [...environment(), `${MAPPED}=1`];
    const answer = lib().ts_spawn_mapped(
      cstring(command[0] ?? ""),
      cstrings(command),
      command.length,
      cstrings(env),
      env.length,
      theirs.fd,
      ours.fd,
    );
    child = Pidfd.of(checked(answer, "clone", "a user namespace"));
    if (child === undefined) return { why: "the process in the user namespace has ended" };
    writeMaps(child.pid, maps.uid, maps.gid);
    ours.send(new Uint8Array(1));
    return child;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    // It ends when nobody is left to tell it to go on.
    ours.close();
    child?.awaitExit(-1);
    child?.reap();
    child?.close();
    return { why: errorLine(error) };
  } finally {
    ours.close();
    theirs.close();
  }
}
