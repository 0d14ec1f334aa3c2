import { pauseContainer } from "../../lifecycle/pause.ts";
import { id, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun pause` */
export const command: Command = (call) => {
  pauseContainer(root(call), id(call));
  return 0;
};
