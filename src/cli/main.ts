/** The command: argv in, exit code out. */
import { SystemError, UsageError } from "../error.ts";
import { InterruptedError } from "../spawn/interrupted.ts";
import { exit } from "../sys/process.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";
import { parse } from "./parse.ts";
import { configure, print, reportError } from "./report.ts";
import type { Call, Command, Options, Part, Whole } from "./table.ts";

/**
 * Performs this process's command line by a part of tsrun, and ends the process with the exit code.
 *
 * @returns false where only the whole of tsrun can tell what to do; then nothing is done yet
 */
export function program(part: Part): boolean {
  const code = main(process.argv.slice(2), part);
  if (code === undefined) return false;
  // What is hot is done by now: a promise costs a turn of the loop.
  if (typeof code === "number") exit(code);
  void code.then(exit);
  return true;
}

function main(argv: readonly string[], part: Part): number | Promise<number> | undefined {
  try {
    const code = perform(argv, part);
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

function perform(
  argv: readonly string[],
  { commands, perform, whole }: Part,
): number | Promise<number> | undefined {
  const parsed = parse(argv, commands, configure);
  switch (parsed.kind) {
    case "version":
      print(`tsrun version ${VERSION}\ncommit: ${COMMIT}\nspec: ${SPEC_VERSION}\n`);
      return 0;
    case "help":
      return whole && printHelp(whole, parsed.topic);
    case "unknown":
      return whole && unknown(parsed.name);
    case "call": {
      const command = perform[parsed.command.name];
      if (command === undefined || (whole === undefined && parsed.options.has("trace"))) return undefined;
      checkGlobals(parsed.globals);
      return call(command, { ...parsed, whole }, parsed.command.errorCode);
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

async function printHelp({ help }: Whole, topic: string | undefined): Promise<number> {
  print(await help(topic));
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
