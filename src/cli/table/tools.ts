/** The commands that help with using tsrun. */
import type { CommandSpec } from "../table.ts";

/** doctor to man. */
export const TOOL_COMMANDS: readonly CommandSpec[] = [
  {
    name: "doctor",
    args: "",
    min: 0,
    max: 0,
    text: "say what this host offers, what is lost where it does not, and how to get it; exits with 1 if no container can run",
    options: [{ name: "format", short: "f", value: "text|json", text: "how to print it (default: text)" }],
  },
  {
    name: "gc",
    args: "[DIR...]",
    min: 0,
    max: Number.POSITIVE_INFINITY,
    text: "remove what a tsrun that was killed left in the state root, in the store, and of images unpacked into these folders",
    options: [
      { name: "dry-run", text: "only say what would be removed" },
      { name: "stopped", text: "also remove stopped containers" },
      { name: "format", short: "f", value: "text|json", text: "how to print it (default: text)" },
    ],
  },
  {
    name: "completion",
    args: "bash|zsh|fish",
    min: 1,
    max: 1,
    text: "print a script that lets a shell complete tsrun's commands, options and containers",
    options: [],
  },
  {
    name: "man",
    args: "",
    min: 0,
    max: 0,
    text: "print the manual page: tsrun man | man -l -",
    options: [],
  },
];
