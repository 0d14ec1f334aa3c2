/** Why this host gives an ordinary user no user namespace, or one without power: what its settings say. */
import { readTextIfThere } from "../sys/files.ts";

/** A setting, the value that forbids, and what to do about it. */
const SETTINGS = [
  {
    path: "/proc/sys/kernel/unprivileged_userns_clone",
    value: "0",
    hint: "kernel.unprivileged_userns_clone is 0: root allows users their namespaces with sysctl kernel.unprivileged_userns_clone=1",
  },
  {
    path: "/proc/sys/user/max_user_namespaces",
    value: "0",
    hint: "user.max_user_namespaces is 0: root allows user namespaces with sysctl user.max_user_namespaces=15000",
  },
  {
    path: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    value: "1",
    hint: "AppArmor takes the privileges of users' namespaces away: root stops it with sysctl kernel.apparmor_restrict_unprivileged_userns=0",
  },
] as const;

/**
 * The setting that is in the way; `undefined` where none is.
 *
 * @param read gives a setting's text, `undefined` where this kernel has no such setting
 */
export function usernsHint(read: (path: string) => string | undefined = readTextIfThere): string | undefined {
  return SETTINGS.find(({ path, value }) => read(path)?.trim() === value)?.hint;
}
