/** tap's comparisons, as far as unit tests use them; what they do not, is an error. Held against tap's own in unit.test.ts. */

/** `same` is deep with `==`, `strictSame` deep with `===`; `has` and `match` look at what the pattern names. */
export type How = "same" | "strictSame" | "has" | "match";

type Keyed = Readonly<Record<string, unknown>>;

const SCALARS = new Map<unknown, string>([
  [String, "string"],
  [Boolean, "boolean"],
  [BigInt, "bigint"],
  [Symbol, "symbol"],
  [Function, "function"],
]);

/** Whether a value is as it should be. */
export function alike(got: unknown, wanted: unknown, how: How): boolean {
  if (Object.is(got, wanted) || (got === 0 && wanted === 0)) return true;
  const isDeep = typeof got === "object" && got !== null && typeof wanted === "object" && wanted !== null;
  if (how === "match" && got !== null && got !== undefined && wanted !== null && wanted !== undefined) {
    const matches = byPattern(got, wanted);
    if (matches !== undefined) return matches;
  }
  if (!isDeep) return how !== "strictSame" && isPlain(got) && isPlain(wanted) && looselyEqual(got, wanted);
  return deep(got, wanted, how);
}

function isPlain(value: unknown): boolean {
  return typeof value !== "object" || value === null;
}

/** `==`, which has no place elsewhere. */
function looselyEqual(one: unknown, other: unknown): boolean {
  if (typeof one === "symbol" || typeof other === "symbol") return false;
  // biome-ignore lint/suspicious/noDoubleEquals: it is what tap's `same` says
  return one == other;
}

/** What only patterns have; `undefined` where it is compared as elsewhere. */
function byPattern(got: unknown, wanted: unknown): boolean | undefined {
  if (wanted instanceof RegExp) return got instanceof RegExp ? undefined : wanted.test(String(got));
  if (typeof wanted === "string")
    return typeof got === "string" ? wanted !== "" && got.includes(wanted) : undefined;
  if (typeof wanted !== "function") return undefined;
  const scalar = SCALARS.get(wanted);
  if (scalar !== undefined) return typeof got === scalar;
  if (wanted === Number) return typeof got === "number" && Number.isFinite(got);
  if (wanted === Object) return typeof got === "object";
  if (wanted === Array) return Array.isArray(got);
  return typeof got === "object" && got instanceof wanted;
}

function deep(got: object, wanted: object, how: How): boolean {
  if (how === "strictSame" && got.constructor !== wanted.constructor) return false;
  if (Array.isArray(got) !== Array.isArray(wanted)) return false;
  for (const Kind of [Map, Set, Date, RegExp, Error, Promise, WeakMap])
    if (got instanceof Kind !== wanted instanceof Kind && !(Kind === Error && isPattern(how))) return false;
  if (wanted instanceof RegExp || wanted instanceof Date)
    return String(got) === String(wanted) && +got === +wanted;
  if (wanted instanceof Map) return alikeMaps(got as Map<unknown, unknown>, wanted, how);
  if (wanted instanceof Set) return alikeSets(got as Set<unknown>, wanted, how);
  if (ArrayBuffer.isView(wanted)) return alikeLists(listOf(got), listOf(wanted), how);
  if (Array.isArray(wanted)) return alikeLists(got as unknown[], wanted, how);
  if (wanted instanceof Promise || wanted instanceof WeakMap)
    throw new Error("such values are not compared here");
  return alikeFields(got as Keyed, wanted as Keyed, how);
}

function isPattern(how: How): boolean {
  return how === "match" || how === "has";
}

function listOf(value: object): readonly unknown[] {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return [value];
  return Array.from(value as unknown as ArrayLike<unknown>);
}

function alikeLists(got: readonly unknown[], wanted: readonly unknown[], how: How): boolean {
  if (isPattern(how) ? got.length < wanted.length : got.length !== wanted.length) return false;
  return wanted.every((each, at) => alike(got[at], each, how));
}

function alikeMaps(got: Map<unknown, unknown>, wanted: Map<unknown, unknown>, how: How): boolean {
  if (isPattern(how) || got.size !== wanted.size) return false;
  for (const [key, value] of wanted) if (!got.has(key) || !alike(got.get(key), value, how)) return false;
  return true;
}

function alikeSets(got: Set<unknown>, wanted: Set<unknown>, how: How): boolean {
  if (isPattern(how) || got.size !== wanted.size) return false;
  const left = [...got];
  for (const each of wanted) {
    const at = left.findIndex((value) => alike(value, each, how));
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
}

function alikeFields(got: Keyed, wanted: Keyed, how: How): boolean {
  const keys = Object.keys(wanted);
  if (!isPattern(how) && keys.length !== Object.keys(got).length) return false;
  for (const key of keys) {
    if (!isPattern(how) && !Object.hasOwn(got, key)) return false;
    if (!alike(got[key], wanted[key], how)) return false;
  }
  if (!(wanted instanceof Error)) return true;
  return alike(got["message"], wanted.message, how) && alike(got["name"], wanted.name, how);
}
