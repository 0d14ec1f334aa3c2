import { start } from "../../lifecycle/start.ts";
import { id, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun start` */
export const command: Command = (call) => {
  start(root(call), id(call));
  return 0;
};
