import { killContainer } from "../../lifecycle/kill.ts";
import { parseSignal } from "../../lifecycle/signals.ts";
import { id, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun kill` */
export const command: Command = (call) => {
  killContainer(root(call), id(call), parseSignal(call.args[1] ?? "TERM"), call.options.has("all"));
  return 0;
};
