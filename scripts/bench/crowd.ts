/** Whether commands get slower where there are many containers already. */

import { join } from "node:path";
import type { Bundles } from "./bundles.ts";
import { type Extent, spaced } from "./measure.ts";
import { median, ms, ratio } from "./numbers.ts";
import { timed } from "./programs.ts";
import { awaitEnd, awaitPid, deleteAll, id, line, type Runtime } from "./runtimes.ts";
import type { Measured, Table } from "./table.ts";

/** Measures with no other container and then with many created ones in the same state folder. */
export async function crowd(runtimes: readonly Runtime[], bundles: Bundles, extent: Extent): Promise<Table> {
  const bundle = bundles.tiny("tiny", ["/bin/true"]);
  const rows: string[][] = [];
  const raw: object[] = [];
  for (const runtime of runtimes) {
    const alone = await commands(runtime, bundle, extent);
    for (let at = 0; at < extent.crowd; at++)
      timed(...line(runtime, "create", "--bundle", bundle, id(runtime, at)));
    const among = await commands(runtime, bundle, extent);
    deleteAll(runtime);
    for (const { what, samples } of alone) {
      const before = samples.get(runtime.name) ?? [];
      const after = among.find((row) => row.what === what)?.samples.get(runtime.name) ?? [];
      const medians = [median(before), median(after)] as const;
      rows.push([
        runtime.name,
        what,
        ms(medians[0]),
        ms(medians[1]),
        ratio(medians[1], medians[0]),
        String(after.length),
      ]);
      raw.push({ runtime: runtime.name, what, alone: before, among: after });
    }
  }
  return {
    title: `Among ${extent.crowd} other containers`,
    notes: [
      "one tiny bundle (two namespaces, /proc); medians in ms, spaced; each runtime's containers in its own state folder",
    ],
    head: ["runtime", "command", "alone", `among ${extent.crowd}`, "ratio", "runs"],
    rows,
    raw,
  };
}

async function commands(runtime: Runtime, bundle: string, { rounds, folder }: Extent): Promise<Measured[]> {
  const container = id(runtime, "one");
  const pidFile = join(folder, `${container}.pid`);
  const round = async (time: (label: string, ...argv: ReturnType<typeof line>) => void): Promise<void> => {
    time("create", ...line(runtime, "create", "--bundle", bundle, "--pid-file", pidFile, container));
    const pid = await awaitPid(pidFile);
    time("state", ...line(runtime, "state", container));
    time("list", ...line(runtime, "list"));
    time("start", ...line(runtime, "start", container));
    await awaitEnd(pid);
    time("delete", ...line(runtime, "delete", container));
  };
  return await spaced(Math.ceil(rounds / 2), [{ name: runtime.name, round }]);
}
