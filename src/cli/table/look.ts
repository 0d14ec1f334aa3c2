/** What is small and called often: the commands that look at containers, and send them signals. */
import type { CommandSpec } from "../table.ts";

/** `state` */
export const STATE: CommandSpec = {
  name: "state",
  args: "ID",
  min: 1,
  max: 1,
  text: "print a container's state as JSON",
  options: [],
};

/** `kill` */
export const KILL: CommandSpec = {
  name: "kill",
  args: "ID [SIGNAL]",
  min: 1,
  max: 2,
  text: "send a signal to a container's first process (default: SIGTERM)",
  options: [{ name: "all", short: "a", text: "to every process of the container" }],
};

/** `list` */
export const LIST: CommandSpec = {
  name: "list",
  args: "",
  min: 0,
  max: 0,
  text: "list the containers",
  options: [
    { name: "format", short: "f", value: "table|json", text: "how to print them (default: table)" },
    {
      name: "status",
      value: "creating|created|running|paused|stopped|damaged",
      repeat: true,
      text: "only those with this status",
    },
    { name: "quiet", short: "q", text: "only the ids" },
  ],
};

/** `ps` */
export const PS: CommandSpec = {
  name: "ps",
  args: "ID [PS-OPTIONS...]",
  min: 1,
  max: Number.POSITIVE_INFINITY,
  text: "list a container's processes; after the id go ps's -ef, -e, aux or -o FIELD,... (pid, user, comm, args, rss, ...)",
  options: [
    { name: "format", short: "f", value: "table|json", text: "table, or json for the pids (default: table)" },
  ],
  rest: true,
};

/** `pause` */
export const PAUSE: CommandSpec = {
  name: "pause",
  args: "ID",
  min: 1,
  max: 1,
  text: "stop all processes of a container, until it is resumed",
  options: [],
};

/** `resume` */
export const RESUME: CommandSpec = {
  name: "resume",
  args: "ID",
  min: 1,
  max: 1,
  text: "let a paused container go on",
  options: [],
};
