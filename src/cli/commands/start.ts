import { start } from "../../lifecycle/start.ts";
import { catchInterrupts } from "../../sys/interrupt.ts";
import { id, notifySocket, perhapsTraced, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun start` */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun start ${id(call)}`, (tracer) => {
    catchInterrupts();
    start(root(call), id(call), notifySocket(), tracer);
    return 0;
  });
