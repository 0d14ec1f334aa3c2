/** Creation with Docker's filter of system calls, and without one: what a filter costs. */
import { dockerFilter } from "../docker-filter.ts";
import type { Bundles } from "./bundles.ts";
import { bothWays, type Extent } from "./measure.ts";
import type { Argv } from "./programs.ts";
import { id, line, type Runtime } from "./runtimes.ts";
import { comparison, type Table } from "./table.ts";

/** Measures create, and run of true, each with and without the filter. */
export async function filter(runtimes: readonly Runtime[], bundles: Bundles, extent: Extent): Promise<Table> {
  const plain = bundles.usual("unfiltered", ["/bin/true"]);
  const filtered = bundles.usual("filtered", ["/bin/true"], undefined, dockerFilter());
  const created = (what: string, bundle: string) =>
    bothWays(
      what,
      extent,
      runtimes.map((runtime) => ({
        name: runtime.name,
        argv: line(runtime, "create", "--bundle", bundle, id(runtime, "filter")),
        before: quietly(line(runtime, "delete", "--force", id(runtime, "filter"))),
      })),
    );
  const ran = (what: string, bundle: string) =>
    bothWays(
      what,
      extent,
      runtimes.map((runtime) => ({
        name: runtime.name,
        argv: line(runtime, "run", "--bundle", bundle, id(runtime, "filtered")),
      })),
    );
  const rows = [
    ...(await created("create with Docker's filter", filtered)),
    ...(await created("create without", plain)),
    ...(await ran("run with Docker's filter", filtered)),
    ...(await ran("run without", plain)),
  ];
  const notes = [
    "the filter of Docker 20.10 for a container without further privileges: 357 rules; tsrun compiles it once and keeps it",
  ];
  return comparison("A filter of system calls", notes, rows);
}

/** It may not be there. */
function quietly(argv: Argv): Argv {
  return ["sh", "-c", '"$0" "$@" >/dev/null 2>&1 || :', ...argv];
}
