/** The part of tsrun that starts containers and takes them away. */
import { command as remove } from "../commands/delete.ts";
import { command as finish } from "../commands/finish.ts";
import { command as start } from "../commands/start.ts";
import { program } from "../main.ts";
import { DELETE, FINISH, START } from "../table/life.ts";
import type { Part } from "../table.ts";

/** Its commands. */
export const PART: Part = {
  commands: [START, DELETE, FINISH],
  perform: { start, delete: remove, finish },
};

/** Runs the program. @returns false where it is not for this part */
export const enter = (): boolean => program(PART);
