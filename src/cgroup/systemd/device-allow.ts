/**
 * linux.resources.devices as systemd has it: DevicePolicy and DeviceAllow (systemd.resource-control(5)). Pure.
 *
 * systemd cannot say everything that a list of rules can. It knows one device, all of a driver by its name, or all of a type;
 * what it can't say exactly is given wider, and `exact` says whether something narrower holds beside it.
 */
import type { DeviceRule } from "../../bundle/types.ts";
import type { Variant } from "../../sys/dbus-wire.ts";
import { isForAll } from "../devices.ts";

/** The majors of /proc/devices with the names of their drivers. */
export interface Drivers {
  readonly c: ReadonlyMap<number, string>;
  readonly b: ReadonlyMap<number, string>;
}

/** Reads /proc/devices (proc(5)). */
export function parseDrivers(text: string): Drivers {
  const drivers = { c: new Map<number, string>(), b: new Map<number, string>() };
  let now: Map<number, string> | undefined;
  for (const line of text.split("\n")) {
    if (line === "Character devices:") now = drivers.c;
    else if (line === "Block devices:") now = drivers.b;
    const [, major, name] = /^\s*([0-9]+) (\S+)$/.exec(line) ?? [];
    if (major !== undefined && name !== undefined) now?.set(Number(major), name);
  }
  return drivers;
}

/**
 * How many devices systemd is told of where it need not know them: it looks at each anew with every change of a unit, and answers
 * nobody meanwhile (a thousand keep it for seconds).
 */
const MOST_NAMED = 256;

/**
 * The two properties for rules, of which the last one that matches decides, and without which nothing is allowed.
 *
 * @param exact whether the kernel holds the rules themselves beside these, whatever systemd does: then these may allow more
 *   than the rules do, but must not allow less. With the devices controller of v1 systemd's are the ones that count after
 *   it has reloaded
 */
export function deviceProperties(
  rules: readonly DeviceRule[],
  drivers: Drivers,
  exact: boolean,
): Map<string, Variant> {
  const from = rules.findLastIndex(isForAll);
  // systemd has no list of what is forbidden.
  if (rules[from]?.allow === true) return exact ? properties("auto", []) : properties("strict", EVERYTHING);
  const access = new Map<string, Set<string>>();
  for (const rule of rules.slice(from + 1).flatMap(eachType)) {
    const name = rule.allow ? specifier(rule, drivers, exact) : undefined;
    if (name === undefined) continue;
    const letters = access.get(name) ?? new Set<string>();
    for (const letter of rule.access) letters.add(letter);
    access.set(name, letters);
  }
  if (exact && access.size > MOST_NAMED) return properties("auto", []);
  return properties(
    "strict",
    [...access].map(([name, letters]) => [name, [..."rwm"].filter((letter) => letters.has(letter)).join("")]),
  );
}

/** Without a list systemd takes the unit out of v1's hierarchy of devices, and so out of rules that it gets later. */
const EVERYTHING = [
  ["block-*", "rwm"],
  ["char-*", "rwm"],
] as const;

function eachType(rule: DeviceRule): DeviceRule[] {
  if (rule.type !== "a") return [rule];
  return [
    { ...rule, type: "b" },
    { ...rule, type: "c" },
  ];
}

function properties(policy: string, allowed: readonly (readonly [string, string])[]): Map<string, Variant> {
  return new Map([
    ["DevicePolicy", { type: "s", value: policy }],
    ["DeviceAllow", { type: "a(ss)", value: allowed }],
  ]);
}

/** What systemd calls the devices of a rule; `undefined` where it has no word for them that would not say more. */
function specifier({ type, major, minor }: DeviceRule, drivers: Drivers, exact: boolean): string | undefined {
  const word = type === "b" ? "block" : "char";
  if (major === undefined) return minor === undefined || exact ? `${word}-*` : undefined;
  if (minor !== undefined) return `/dev/${word}/${major}:${minor}`;
  const driver = (type === "b" ? drivers.b : drivers.c).get(major);
  // Patterns of systemd's would mean something else.
  if (driver !== undefined && !/[*?[\]\\]/.test(driver)) return `${word}-${driver}`;
  return exact ? `${word}-*` : undefined;
}
