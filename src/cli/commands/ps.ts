import { processes, processIds } from "../../observe/processes.ts";
import { psColumns, psTable } from "../../observe/ps.ts";
import { userNames } from "../../observe/users.ts";
import { readTextIfThere } from "../../sys/files.ts";
import { id, oneOf, root } from "../common.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun ps` and `tsrun top` */
export const command: Command = (call) => {
  const pids = processIds(root(call), id(call));
  if (oneOf(call.options.get("format"), ["table", "json"]) === "json") {
    // runc's word for none, which engines read.
    print(`${pids.length === 0 ? "null" : JSON.stringify(pids)}\n`);
    return 0;
  }
  const columns = psColumns(call.args.slice(1));
  const context = { users: userNames(), now: Date.now(), hostMemory: hostMemory() };
  print(psTable(processes(root(call), id(call)), columns, context));
  return 0;
};

/** Bytes. */
function hostMemory(): number {
  return Number(/^MemTotal: +([0-9]+) kB$/m.exec(readTextIfThere("/proc/meminfo") ?? "")?.[1] ?? 0) * 1024;
}
