/** Which security modules this host has: asked only where a bundle names a label. */
import type { Bundle, Process } from "../bundle/types.ts";
import type { LsmFacts } from "../plan/facts.ts";
import { kindOf, readTextIfThere } from "../sys/files.ts";

/** What a bundle, or a process that is to run in its container, must know of them. */
export function lsmFacts({ linux: { mountLabel } }: Bundle, process: Process | undefined): LsmFacts {
  const wantsSelinux = mountLabel !== undefined || process?.selinuxLabel !== undefined;
  return {
    apparmor: process?.apparmorProfile !== undefined && hasAppArmor(),
    selinux: wantsSelinux && hasSelinux(),
  };
}

/** AppArmor is compiled in and switched on (security/apparmor/lsm.c, module parameter `enabled`). */
export function hasAppArmor(): boolean {
  return readTextIfThere("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true;
}

/** Far more than all profiles of a host take. */
const PROFILES_MAX = 16 << 20;

/**
 * Whether a profile is loaded; `undefined` where that cannot be told: securityfs is not mounted, or the name is one of another
 * policy namespace (`:NAMESPACE:PROFILE`) or a stack of profiles (`A//&B`).
 */
export function hasProfile(name: string): boolean | undefined {
  if (name.startsWith(":") || name.includes("//&")) return undefined;
  const profiles = readTextIfThere("/sys/kernel/security/apparmor/profiles", PROFILES_MAX);
  if (profiles === undefined || profiles === "") return undefined;
  return profiles.split("\n").some((line) => line.replace(/ \([a-z]+\)$/, "") === name);
}

/** As libselinux sees it: its filesystem is there, and a policy is loaded (without one each label is `kernel`). */
function hasSelinux(): boolean {
  if (kindOf("/sys/fs/selinux/enforce") !== "file") return false;
  return readTextIfThere("/proc/self/attr/current")?.replace(/\0$/, "") !== "kernel";
}
