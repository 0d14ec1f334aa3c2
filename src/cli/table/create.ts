/** `create` and `run`. */
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

/** `create` */
export const CREATE: CommandSpec = {
  name: "create",
  args: "ID",
  min: 1,
  max: 1,
  text: "create a container from a bundle; its program runs when it is started",
  options: CREATE_OPTIONS,
};

/** `run` */
export const RUN: CommandSpec = {
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
};
