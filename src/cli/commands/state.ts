import { state } from "../../observe/state.ts";
import { id, root } from "../common.ts";
import { printJson } from "../report.ts";
import type { Command } from "../table.ts";

/** `tsrun state` */
export const command: Command = (call) => {
  printJson(`${JSON.stringify(state(root(call), id(call)), undefined, 2)}\n`);
  return 0;
};
