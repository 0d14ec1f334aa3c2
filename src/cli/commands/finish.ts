import { errorLine, UsageError } from "../../error.ts";
import { finishAfter } from "../../lifecycle/finish.ts";
import { id, root } from "../common.ts";
import { reportWarning } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun finish`: for the supervisor of a container in the foreground, where there is more to do than it can. */
export const command: Command = (call) => {
  const { options } = call;
  const created = options.get("created");
  const status = options.get("status") ?? "";
  if (created === undefined || !/^-?[0-9]{1,5}$/.test(status)) {
    throw new UsageError("finish needs --created and --status", {
      hint: "tsrun calls it by itself; use: tsrun delete",
    });
  }
  const request = { id: id(call), created, status: Number(status), keep: options.has("keep") };
  const { failures, reason } = finishAfter(root(call), request);
  if (reason !== undefined) reportWarning(`container ${request.id}: its first process was ${reason}`);
  for (const failure of failures) reportWarning(errorLine(failure));
  return 0;
};
