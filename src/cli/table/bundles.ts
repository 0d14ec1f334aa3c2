/** The commands about bundles, and about tsrun itself. */
import type { CommandSpec } from "../table.ts";
import { BUNDLE } from "./options.ts";

/** explain to features. */
export const BUNDLE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "explain",
    args: "",
    min: 0,
    max: 0,
    text: "print what running a bundle would do, and do nothing",
    options: [
      BUNDLE,
      { name: "format", short: "f", value: "text|json|sh", text: "how to print it (default: text)" },
      { name: "no-pivot", text: "as for create" },
      { name: "id", value: "id", text: "the id that cgroup paths are made from (default: container)" },
      {
        name: "timed",
        text: "run it once instead, kill its program at once, and print what each step took, slowest first",
      },
    ],
  },
  {
    name: "check",
    args: "",
    min: 0,
    max: 0,
    text: "say whether a bundle will run on this host, and if not, why; exits with 1 then",
    options: [BUNDLE],
  },
  {
    name: "spec",
    args: "",
    min: 0,
    max: 0,
    text: "write a config.json to start from",
    options: [
      BUNDLE,
      { name: "rootless", text: "for an ordinary user: in a user namespace, with the host's network" },
    ],
  },
  {
    name: "features",
    args: "",
    min: 0,
    max: 0,
    text: "print what this build supports as JSON (runtime-spec features.md)",
    options: [],
  },
];
