/** The part of tsrun that enters containers. */
import { command as exec } from "../commands/exec.ts";
import { program } from "../main.ts";
import { EXEC } from "../table/exec.ts";
import type { Part } from "../table.ts";

/** Its commands. */
export const PART: Part = {
  commands: [EXEC],
  perform: { exec },
};

/** Runs the program. @returns false where it is not for this part */
export const enter = (): boolean => program(PART);
