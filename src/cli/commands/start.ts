import { start } from "../../lifecycle/start.ts";
import { id, notifySocket, perhapsTraced, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun start` */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun start ${id(call)}`, (tracer) => {
    start(root(call), id(call), notifySocket(), tracer);
    return 0;
  });
