/** The commands that make containers and take them away. */
import type { CommandSpec } from "../table.ts";
import { CREATE, RUN } from "./create.ts";
import { DELETE, FINISH, START } from "./life.ts";
import { KILL, LIST, STATE } from "./look.ts";

/** create to delete. */
export const CONTAINER_COMMANDS: readonly CommandSpec[] = [
  CREATE,
  START,
  RUN,
  STATE,
  LIST,
  KILL,
  DELETE,
  FINISH,
];
