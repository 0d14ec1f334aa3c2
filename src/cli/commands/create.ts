import { create } from "../../lifecycle/create.ts";
import { createRequest, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun create` */
export const command: Command = (call) => {
  create(root(call), createRequest(call)).locked.release();
  return 0;
};
