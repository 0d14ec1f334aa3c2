/** The commands that help with using tsrun. */
import type { CommandSpec } from "../table.ts";

/** completion and man. */
export const TOOL_COMMANDS: readonly CommandSpec[] = [
  {
    name: "completion",
    args: "bash|zsh|fish",
    min: 1,
    max: 1,
    text: "print a script that lets a shell complete tsrun's commands, options and containers",
    options: [],
    load: () => import("../commands/completion.ts"),
  },
  {
    name: "man",
    args: "",
    min: 0,
    max: 0,
    text: "print the manual page: tsrun man | man -l -",
    options: [],
    load: () => import("../commands/man.ts"),
  },
];
