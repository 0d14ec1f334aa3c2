import { create } from "../../lifecycle/create.ts";
import { catchInterrupts } from "../../sys/interrupt.ts";
import { createRequest, id, perhapsTraced, root } from "../common.ts";
import type { Command } from "../table.ts";

/** `tsrun create` */
export const command: Command = (call) =>
  perhapsTraced(call, `tsrun create ${id(call)}`, (tracer) => {
    catchInterrupts();
    create(root(call), createRequest(call, tracer)).locked.release();
    return 0;
  });
