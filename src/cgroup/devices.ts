/**
 * linux.resources.devices as the final list of rules, and as writes to the v1 devices controller (kernel
 * Documentation/admin-guide/cgroup-v1/devices.rst). Pure.
 *
 * The controller is an emulation of a list: a default (deny or allow all) with exceptions. Rules are applied to a copy
 * of it here first, because the kernel silently ignores a rule that would take a part out of a wildcard exception.
 */
import type { DeviceRule, Resources } from "../bundle/types.ts";
import { BundleError, type Pointer } from "../error.ts";
import { AT, type CgroupWrite } from "./write.ts";

/** Making any node, which gives no access. runc applies it after the config's rules, before the default devices. */
const MAKING_NODES: readonly DeviceRule[] = [
  { allow: true, type: "c", major: undefined, minor: undefined, access: "m" },
  { allow: true, type: "b", major: undefined, minor: undefined, access: "m" },
];

/**
 * Devices that every container may use (runtime-spec config-linux.md, "Default Devices"). runc applies them after the
 * config's rules, so a config cannot take them away. /dev/net/tun was always among them; runc 1.2.0 left it out and 1.2.4
 * put it back, since VPN containers rely on it.
 */
const DEFAULT_DEVICES: readonly DeviceRule[] = [
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 7, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" },
  { allow: true, type: "c", major: 136, minor: undefined, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 2, access: "rwm" },
  { allow: true, type: "c", major: 10, minor: 200, access: "rwm" },
];

interface Exception {
  readonly type: "b" | "c";
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly access: string;
  readonly pointer: Pointer;
}

interface Ruleset {
  allowAll: boolean;
  exceptions: Map<string, Exception>;
  pointer: Pointer;
}

/** Whether a rule speaks of every access to every device. */
export function isForAll({ type, major, minor, access }: DeviceRule): boolean {
  return type === "a" && major === undefined && minor === undefined && access.length === 3;
}

/**
 * The config's rules and then the defaults, in order: the last one that speaks of an access decides it. Where all is allowed but
 * what is named, making these nodes is meant too; so it is on v1.
 */
export function rulesInOrder({ devices }: Resources): DeviceRule[] {
  const open = devices.findLast(isForAll)?.allow === true;
  return [...devices, ...(open ? [] : MAKING_NODES), ...DEFAULT_DEVICES];
}

/**
 * The rules that hold in the end: first one for every device (`a`), then its exceptions, all of the opposite sense,
 * none overlapping in vain, sorted by number; the default devices are in it.
 * @throws BundleError `unsupported` for a rule that would take a part out of a wider one
 */
export function deviceRules(resources: Resources): DeviceRule[] {
  const { allowAll, exceptions } = emulate(resources.devices);
  const rules: DeviceRule[] = [
    { allow: allowAll, type: "a", major: undefined, minor: undefined, access: "rwm" },
  ];
  for (const { type, major, minor, access } of sorted(exceptions)) {
    rules.push({ allow: !allowAll, type, major, minor, access });
  }
  return rules;
}

/**
 * The writes to devices.deny and devices.allow that bring a new cgroup, whatever it inherited, to {@link deviceRules}.
 * @throws BundleError `unsupported` as {@link deviceRules}
 */
export function compileDevices(resources: Resources): CgroupWrite[] {
  const { allowAll, exceptions, pointer } = emulate(resources.devices);
  const first = allowAll ? "devices.allow" : "devices.deny";
  const rest = allowAll ? "devices.deny" : "devices.allow";
  const writes: CgroupWrite[] = [{ controller: "devices", file: first, value: "a *:* rwm", pointer }];
  for (const exception of sorted(exceptions)) {
    const value = `${name(exception)} ${exception.access}`;
    writes.push({ controller: "devices", file: rest, value, pointer: exception.pointer });
  }
  return writes;
}

function emulate(rules: readonly DeviceRule[]): Ruleset {
  const set: Ruleset = { allowAll: false, exceptions: new Map(), pointer: `${AT}/devices` };
  for (const [i, rule] of rules.entries()) apply(set, rule, `${AT}/devices/${i}`);
  for (const rule of [...MAKING_NODES, ...DEFAULT_DEVICES]) apply(set, rule, `${AT}/devices`);
  return set;
}

function apply(set: Ruleset, rule: DeviceRule, pointer: Pointer): void {
  const { allow, type, major, minor, access } = rule;
  if (type !== "a") {
    applyTyped(set, allow, { type, major, minor, access, pointer });
  } else if (major === undefined && minor === undefined && access.length === 3) {
    set.allowAll = allow;
    set.exceptions.clear();
    set.pointer = pointer;
  } else {
    // The kernel reads any rule of type "a" as "all devices, all access", which would give more than was asked for.
    applyTyped(set, allow, { type: "b", major, minor, access, pointer });
    applyTyped(set, allow, { type: "c", major, minor, access, pointer });
  }
}

const LETTERS = "rwm";

function applyTyped(set: Ruleset, allow: boolean, change: Exception): void {
  const key = name(change);
  const old = set.exceptions.get(key)?.access ?? "";
  if (allow !== set.allowAll) {
    let access = "";
    for (let at = 0; at < LETTERS.length; at++) {
      const letter = LETTERS.charAt(at);
      if (old.includes(letter) || change.access.includes(letter)) access += letter;
    }
    if (access !== "") set.exceptions.set(key, { ...change, access });
    return;
  }
  refuseHole(set, change);
  const access = [...old].filter((c) => !change.access.includes(c)).join("");
  if (access === "") set.exceptions.delete(key);
  else set.exceptions.set(key, { ...change, access });
}

/** A wildcard exception cannot have a hole: the kernel would ignore the rule and keep the wildcard whole. */
function refuseHole(set: Ruleset, change: Exception): void {
  for (const wider of [
    { ...change, major: undefined },
    { ...change, minor: undefined },
    { ...change, major: undefined, minor: undefined },
  ]) {
    const there = set.exceptions.get(name(wider));
    if (there === undefined || name(wider) === name(change)) continue;
    if (![...there.access].some((c) => change.access.includes(c))) continue;
    const own = change.pointer !== `${AT}/devices`;
    throw new BundleError(
      "unsupported",
      own ? change.pointer : there.pointer,
      `requested rule [${name(change)} ${change.access}] not supported by devices cgroupv1 ` +
        `(cannot punch hole in existing wildcard rule [${name(there)} ${there.access}])`,
      own ? "list the devices one by one instead of the wildcard" : "the rule takes a default device away",
    );
  }
}

/** As the kernel writes it: `c 1:3`, `c 136:*`. */
function name({ type, major, minor }: Pick<Exception, "type" | "major" | "minor">): string {
  return `${type} ${major ?? "*"}:${minor ?? "*"}`;
}

function sorted(exceptions: ReadonlyMap<string, Exception>): Exception[] {
  return [...exceptions.values()].sort(
    (a, b) =>
      (a.major ?? -1) - (b.major ?? -1) ||
      (a.minor ?? -1) - (b.minor ?? -1) ||
      a.type.charCodeAt(0) - b.type.charCodeAt(0),
  );
}
