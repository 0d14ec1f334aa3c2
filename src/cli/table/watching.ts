/** The commands that look at containers that live. */
import type { CommandSpec } from "../table.ts";
import { PS } from "./look.ts";

/** events to top. */
export const WATCHING: readonly CommandSpec[] = [
  {
    name: "events",
    args: "ID",
    min: 1,
    max: 1,
    text: "print a container's statistics now and then, and each kill for want of memory, as JSON lines, until it stops",
    options: [
      { name: "interval", value: "duration", text: "between two statistics (default: 5s)" },
      { name: "stats", text: "print the statistics once and end" },
    ],
  },
  {
    name: "stats",
    args: "[ID...]",
    min: 0,
    max: Number.POSITIVE_INFINITY,
    text: "show what containers use, all running ones by default; memory is without the file cache that is given back first",
    options: [
      { name: "interval", value: "duration", text: "between two looks (default: 1s)" },
      {
        name: "format",
        short: "f",
        value: "table|json",
        text: "table, or json: a line a container, in bytes and µs",
      },
      { name: "once", text: "look once and end" },
      { name: "no-stream", text: "the same" },
    ],
  },
  PS,
  { ...PS, name: "top", text: "the same as ps" },
];
