/** Lists of cpus and memory nodes, such as `0-3,7` (cpuset(7), "List format"). Pure. */

/** The first number of list `asked` that list `present` lacks; `undefined` where it has them all. */
export function firstMissing(asked: string, present: string): number | undefined {
  const have = [...ranges(present)].sort(([a], [b]) => a - b);
  for (const [from, to] of ranges(asked)) {
    let next = from;
    // Ranges are few and sorted: walk over what is covered instead of over each number.
    for (const [low, high] of have) if (next >= low && next <= high) next = high + 1;
    if (next <= to) return next;
  }
  return undefined;
}

/** The numbers of a list as ranges. */
export function ranges(list: string): readonly (readonly [from: number, to: number])[] {
  const found: [number, number][] = [];
  for (const part of list.split(",")) {
    const [from, to] = part.trim().split("-");
    const low = Number.parseInt(from ?? "", 10);
    if (!Number.isNaN(low)) found.push([low, to === undefined ? low : Number.parseInt(to, 10)]);
  }
  return found;
}
