import { run } from "../../lifecycle/run.ts";
import { createRequest, messageOptions, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun run`; returns only with `--detach`. */
export const command: Command = (call) => {
  const { options } = call;
  run(root(call), {
    ...createRequest(call),
    detach: options.has("detach"),
    keep: options.has("keep"),
    noSubreaper: options.has("no-subreaper"),
    messages: messageOptions(call),
  });
  return 0;
};
