/** The part of tsrun that makes containers. */
import { command as create } from "../commands/create.ts";
import { command as run } from "../commands/run.ts";
import { program } from "../main.ts";
import { CREATE, RUN } from "../table/create.ts";
import type { Part } from "../table.ts";

/** Its commands. */
export const PART: Part = {
  commands: [CREATE, RUN],
  perform: { create, run },
};

/** Runs the program. @returns false where it is not for this part */
export const enter = (): boolean => program(PART);
