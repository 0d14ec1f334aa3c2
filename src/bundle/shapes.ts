/** What a parsed JSON value is, and which word of a vocabulary. */

/** Whether a JSON value is an object, no list and not null. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a JSON value is a list. */
export function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Whether each element of a list is a string. */
export function areStrings(list: readonly unknown[]): list is readonly string[] {
  for (const element of list) if (typeof element !== "string") return false;
  return true;
}

/** The same members under names in lower case; of two that meet, the last counts. */
export function lowerCased(object: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The word of the vocabulary that a string is. */
export function known<T extends string>(value: string, vocabulary: readonly T[]): T | undefined {
  // indexOf is the engine's own loop; `find` would call back for each word, and a config.json has 70 of them.
  const words: readonly string[] = vocabulary;
  return vocabulary[words.indexOf(value)];
}
