/** Commands that change nothing: what they take is mostly the program's start. */
import type { Bundles } from "./bundles.ts";
import { bothWays, type Extent, type Side } from "./measure.ts";
import { succeeds, timed } from "./programs.ts";
import { deleteAll, id, line, type Runtime } from "./runtimes.ts";
import { comparison, type Measured, type Table } from "./table.ts";

/** Measures the start of each command, beside the least that any program takes. */
export async function startup(
  runtimes: readonly Runtime[],
  bundles: Bundles,
  extent: Extent,
): Promise<Table> {
  const bundle = bundles.usual("created", ["/bin/true"]);
  for (const runtime of runtimes) timed(...line(runtime, "create", "--bundle", bundle, id(runtime, "still")));
  const measured: Measured[] = [];
  const add = async (what: string, all: readonly Side[]): Promise<void> => {
    // Not every version of every runtime has every command.
    const sides = all.filter(({ argv }) => succeeds(...argv));
    if (sides.length > 0) measured.push(...(await bothWays(what, extent, sides)));
  };
  const each = (...args: readonly string[]): readonly Side[] =>
    runtimes.map((runtime) => ({ name: runtime.name, argv: line(runtime, ...words(runtime, args)) }));

  await add("--version", each("--version"));
  await add("--help", each("--help"));
  await add("state ID", each("state", "ID"));
  await add("kill ID 0", each("kill", "ID", "0"));
  await add("list (1 container)", each("list"));
  await add("features", each("features"));
  const own = runtimes.filter(({ name }) => name === "tsrun");
  for (const command of ["explain", "check"]) {
    await add(
      command,
      own.map((runtime) => ({ name: runtime.name, argv: line(runtime, command, "--bundle", bundle) })),
    );
  }
  await add("(a static true)", [{ name: "tsrun", argv: bundles.least }]);
  for (const runtime of runtimes) deleteAll(runtime);
  const notes = [
    "state, kill and list are about one created container; the last row is the least any program takes",
  ];
  return comparison("Start-up", notes, measured);
}

function words(runtime: Runtime, args: readonly string[]): readonly string[] {
  return args.map((word) => (word === "ID" ? id(runtime, "still") : word));
}
