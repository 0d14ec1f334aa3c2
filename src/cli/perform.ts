/** What performs the commands that run in every host: all but those that make bundles of images. */
import { command as check } from "./commands/check.ts";
import { command as checkpoint } from "./commands/checkpoint.ts";
import { command as completion } from "./commands/completion.ts";
import { command as create } from "./commands/create.ts";
import { command as remove } from "./commands/delete.ts";
import { command as doctor } from "./commands/doctor.ts";
import { command as events } from "./commands/events.ts";
import { command as exec } from "./commands/exec.ts";
import { command as explain } from "./commands/explain.ts";
import { command as features } from "./commands/features.ts";
import { command as finish } from "./commands/finish.ts";
import { command as gc } from "./commands/gc.ts";
import { command as kill } from "./commands/kill.ts";
import { command as list } from "./commands/list.ts";
import { command as man } from "./commands/man.ts";
import { command as pause } from "./commands/pause.ts";
import { command as ps } from "./commands/ps.ts";
import { command as restore } from "./commands/restore.ts";
import { command as resume } from "./commands/resume.ts";
import { command as run } from "./commands/run.ts";
import { command as spec } from "./commands/spec.ts";
import { command as start } from "./commands/start.ts";
import { command as state } from "./commands/state.ts";
import { command as stats } from "./commands/stats.ts";
import { command as stop } from "./commands/stop.ts";
import { command as update } from "./commands/update.ts";
import { command as wait } from "./commands/wait.ts";
import type { Commands } from "./main.ts";

/** By their names. */
export const PERFORM: Commands = {
  create,
  run,
  start,
  state,
  list,
  kill,
  delete: remove,
  finish,
  exec,
  pause,
  resume,
  update,
  events,
  stats,
  ps,
  top: ps,
  stop,
  wait,
  checkpoint,
  restore,
  explain,
  check,
  spec,
  features,
  doctor,
  gc,
  completion,
  man,
};
