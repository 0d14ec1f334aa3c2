/** `run`, the three commands of a container's life, and ending a running one. */
import { join } from "node:path";
import type { Bundles } from "./bundles.ts";
import { backToBack, bothWays, type Extent, spaced, sum, type Turn } from "./measure.ts";
import type { Argv } from "./programs.ts";
import { awaitEnd, awaitPid, id, line, type Runtime } from "./runtimes.ts";
import { comparison, type Table } from "./table.ts";

/** Measures the commands that make and end containers. */
export async function lifecycle(
  runtimes: readonly Runtime[],
  bundles: Bundles,
  extent: Extent,
): Promise<Table> {
  const bundle = bundles.usual("true", ["/bin/true"]);
  const sleeper = bundles.usual("sleep", ["/bin/sleep", "1000"]);
  const run = await bothWays(
    "run",
    extent,
    runtimes.map((runtime) => ({
      name: runtime.name,
      argv: line(runtime, "run", "--bundle", bundle, id(runtime, "run")),
    })),
  );
  const parts = await spaced(
    extent.rounds,
    runtimes.map((runtime) => life(runtime, bundle, extent.folder)),
  );
  const killed = await bothWays(
    "delete --force of a running one",
    extent,
    runtimes.map((runtime) => ({
      name: runtime.name,
      argv: line(runtime, "delete", "--force", id(runtime, "killed")),
      before: silent(line(runtime, "run", "--detach", "--bundle", sleeper, id(runtime, "killed"))),
    })),
  );
  const notes = [
    "the bundle: runc spec's mounts and namespaces, limits on memory, pids and cpu, /bin/true of a static busybox",
    "create + start + delete: back to back from one sh, with delete --force; spaced, delete waits until the program has ended",
  ];
  const whole = sum("create + start + delete", parts);
  return comparison("A container's life", notes, [
    ...run,
    inShell(runtimes, bundle, extent),
    whole,
    ...parts,
    ...killed,
  ]);
}

/** create, start and delete, as an engine calls them: the deletion comes when the program has ended. */
function life(runtime: Runtime, bundle: string, folder: string): Turn {
  const container = id(runtime, "life");
  const pidFile = join(folder, `${container}.pid`);
  return {
    name: runtime.name,
    async round(time) {
      time("  create", ...line(runtime, "create", "--bundle", bundle, "--pid-file", pidFile, container));
      const pid = await awaitPid(pidFile);
      time("  start", ...line(runtime, "start", container));
      await awaitEnd(pid);
      time("  delete", ...line(runtime, "delete", container));
    },
  };
}

function inShell(runtimes: readonly Runtime[], bundle: string, extent: Extent) {
  const sides = runtimes.map((runtime) => {
    const container = id(runtime, "shell");
    const script = [
      line(runtime, "create", "--bundle", bundle, container),
      line(runtime, "start", container),
      line(runtime, "delete", "--force", container),
    ];
    const argv: Argv = ["sh", "-c", script.map((words) => words.join(" ")).join(" && ")];
    return { name: runtime.name, argv };
  });
  return backToBack("create + start + delete", extent, sides);
}

/** A detached container keeps its starter's streams, which must be nobody's pipe. */
function silent(argv: Argv): Argv {
  return ["sh", "-c", 'exec "$0" "$@" </dev/null >/dev/null 2>&1', ...argv];
}
