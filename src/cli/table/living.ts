/** The commands that watch, enter, change and stop a container that lives. */
import type { CommandSpec, OptionSpec } from "../table.ts";
import { TRACE } from "./options.ts";
import { UPDATE } from "./update.ts";
import { WATCHING } from "./watching.ts";

const EXEC_OPTIONS: readonly OptionSpec[] = [
  {
    name: "process",
    short: "p",
    value: "file",
    text: "the process as JSON, instead of arguments and options",
  },
  { name: "cwd", value: "dir", text: "its folder, in the container" },
  {
    name: "env",
    short: "e",
    value: "name=value",
    repeat: true,
    emptyCounts: true,
    text: "add to its environment",
  },
  { name: "user", short: "u", value: "uid[:gid]", emptyCounts: true, text: "whose it is, in digits" },
  {
    name: "additional-gids",
    short: "g",
    value: "gid",
    repeat: true,
    emptyCounts: true,
    text: "a further group",
  },
  {
    name: "cap",
    short: "c",
    value: "name",
    repeat: true,
    emptyCounts: true,
    text: "a further capability, such as CAP_CHOWN",
  },
  { name: "no-new-privs", text: "let it gain no privileges by execve" },
  { name: "tty", short: "t", text: "give it a terminal" },
  { name: "console-socket", value: "path", text: "send the terminal to this socket; with --detach" },
  { name: "detach", short: "d", text: "return when it runs" },
  { name: "pid-file", value: "file", text: "write its pid there" },
  { name: "preserve-fds", value: "n", text: "pass n descriptors from 3 on to it" },
  {
    name: "cgroup",
    value: "cgroup",
    repeat: true,
    text: "run it in this cgroup below the container's, also as controller:path",
  },
  { name: "ignore-paused", text: "also in a paused container" },
  { name: "process-label", value: "label", text: "its SELinux label" },
  { name: "apparmor", value: "profile", text: "its AppArmor profile" },
  TRACE,
];

/** exec to wait. */
export const LIVING_COMMANDS: readonly CommandSpec[] = [
  {
    name: "exec",
    args: "ID [ARGS...]",
    min: 1,
    max: Number.POSITIVE_INFINITY,
    text: "run a further program in a container; exits with its code, or with 255 where it cannot be run",
    options: EXEC_OPTIONS,
    rest: true,
    errorCode: 255,
    load: () => import("../commands/exec.ts"),
  },
  {
    name: "pause",
    args: "ID",
    min: 1,
    max: 1,
    text: "stop all processes of a container, until it is resumed",
    options: [],
    load: () => import("../commands/pause.ts"),
  },
  {
    name: "resume",
    args: "ID",
    min: 1,
    max: 1,
    text: "let a paused container go on",
    options: [],
    load: () => import("../commands/resume.ts"),
  },
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
    load: () => import("../commands/stop.ts"),
  },
  {
    name: "wait",
    args: "ID",
    min: 1,
    max: 1,
    text: "wait for the end of a container's first process and print its exit code",
    options: [],
    load: () => import("../commands/wait.ts"),
  },
];
