import { start } from "../../lifecycle/start.ts";
import { id, notifySocket, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun start` */
export const command: Command = (call) => {
  start(root(call), id(call), notifySocket());
  return 0;
};
