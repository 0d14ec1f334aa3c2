import { run } from "../../lifecycle/run.ts";
import { createRequest, id, messageOptions, perhapsTraced, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun run`; returns only with `--detach`. */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun run ${id(call)}`, (tracer) => {
    const { options } = call;
    run(root(call), {
      ...createRequest(call, tracer),
      detach: options.has("detach"),
      keep: options.has("keep"),
      noSubreaper: options.has("no-subreaper"),
      messages: messageOptions(call),
    });
    return 0;
  });
