/** `exec` of true in a running container, as health checks call it. */
import type { Bundles } from "./bundles.ts";
import { bothWays, type Extent } from "./measure.ts";
import { timed } from "./programs.ts";
import { id, line, type Runtime } from "./runtimes.ts";
import { comparison, type Table } from "./table.ts";

/** Measures in the foreground, and detached: then the runtime leaves as soon as the program is executed. */
export async function exec(runtimes: readonly Runtime[], bundles: Bundles, extent: Extent): Promise<Table> {
  const bundle = bundles.usual("entered", ["/bin/sleep", "100000"]);
  for (const runtime of runtimes) {
    const argv = line(runtime, "run", "--detach", "--bundle", bundle, id(runtime, "entered"));
    // A detached container keeps its starter's streams, which must be nobody's pipe.
    timed("sh", "-c", 'exec "$0" "$@" </dev/null >/dev/null 2>&1', ...argv);
  }
  const sides = (...options: readonly string[]) =>
    runtimes.map((runtime) => ({
      name: runtime.name,
      argv: line(runtime, "exec", ...options, id(runtime, "entered"), "/bin/true"),
    }));
  const rows = [
    ...(await bothWays("exec true", extent, sides())),
    ...(await bothWays("exec --detach true", extent, sides("--detach"))),
  ];
  for (const runtime of runtimes) timed(...line(runtime, "delete", "--force", id(runtime, "entered")));
  const notes = [
    "in a container of runc spec's mounts and namespaces with limits, that sleeps; /bin/true of a static busybox",
  ];
  return comparison("A further process", notes, rows);
}
