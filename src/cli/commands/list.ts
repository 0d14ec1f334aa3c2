import { list, table } from "../../observe/list.ts";
import { oneOf, root } from "../common.ts";
import { print } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun list` */
export const command: Command = (call) => {
  const format = oneOf(call.options.get("format"), ["table", "json"]);
  const rows = list(root(call));
  if (call.options.has("quiet")) print(rows.map(({ id }) => `${id}\n`).join(""));
  else if (format === "table") print(table(rows));
  // runc's word for an empty list, which engines read.
  else print(`${rows.length === 0 ? "null" : JSON.stringify(rows)}\n`);
  return 0;
};
