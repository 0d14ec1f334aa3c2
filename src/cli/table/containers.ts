/** The commands that make containers and take them away. What is small and called often is loaded from the start. */
import * as deleteModule from "../commands/delete.ts";
import * as killModule from "../commands/kill.ts";
import * as startModule from "../commands/start.ts";
import * as stateModule from "../commands/state.ts";
import type { CommandSpec, OptionSpec } from "../table.ts";
import { BUNDLE, TRACE } from "./options.ts";

const CREATE_OPTIONS: readonly OptionSpec[] = [
  BUNDLE,
  { name: "console-socket", value: "path", text: "send the container's terminal to this socket" },
  { name: "pid-file", value: "file", text: "write the first process's pid there" },
  { name: "no-pivot", text: "enter the root without pivot_root, for a root on the initial ramfs" },
  { name: "no-new-keyring", text: "keep the caller's session keyring" },
  { name: "preserve-fds", value: "n", text: "pass n descriptors from 3 on to the container" },
  TRACE,
];

/** create to delete. */
export const CONTAINER_COMMANDS: readonly CommandSpec[] = [
  {
    name: "create",
    args: "ID",
    min: 1,
    max: 1,
    text: "create a container from a bundle; its program runs when it is started",
    options: CREATE_OPTIONS,
    load: () => import("../commands/create.ts"),
  },
  {
    name: "start",
    args: "ID",
    min: 1,
    max: 1,
    text: "start a created container's program",
    options: [],
    load: () => startModule,
  },
  {
    name: "run",
    args: "ID",
    min: 1,
    max: 1,
    text: "create and start a container, wait for it and delete it; exits with its code",
    options: [
      ...CREATE_OPTIONS,
      { name: "detach", short: "d", text: "return when the container runs" },
      { name: "keep", text: "don't delete the container when it has ended" },
      { name: "no-subreaper", text: "leave processes that lose their parent to others" },
    ],
    load: () => import("../commands/run.ts"),
  },
  {
    name: "state",
    args: "ID",
    min: 1,
    max: 1,
    text: "print a container's state as JSON",
    options: [],
    load: () => stateModule,
  },
  {
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
    load: () => import("../commands/list.ts"),
  },
  {
    name: "kill",
    args: "ID [SIGNAL]",
    min: 1,
    max: 2,
    text: "send a signal to a container's first process (default: SIGTERM)",
    options: [{ name: "all", short: "a", text: "to every process of the container" }],
    load: () => killModule,
  },
  {
    name: "delete",
    args: "ID",
    min: 1,
    max: 1,
    text: "delete a stopped container",
    options: [
      { name: "force", short: "f", text: "kill it first if it runs; no error if it doesn't exist" },
      TRACE,
    ],
    load: () => deleteModule,
  },
  {
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
    load: () => import("../commands/finish.ts"),
  },
];
