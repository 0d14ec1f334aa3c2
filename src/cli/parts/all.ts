/** All of tsrun; what performs a command is loaded when it is called. */
import { program } from "../main.ts";
import { COMMANDS } from "../table/all.ts";
import type { Command, Part } from "../table.ts";

/** Every command. */
export const ALL: Part = {
  commands: COMMANDS,
  perform: {
    create: lazy(() => import("../commands/create.ts")),
    run: lazy(() => import("../commands/run.ts")),
    start: lazy(() => import("../commands/start.ts")),
    state: lazy(() => import("../commands/state.ts")),
    list: lazy(() => import("../commands/list.ts")),
    kill: lazy(() => import("../commands/kill.ts")),
    delete: lazy(() => import("../commands/delete.ts")),
    finish: lazy(() => import("../commands/finish.ts")),
    exec: lazy(() => import("../commands/exec.ts")),
    pause: lazy(() => import("../commands/pause.ts")),
    resume: lazy(() => import("../commands/resume.ts")),
    update: lazy(() => import("../commands/update.ts")),
    events: lazy(() => import("../commands/events.ts")),
    stats: lazy(() => import("../commands/stats.ts")),
    ps: lazy(() => import("../commands/ps.ts")),
    top: lazy(() => import("../commands/ps.ts")),
    stop: lazy(() => import("../commands/stop.ts")),
    wait: lazy(() => import("../commands/wait.ts")),
    checkpoint: lazy(() => import("../commands/checkpoint.ts")),
    restore: lazy(() => import("../commands/restore.ts")),
    explain: lazy(() => import("../commands/explain.ts")),
    check: lazy(() => import("../commands/check.ts")),
    spec: lazy(() => import("../commands/spec.ts")),
    features: lazy(() => import("../commands/features.ts")),
    doctor: lazy(() => import("../commands/doctor.ts")),
    gc: lazy(() => import("../commands/gc.ts")),
    completion: lazy(() => import("../commands/completion.ts")),
    man: lazy(() => import("../commands/man.ts")),
    bundle: lazy(() => import("../commands/bundle.ts")),
    image: lazy(() => import("../commands/image.ts")),
  },
  whole: {
    help: async (topic) => (await import("../help.ts")).help(topic),
    traced: async (file, title, command) => (await import("../traced.ts")).traced(file, title, command),
  },
};

function lazy(load: () => Promise<{ readonly command: Command }>): Command {
  return async (call) => (await load()).command(call);
}

/** Runs the program. */
export const enter = (): boolean => program(ALL);
