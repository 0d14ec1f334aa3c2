import { errorLine } from "../../error.ts";
import { run } from "../../lifecycle/run.ts";
import { createRequest, root } from "../common.ts";
import { reportWarning } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun run` */
export const command: Command = (call) => {
  const { options } = call;
  const { code, failures } = run(root(call), {
    ...createRequest(call),
    detach: options.has("detach"),
    keep: options.has("keep"),
  });
  for (const failure of failures) reportWarning(errorLine(failure));
  return code;
};
