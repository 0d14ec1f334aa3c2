import { errorLine } from "../../error.ts";
import { deleteContainer } from "../../lifecycle/delete.ts";
import { id, root } from "../common.ts";
import { reportWarning } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun delete` */
export const command: Command = (call) => {
  const failures = deleteContainer(root(call), id(call), call.options.has("force"));
  for (const failure of failures) reportWarning(errorLine(failure));
  return 0;
};
