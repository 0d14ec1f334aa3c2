/** argv to a call, by the table: one dash or two, a value after `=` or a space, options before or after the arguments. */

import { UsageError } from "../error.ts";
import { append } from "../lists.ts";
import { type Call, type CommandSpec, GLOBAL_OPTIONS, type OptionSpec, type Options } from "./table.ts";

/** What the command line asks for. */
export type Parsed =
  | ({ readonly kind: "call"; readonly command: CommandSpec } & Call)
  | { readonly kind: "help"; readonly topic: string | undefined }
  | { readonly kind: "version" }
  | { readonly kind: "unknown"; readonly name: string };

const HELP: OptionSpec = { name: "help", short: "h", text: "print help" };

/**
 * Takes options from `argv[at]` on. `argsTaken` says which arguments it takes on the way: all of them between and after the
 * options; the first and the whole rest as it stands; or none, so that it ends before the first.
 */
function options(
  argv: readonly string[],
  at: number,
  specs: readonly OptionSpec[],
  argsTaken: "all" | "rest" | "none",
  command: string,
) {
  const given = new Map<string, string>();
  const args: string[] = [];
  let next = at;
  while (next < argv.length) {
    const word = argv[next] ?? "";
    if (word === "--") {
      append(args, argv.slice(next + 1));
      next = argv.length;
    } else if (word.length > 1 && word.startsWith("-")) {
      next = option(word, argv, next, specs, given, command);
    } else if (argsTaken === "all") {
      args.push(word);
      next++;
    } else if (argsTaken === "rest") {
      append(args, argv.slice(next));
      next = argv.length;
    } else {
      break;
    }
  }
  return { given, args, next };
}

function option(
  word: string,
  argv: readonly string[],
  at: number,
  specs: readonly OptionSpec[],
  given: Map<string, string>,
  command: string,
): number {
  const equals = word.indexOf("=");
  const name = word.slice(word.startsWith("--") ? 2 : 1, equals < 0 ? undefined : equals);
  const spec = [...specs, HELP].find((each) => each.name === name || each.short === name);
  if (spec === undefined) {
    throw new UsageError(`flag provided but not defined: -${name}`, {
      hint: `see: tsrun ${command}${command === "" ? "" : " "}--help`,
    });
  }
  if (spec.value === undefined) {
    const value = equals < 0 ? "true" : word.slice(equals + 1);
    if (value === "false") given.delete(spec.name);
    else if (value === "true") given.set(spec.name, "");
    else throw new UsageError(`--${spec.name} takes no value, or true or false: ${JSON.stringify(value)}`);
    return at + 1;
  }
  const value = equals < 0 ? argv[at + 1] : word.slice(equals + 1);
  if (value === undefined)
    throw new UsageError(`flag needs an argument: -${name}`, {
      hint: `--${spec.name} takes a ${spec.value}`,
    });
  // As runc has it, an empty value is none: engines pass what they have not set.
  const before = spec.repeat ? given.get(spec.name) : undefined;
  const counts = value !== "" || spec.emptyCounts === true;
  if (!counts && !spec.repeat) given.delete(spec.name);
  else if (counts) given.set(spec.name, before === undefined ? value : `${before}\0${value}`);
  return at + (equals < 0 ? 2 : 1);
}

/**
 * Parses a command line without the program's own name, for one of `commands`. `globalsKnown` is told the global options as soon as they are
 * parsed, so that what is wrong with the rest is reported where they say.
 *
 * @throws UsageError
 */
export function parse(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  globalsKnown?: (globals: Options) => void,
): Parsed {
  const { given: globals, next } = options(argv, 0, GLOBAL_OPTIONS, "none", "");
  globalsKnown?.(globals);
  if (globals.has("version")) return { kind: "version" };
  const name = argv[next];
  if (globals.has("help") || name === undefined) return { kind: "help", topic: undefined };
  if (name === "help") {
    const topic = argv[next + 1];
    const known = topic === undefined || commands.some((each) => each.name === topic);
    return known ? { kind: "help", topic } : { kind: "unknown", name: topic };
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return { kind: "unknown", name };
  const { given, args } = options(argv, next + 1, command.options, command.rest ? "rest" : "all", name);
  if (given.has("help")) return { kind: "help", topic: name };
  if (args.length < command.min || args.length > command.max) {
    const wanted =
      command.min === command.max
        ? `exactly ${command.min} argument(s)`
        : command.max === Number.POSITIVE_INFINITY
          ? `at least ${command.min} argument(s)`
          : `from ${command.min} to ${command.max} arguments`;
    throw new UsageError(`"${name}" requires ${wanted}, not ${args.length}`, {
      hint: `usage: tsrun ${name} [options] ${command.args}`,
    });
  }
  return { kind: "call", command, globals, options: given, args };
}
