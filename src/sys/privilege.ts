/** How far this process's privileges reach. */
import { readTextIfThere } from "./files.ts";
import { ids } from "./process.ts";

/**
 * `root`: of the host. `contained`: root of a user namespace that is not the initial one, as engines of ordinary users call
 * runtimes. `user`: neither, so that every privilege has to come from a user namespace of the container's.
 */
export type Privilege = "root" | "contained" | "user";

let known: Privilege | undefined;

/** This process's privilege; found out once. */
export function privilege(): Privilege {
  known ??=
    ids().euid !== 0 ? "user" : isInitialMap(readTextIfThere("/proc/self/uid_map")) ? "root" : "contained";
  return known;
}

/** Whether a uid_map is that of the initial user namespace (user_namespaces(7)); a kernel without such namespaces has none. Pure. */
export function isInitialMap(map: string | undefined): boolean {
  return map === undefined || /^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** In the environment of a tsrun that an ordinary user's has started in a namespace of his (src/spawn/mapped.ts). */
export const MAPPED = "TSRUN_MAPPED";

/** Whether this is such a one: its files and containers are the user's. */
export function isMapped(): boolean {
  return process.env[MAPPED] === "1" && privilege() === "contained";
}
