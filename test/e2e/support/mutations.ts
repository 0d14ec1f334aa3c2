/** Random changes of a good config.json, the same ones for the same seed. */
import type { Config, Json } from "./config.ts";

/** mulberry32: small, seeded, the same everywhere. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Where the changes come from. */
interface Dice {
  /** A whole number from 0 up to `limit`, which is not reached. */
  below(limit: number): number;
  pick<T>(list: readonly T[], otherwise: T): T;
}

function dice(seed: number): Dice {
  const random = generator(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return { below, pick: (list, otherwise) => list[below(list.length)] ?? otherwise };
}

/** None of these means anything to the host: no path among them holds something that a mistake could harm. */
const STRINGS = [
  "",
  "x",
  "/no/such/place",
  "..",
  "../..",
  "/proc/self",
  "a\u0000b",
  "\ud800",
  "ü",
  "x".repeat(5000),
  "-1",
  "%s%n",
  "__proto__",
  "a=b",
  "\n",
  "/tmp/../../..",
  "null",
];
const NUMBERS = [
  0,
  -1,
  1,
  3.5,
  255,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  1e300,
  -(2 ** 63),
  4_294_967_295,
];
const VALUES: readonly Json[] = [null, true, false, [], {}, [[]], [{}], "text", 7, { a: { b: [1] } }];

/**
 * Without its own mount namespace, or in a cgroup that others are in, a container is asked to act on the host itself, and
 * a runtime that obeys is not at fault: those changes are left out here, other tests look at them.
 */
function isSafe(config: unknown): boolean {
  const { linux } = config as { linux?: { namespaces?: unknown; cgroupsPath?: unknown } | null };
  if (linux?.cgroupsPath !== undefined) return false;
  const namespaces: unknown = linux?.namespaces;
  return (
    Array.isArray(namespaces) && namespaces.some((one: unknown) => JSON.stringify(one) === '{"type":"mount"}')
  );
}

type Container = Record<string, unknown> | unknown[];

interface Place {
  readonly parent: Container;
  readonly key: string;
  readonly pointer: string;
}

function placesIn(value: unknown, pointer = "", found: Place[] = []): Place[] {
  if (typeof value !== "object" || value === null) return found;
  for (const key of Object.keys(value)) {
    const place = `${pointer}/${key}`;
    found.push({ parent: value as Container, key, pointer: place });
    placesIn((value as Record<string, unknown>)[key], place, found);
  }
  return found;
}

function set({ parent, key }: Place, value: unknown): void {
  if (Array.isArray(parent)) parent[Number(key)] = value;
  else parent[key] = value;
}

function get({ parent, key }: Place): unknown {
  return Array.isArray(parent) ? parent[Number(key)] : parent[key];
}

/** One change; answers what it was, for the failure's message. */
function change({ below, pick }: Dice, config: unknown): string {
  const places = placesIn(config);
  const place = places[below(places.length)];
  if (place === undefined) return "nothing";
  const kind = below(8);
  switch (kind) {
    case 0:
      if (Array.isArray(place.parent)) place.parent.splice(Number(place.key), 1);
      else delete place.parent[place.key];
      return `without ${place.pointer}`;
    case 1:
      set(place, pick(STRINGS, ""));
      return `a string at ${place.pointer}`;
    case 2:
      set(place, pick(NUMBERS, 0));
      return `a number at ${place.pointer}`;
    case 3:
      set(place, pick(VALUES, null));
      return `another type at ${place.pointer}`;
    case 4:
      if (Array.isArray(place.parent)) place.parent.push(structuredClone(get(place)));
      else place.parent[`${place.key}x`] = structuredClone(get(place));
      return `twice ${place.pointer}`;
    case 5: {
      const other = places[below(places.length)] ?? place;
      set(place, structuredClone(get(other)));
      return `${other.pointer} copied to ${place.pointer}`;
    }
    case 6: {
      const text = get(place);
      set(
        place,
        typeof text === "string"
          ? text.slice(0, below(text.length))
          : typeof text === "number"
            ? -text
            : [text],
      );
      return `altered ${place.pointer}`;
    }
    default: {
      const text = get(place);
      set(
        place,
        typeof text === "string"
          ? `${text}${pick(STRINGS, "")}`
          : typeof text === "number"
            ? text * 1000 + 1
            : { a: text },
      );
      return `extended ${place.pointer}`;
    }
  }
}

/** One to three changes of a good config, and what they were. */
function mutated(from: Dice, good: Config): [unknown, string[]] {
  for (;;) {
    const config: unknown = structuredClone(good);
    const what = Array.from({ length: 1 + from.below(3) }, () => change(from, config));
    if (isSafe(config)) return [config, what];
  }
}

/** Damage to the text itself. */
function damage({ below, pick }: Dice, text: string): [string, string] {
  const at = below(text.length);
  switch (below(4)) {
    case 0:
      return [text.slice(0, at), `cut at ${at}`];
    case 1:
      return [
        `${text.slice(0, at)}${pick(["{", "}", "[", "]", ",", '"', "\\", "\u0000", "9"], ",")}${text.slice(at)}`,
        `a character put in at ${at}`,
      ];
    case 2:
      return [text.slice(0, at) + text.slice(at + 1 + below(10)), `characters left out at ${at}`];
    default:
      return ["[".repeat(10_000) + text, "ten thousand brackets in front"];
  }
}

/** The text of a config.json made from a good one, and what was changed. */
export interface Mutation {
  readonly text: string;
  readonly what: string;
}

/** An endless row of mutations of a good config. */
export function mutations(seed: number): (good: Config) => Mutation {
  const from = dice(seed);
  return (good) => {
    const [config, what] = mutated(from, good);
    const text = JSON.stringify(config);
    if (from.below(10) !== 0) return { text, what: what.join(", ") };
    const [damaged, how] = damage(from, text);
    return { text: damaged, what: [...what, how].join(", ") };
  };
}
