/** `exec` with its many options. */
import type { CommandSpec, OptionSpec } from "../table.ts";
import { TRACE } from "./options.ts";

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

/** `exec` */
export const EXEC: CommandSpec = {
  name: "exec",
  args: "ID [ARGS...]",
  min: 1,
  max: Number.POSITIVE_INFINITY,
  text: "run a further program in a container; exits with its code, or with 255 where it cannot be run",
  options: EXEC_OPTIONS,
  rest: true,
  errorCode: 255,
};
