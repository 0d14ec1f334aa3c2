import { UsageError, visible } from "../../error.ts";
import { type Listed, list, table } from "../../observe/list.ts";
import { oneOf, root } from "../common.ts";
import { print, printJson } from "../report.ts";
import { type Command, every, type Options } from "../table.ts";

const STATUSES: readonly string[] = [
  "creating",
  "created",
  "running",
  "paused",
  "stopped",
  "damaged",
] satisfies Listed["status"][];

/** `tsrun list` */
export const command: Command = (call) => {
  const format = oneOf(call.options.get("format"), ["table", "json"]);
  const wanted = statuses(call.options);
  const rows = list(root(call)).filter(({ status }) => wanted.length === 0 || wanted.includes(status));
  if (call.options.has("quiet")) print(rows.map(({ id }) => `${visible(id)}\n`).join(""));
  else if (format === "table") print(table(rows));
  // runc's word for an empty list, which engines read.
  else printJson(`${rows.length === 0 ? "null" : JSON.stringify(rows)}\n`);
  return 0;
};

/** @throws UsageError */
function statuses(options: Options): readonly string[] {
  const given = every(options, "status");
  const wrong = given.find((each) => !STATUSES.includes(each));
  if (wrong === undefined) return given;
  throw new UsageError(`invalid value ${JSON.stringify(wrong)} for --status`, {
    hint: `use one of: ${STATUSES.join(", ")}`,
  });
}
