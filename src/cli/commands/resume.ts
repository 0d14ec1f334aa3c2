import { resumeContainer } from "../../lifecycle/pause.ts";
import { id, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun resume` */
export const command: Command = (call) => {
  resumeContainer(root(call), id(call));
  return 0;
};
