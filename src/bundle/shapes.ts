/** What a parsed JSON value is. */

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function areStrings(list: readonly unknown[]): list is readonly string[] {
  for (const element of list) if (typeof element !== "string") return false;
  return true;
}

/** The same members under names in lower case; of two that meet, the last counts. */
export function lowerCased(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]));
}
