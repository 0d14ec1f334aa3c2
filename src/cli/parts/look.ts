/** The part of tsrun that is small: what looks at containers, and sends them signals. */
import { command as kill } from "../commands/kill.ts";
import { command as list } from "../commands/list.ts";
import { command as pause } from "../commands/pause.ts";
import { command as ps } from "../commands/ps.ts";
import { command as resume } from "../commands/resume.ts";
import { command as state } from "../commands/state.ts";
import { program } from "../main.ts";
import { KILL, LIST, PAUSE, PS, RESUME, STATE } from "../table/look.ts";
import type { Part } from "../table.ts";

/** Its commands. */
export const PART: Part = {
  commands: [STATE, LIST, KILL, PS, PAUSE, RESUME],
  perform: { state, list, kill, ps, pause, resume },
};

/** Runs the program. @returns false where it is not for this part */
export const enter = (): boolean => program(PART);
