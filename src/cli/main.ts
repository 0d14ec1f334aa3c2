/** The command: argv in, exit code out. */
import { SystemError, UsageError } from "../error.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";
import { parse } from "./parse.ts";
import { configure, print, reportError } from "./report.ts";
import type { Call, CommandSpec, Options } from "./table.ts";

/** Runs one command line; never throws. What is hot is done when this returns: a promise costs a turn of the loop. */
export function main(argv: readonly string[]): number | Promise<number> {
  try {
    const code = perform(argv);
    return typeof code === "number" ? code : code.catch((error) => failed(error));
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown, code = 1): number {
  // Whoever read our output has seen enough.
  if (error instanceof SystemError && error.syscall === "write" && error.code === "EPIPE") return 1;
  reportError(error);
  return code;
}

function perform(argv: readonly string[]): number | Promise<number> {
  const parsed = parse(argv, configure);
  switch (parsed.kind) {
    case "version":
      print(`tsrun version ${VERSION}\ncommit: ${COMMIT}\nspec: ${SPEC_VERSION}\n`);
      return 0;
    case "help":
      return printHelp(parsed.topic);
    case "unknown":
      reportError(
        new UsageError(`No help topic for '${parsed.name}'`, {
          hint: "tsrun --help lists the commands",
        }),
      );
      return 3;
    case "call": {
      checkGlobals(parsed.globals);
      return call(parsed.command, parsed);
    }
    default:
      return parsed satisfies never;
  }
}

function call({ load, errorCode = 1 }: CommandSpec, given: Call): number | Promise<number> {
  try {
    const module = load();
    const code = "command" in module ? module.command(given) : module.then(({ command }) => command(given));
    return typeof code === "number" ? code : code.catch((error) => failed(error, errorCode));
  } catch (error) {
    return failed(error, errorCode);
  }
}

async function printHelp(topic: string | undefined): Promise<number> {
  const { help } = await import("./help.ts");
  print(help(topic));
  return 0;
}

function checkGlobals(globals: Options): void {
  const format = globals.get("log-format") ?? "text";
  if (format !== "text" && format !== "json") {
    throw new UsageError(`invalid log format ${JSON.stringify(format)}`, {
      hint: "--log-format takes text or json",
    });
  }
}
