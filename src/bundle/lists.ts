/** Lists of cpus and memory nodes, such as `0-3,7` (config-linux.md, cpus and mems; cpuset(7), list format). */

/** Larger than any cpu or node number a kernel can be built for (NR_CPUS is at most 8192). */
const MAX_NUMBER = 65535;

/** The numbers of a list, sorted, each once; `undefined` where the text is no list. */
export function parseNumberList(text: string): readonly number[] | undefined {
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const range = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part.trim());
    if (range === null) return undefined;
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first || last > MAX_NUMBER) return undefined;
    for (let n = first; n <= last; n++) numbers.add(n);
  }
  return [...numbers].sort((a, b) => a - b);
}
