/** `start` and `delete`, and what ends a container in the foreground. */
import type { CommandSpec } from "../table.ts";
import { TRACE } from "./options.ts";

/** `start` */
export const START: CommandSpec = {
  name: "start",
  args: "ID",
  min: 1,
  max: 1,
  text: "start a created container's program",
  options: [TRACE],
};

/** `delete` */
export const DELETE: CommandSpec = {
  name: "delete",
  args: "ID",
  min: 1,
  max: 1,
  text: "delete a stopped container",
  options: [
    { name: "force", short: "f", text: "kill it first if it runs; no error if it doesn't exist" },
    TRACE,
  ],
};

/** `finish`, which the supervisor of a container in the foreground calls. */
export const FINISH: CommandSpec = {
  name: "finish",
  args: "ID",
  min: 1,
  max: 1,
  text: "clean up after a container that ran in the foreground",
  options: [
    { name: "created", value: "time", text: "when it was created" },
    { name: "status", value: "status", text: "the wait status of its first process" },
    { name: "keep", text: "only write the status down" },
  ],
  hidden: true,
};
