/**
 * What a call with a list as its arguments would do, but for lists of any length: an engine puts arguments on its stack, so that
 * what a stranger wrote, a long config.json or index, would overflow it. `scripts/rules` sees such calls. This file imports nothing.
 */

/** Adds all of a list at the end of another. */
export function append<Item>(to: Item[], more: Iterable<Item>): void {
  for (const item of more) to.push(item);
}

/** The largest of some numbers, and not less than `least`. */
export function largest(numbers: Iterable<number>, least = 0): number {
  let found = least;
  for (const number of numbers) if (number > found) found = number;
  return found;
}
