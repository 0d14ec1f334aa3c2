/** What a shell can complete of a command line, from the command table; every shell's script is made from this. */
import { SIGNALS } from "../../sys/constants.gen.ts";
import { COMMANDS } from "../table/all.ts";
import { type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "../table.ts";

/** What may stand at one place of a command line. */
export type Value =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "signals" }
  | { readonly kind: "folders" }
  | { readonly kind: "files" }
  /** The containers with one of these statuses; all where there is none. `unless` is an option that asks for all. */
  | { readonly kind: "containers"; readonly statuses: readonly string[]; readonly unless?: OptionSpec }
  /** Something that only the caller knows. */
  | { readonly kind: "unknown" };

/** An option with what its value may be; `undefined` for a switch. */
export interface CompletedOption extends Omit<OptionSpec, "value"> {
  readonly value: Value | undefined;
}

/** A command. */
export interface CompletedCommand {
  readonly name: string;
  readonly text: string;
  readonly options: readonly CompletedOption[];
  readonly args: readonly Value[];
  /** Whether the last of the arguments may be repeated. */
  readonly repeats: boolean;
  /** Whether options end at the first argument. */
  readonly rest: boolean;
}

/** Everything. */
export interface Completed {
  readonly globals: readonly CompletedOption[];
  readonly commands: readonly CompletedCommand[];
}

/** Commands whose ID is a new one. */
const NEW: readonly string[] = ["create", "run", "restore"];

const LIVING = ["created", "running", "paused"];

/** The statuses that a command takes, where it does not take every one. */
const STATUSES: { readonly [command: string]: readonly string[] } = {
  start: ["created"],
  delete: ["created", "stopped"],
  pause: ["created", "running"],
  resume: ["paused"],
  checkpoint: ["running", "paused"],
  ...Object.fromEntries(
    ["exec", "kill", "update", "events", "stats", "ps", "top", "stop", "wait"].map((name) => [name, LIVING]),
  ),
};

const HELP: CompletedOption = { name: "help", short: "h", text: "print help", value: undefined };

/** The commands of {@link STATUSES}, for the test that looks for each of them in the table. */
export const COMMANDS_WITH_STATUSES: readonly string[] = Object.keys(STATUSES);

/** What can be completed of the commands that people see. */
export function completed(): Completed {
  return {
    globals: [...GLOBAL_OPTIONS.map(option), HELP],
    commands: [
      ...COMMANDS.filter(({ hidden }) => hidden !== true).map(command),
      {
        name: "help",
        text: "print the help of a command",
        options: [],
        args: [
          { kind: "words", words: COMMANDS.filter(({ hidden }) => hidden !== true).map(({ name }) => name) },
        ],
        repeats: false,
        rest: false,
      },
    ],
  };
}

/** The signals as kill(1) names them, without those that have only a number. */
export function signalNames(): readonly string[] {
  return Object.keys(SIGNALS).filter((name) => /^[A-Z]+[0-9]?$/.test(name) && !name.startsWith("RT"));
}

function command(spec: CommandSpec): CompletedCommand {
  const words = spec.args.split(" ").filter((word) => word !== "");
  return {
    name: spec.name,
    text: spec.text,
    options: [...spec.options.map(option), HELP],
    args: words.map((word) => argument(word.replace(/[[\].]/g, ""), spec)),
    repeats: words.at(-1)?.includes("...") === true,
    rest: spec.rest === true,
  };
}

function argument(word: string, { name, options }: CommandSpec): Value {
  if (word !== "ID") return named(word.toLowerCase());
  if (NEW.includes(name)) return { kind: "unknown" };
  const unless = name === "delete" ? options.find((each) => each.name === "force") : undefined;
  return {
    kind: "containers",
    statuses: STATUSES[name] ?? [],
    ...(unless === undefined ? {} : { unless }),
  };
}

function option({ value, ...spec }: OptionSpec): CompletedOption {
  // The working folder is one of the container's, which the shell cannot see.
  const name = spec.name === "cwd" ? "" : value;
  return { ...spec, value: name === undefined ? undefined : named(name) };
}

/** By what a value is called in the help. */
function named(name: string): Value {
  if (name.includes("|")) return { kind: "words", words: name.split("|") };
  switch (name) {
    case "signal":
      return { kind: "signals" };
    case "dir":
    case "folder":
      return { kind: "folders" };
    case "file":
    case "path":
    case "archive":
      return { kind: "files" };
    default:
      return { kind: "unknown" };
  }
}
