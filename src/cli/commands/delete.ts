import { errorLine } from "../../error.ts";
import { deleteContainer } from "../../lifecycle/delete.ts";
import { id, perhapsTraced, root } from "../common.ts";
import { reportWarning } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun delete` */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun delete ${id(call)}`, (tracer) => {
    const failures = deleteContainer(root(call), id(call), call.options.has("force"), tracer);
    for (const failure of failures) reportWarning(errorLine(failure));
    return 0;
  });
