/**
 * Annotations `org.systemd.property.NAME`, with which a bundle sets properties of its unit, as runc has them. Pure.
 *
 * Whoever may annotate a container is often not who administers the host, and systemd has properties that execute programs
 * (ExecStartPre: CVE-2024-3154), start and stop other units (Wants, Conflicts), or reboot (FailureAction). So only names
 * from the list below are taken: how the unit ends, when, in which order, and its shares.
 */
import { BundleError } from "../../error.ts";
import type { Value, Variant } from "../../sys/dbus-wire.ts";
import { pointerStep } from "../write.ts";

const PREFIX = "org.systemd.property.";

/** The names that an annotation may set, with their D-Bus types. Those in microseconds may be given in seconds: `...Sec`. */
const ALLOWED: { readonly [name: string]: "s" | "b" | "i" | "t" | "as" } = {
  After: "as",
  Before: "as",
  CPUWeight: "t",
  CollectMode: "s",
  Documentation: "as",
  FinalKillSignal: "i",
  IOWeight: "t",
  KillMode: "s",
  KillSignal: "i",
  ManagedOOMMemoryPressure: "s",
  ManagedOOMPreference: "s",
  ManagedOOMSwap: "s",
  MemoryHigh: "t",
  MemoryLow: "t",
  MemoryMin: "t",
  OOMPolicy: "s",
  RuntimeMaxUSec: "t",
  SendSIGHUP: "b",
  SendSIGKILL: "b",
  StartupCPUWeight: "t",
  StartupIOWeight: "t",
  TasksMax: "t",
  TimeoutStopUSec: "t",
};

/**
 * The properties that annotations ask for.
 * @throws BundleError `unsupported` for a name that is not in the list, `format` for a value that is none of its type
 */
export function annotatedProperties(annotations: ReadonlyMap<string, string>): Map<string, Variant> {
  const found = new Map<string, Variant>();
  for (const [key, given] of annotations) {
    if (!key.startsWith(PREFIX)) continue;
    const asked = key.slice(PREFIX.length);
    const seconds = asked.endsWith("Sec") && !asked.endsWith("USec");
    const name = seconds ? `${asked.slice(0, -"Sec".length)}USec` : asked;
    const pointer = `/annotations/${pointerStep(key)}`;
    const type = Object.hasOwn(ALLOWED, name) ? ALLOWED[name] : undefined;
    if (type === undefined) {
      const names = Object.keys(ALLOWED).join(", ");
      throw new BundleError(
        "unsupported",
        pointer,
        `Annotation ${key} name incorrect: annotations may not set the property ${JSON.stringify(asked)} of a unit`,
        `these may be set: ${names}`,
      );
    }
    const value = seconds ? microseconds(given) : coerce(type, given);
    if (value === undefined) {
      throw new BundleError(
        "format",
        pointer,
        `Annotation ${key}=${given} value parse error: it is no ${seconds ? "number of seconds" : WORDS[type]}`,
        "write it as busctl and gdbus do: 'text' in quotes, true, 5, uint64 5, ['a', 'b']",
      );
    }
    found.set(name, { type, value });
  }
  return found;
}

const WORDS = {
  s: "text in quotes",
  b: "boolean",
  i: "number",
  t: "number from 0 on",
  as: "list of texts in quotes",
} as const;

/** A value in the text format of GVariant, of this type. */
function coerce(type: keyof typeof WORDS, given: string): Value | undefined {
  const text = bare(given);
  switch (type) {
    case "s":
      return quoted(text);
    case "b":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "i":
      return /^-?[0-9]{1,9}$/.test(text) ? Number(text) : undefined;
    case "t":
      return wholeNumber(text);
    case "as":
      return list(text);
    default:
      return type satisfies never;
  }
}

/** Without the type that may stand before a value: `uint64 5`, `@t 5`. */
function bare(given: string): string {
  return given.trim().replace(/^(?:@[a-z]+|byte|boolean|u?int(?:16|32|64)|double|string)\s+/, "");
}

function wholeNumber(text: string): bigint | undefined {
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
  return value === undefined || value >= 2n ** 64n ? undefined : value;
}

/** Seconds, with a fraction or without, as microseconds. */
function microseconds(given: string): bigint | undefined {
  const [, whole, fraction = ""] = /^([0-9]{1,12})(?:\.([0-9]{1,9}))?$/.exec(bare(given)) ?? [];
  if (whole === undefined) return undefined;
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, "0").slice(0, 6));
}

/** A text in either quotes; a backslash and control characters have no use in these. */
function quoted(text: string): string | undefined {
  return /^'([^'\\\u0000-\u001f]*)'$/.exec(text)?.[1] ?? /^"([^"\\\u0000-\u001f]*)"$/.exec(text)?.[1];
}

function list(text: string): string[] | undefined {
  const inner = /^\[(.*)\]$/.exec(text)?.[1]?.trim();
  if (inner === undefined) return undefined;
  if (inner === "") return [];
  const found: string[] = [];
  for (const part of inner.split(",")) {
    const one = quoted(part.trim());
    if (one === undefined) return undefined;
    found.push(one);
  }
  return found;
}
