/** The command: argv in, exit code out. */
import { SystemError, UsageError } from "../error.ts";
import { InterruptedError } from "../spawn/interrupted.ts";
import { exit } from "../sys/process.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";
import { help } from "./help.ts";
import { parse } from "./parse.ts";
import { configure, print, reportError } from "./report.ts";
import { COMMANDS } from "./table/all.ts";
import type { Call, Command, Options } from "./table.ts";

/** What performs each command, by its name. */
export type Commands = Readonly<Record<string, Command>>;

/** Performs this process's command line, and ends the process with the exit code. */
export function program(commands: Commands): void {
  const code = main(process.argv.slice(2), commands);
  // What is hot is done by now: a promise costs a turn of the loop.
  if (typeof code === "number") exit(code);
  void code.then(exit);
}

function main(argv: readonly string[], commands: Commands): number | Promise<number> {
  try {
    const code = perform(argv, commands);
    return code instanceof Promise ? code.catch((error) => failed(error)) : code;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown, code = 1): number {
  // Whoever read our output has seen enough.
  if (error instanceof SystemError && error.syscall === "write" && error.code === "EPIPE") return 1;
  reportError(error);
  return error instanceof InterruptedError ? 128 + error.signal : code;
}

function perform(argv: readonly string[], commands: Commands): number | Promise<number> {
  const parsed = parse(argv, COMMANDS, configure);
  switch (parsed.kind) {
    case "version":
      print(`tsrun version ${VERSION}\ncommit: ${COMMIT}\nspec: ${SPEC_VERSION}\n`);
      return 0;
    case "help":
      print(help(parsed.topic));
      return 0;
    case "unknown":
      return unknown(parsed.name);
    case "call": {
      const { name, errorCode } = parsed.command;
      const command = commands[name];
      if (command === undefined) throw new Error(`nothing performs ${name}`);
      checkGlobals(parsed.globals);
      return call(command, parsed, errorCode);
    }
    default:
      return parsed satisfies never;
  }
}

function call(command: Command, given: Call, errorCode: number | undefined): number | Promise<number> {
  try {
    const code = command(given);
    return typeof code === "number" ? code : code.catch((error) => failed(error, errorCode));
  } catch (error) {
    return failed(error, errorCode);
  }
}

function unknown(name: string): number {
  reportError(
    new UsageError(`No help topic for '${name}'`, {
      hint: "tsrun --help lists the commands",
    }),
  );
  return 3;
}

function checkGlobals(globals: Options): void {
  const format = globals.get("log-format") ?? "text";
  if (format !== "text" && format !== "json") {
    throw new UsageError(`invalid log format ${JSON.stringify(format)}`, {
      hint: "--log-format takes text or json",
    });
  }
}
