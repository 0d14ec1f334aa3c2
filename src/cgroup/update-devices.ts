/**
 * Changing the device rules of a living container on cgroup v1. Only what differs is written, so that its processes never
 * lose a device that they keep, not even for a moment, and so that it works while there are cgroups below, where the kernel
 * refuses to reset a list (kernel security/device_cgroup.c, devcgroup_update_access). Pure.
 */
import type { DeviceRule } from "../bundle/types.ts";
import { AT, type CgroupWrite } from "./write.ts";

/** A list of the kernel: everything allowed, or nothing but what is named, such as `c 1:3` to `rwm`. */
export interface DeviceList {
  readonly allowAll: boolean;
  /** Exceptions to the rule for all; the kernel does not show those of a list that allows all. */
  readonly named: ReadonlyMap<string, string>;
}

/** devices.list. */
export function parseDeviceList(text: string): DeviceList {
  const named = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [type = "", numbers = "", access = ""] = line.trim().split(" ");
    if (type === "a") return { allowAll: true, named: new Map() };
    if (access !== "") named.set(`${type} ${numbers}`, access);
  }
  return { allowAll: false, named };
}

/** What `deviceRules` answers, as the kernel would have it. */
export function deviceList(rules: readonly DeviceRule[]): DeviceList {
  const named = new Map<string, string>();
  let allowAll = false;
  for (const { allow, type, major, minor, access } of rules) {
    if (type === "a") allowAll = allow;
    else named.set(`${type} ${major ?? "*"}:${minor ?? "*"}`, access);
  }
  return { allowAll, named };
}

/** The writes that lead from one list to another; access is taken away before any is given. */
export function deviceChanges(from: DeviceList, to: DeviceList): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  const write = (verb: "allow" | "deny", value: string): void => {
    const pointer = `${AT}/devices`;
    if (value !== "") writes.push({ controller: "devices", file: `devices.${verb}`, value, pointer });
  };
  // A list that allows all may have exceptions that nobody can see: it is always begun anew.
  if (from.allowAll || to.allowAll) {
    write(to.allowAll ? "allow" : "deny", "a *:* rwm");
    for (const [name, access] of to.named) write(to.allowAll ? "deny" : "allow", `${name} ${access}`);
    return writes;
  }
  for (const [name, access] of from.named) write("deny", rest(name, access, to.named.get(name)));
  for (const [name, access] of to.named) write("allow", rest(name, access, from.named.get(name)));
  return writes;
}

/** The letters of `access` that are not in `other`, behind the device's name; `""` for none. */
function rest(name: string, access: string, other = ""): string {
  const letters = [...access].filter((letter) => !other.includes(letter)).join("");
  return letters === "" ? "" : `${name} ${letters}`;
}
