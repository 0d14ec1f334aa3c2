/** The lines of a resctrl `schemata` file: `L3:0=7f0;1=1f`, a resource, then a value for each domain. */
import type { IntelRdt } from "../bundle/types.ts";

/** What l3CacheSchema and memBwSchema come to: the latter's line takes the place of any `MB:` line of the former. Pure. */
export function schemataLines({
  l3CacheSchema,
  memBwSchema,
}: Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">): readonly string[] {
  const lines = (l3CacheSchema ?? "").split("\n").filter((line) => line !== "");
  if (memBwSchema === undefined) return lines;
  return [...lines.filter((line) => !line.startsWith("MB:")), memBwSchema];
}

/** The first of these lines that a `schemata` file does not hold; domains that a line leaves out are not compared. Pure. */
export function differingLine(lines: readonly string[], file: string): string | undefined {
  const held = new Map(file.split("\n").map((line) => parse(line)));
  return lines.find((line) => {
    const [name, wanted] = parse(line);
    const found = held.get(name);
    return [...wanted].some(([domain, value]) => found?.get(domain) !== value);
  });
}

function parse(line: string): readonly [name: string, domains: ReadonlyMap<string, string>] {
  const [name = "", rest = ""] = line.trim().split(":", 2);
  const domains = new Map<string, string>();
  for (const part of rest.split(";")) {
    const [domain = "", value = ""] = part.split("=", 2).map((each) => each.trim());
    // Masks come with leading zeros, in either case.
    if (domain !== "") domains.set(domain, value.toLowerCase().replace(/^0+(?=.)/, ""));
  }
  return [name.trim(), domains];
}
