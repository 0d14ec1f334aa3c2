/** The commands that watch, enter, change and stop a container that lives. */
import type { CommandSpec } from "../table.ts";
import { EXEC } from "./exec.ts";
import { PAUSE, RESUME } from "./look.ts";
import { UPDATE } from "./update.ts";
import { WATCHING } from "./watching.ts";

/** exec to wait. */
export const LIVING_COMMANDS: readonly CommandSpec[] = [
  EXEC,
  PAUSE,
  RESUME,
  UPDATE,
  ...WATCHING,
  {
    name: "stop",
    args: "ID...",
    min: 1,
    max: Number.POSITIVE_INFINITY,
    text: "ask containers to end, and kill those that have not in time; deletes nothing",
    options: [
      { name: "time", short: "t", value: "seconds", text: "how long to wait before killing (default: 10)" },
      {
        name: "signal",
        short: "s",
        value: "signal",
        text: "what asks (default: org.opencontainers.image.stopSignal of the annotations, or SIGTERM)",
      },
      { name: "all", short: "a", text: "ask every process of a container, not only the first" },
    ],
  },
  {
    name: "wait",
    args: "ID",
    min: 1,
    max: 1,
    text: "wait for the end of a container's first process and print its exit code",
    options: [],
  },
];
