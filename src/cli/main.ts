/** The command: argv in, exit code out. */
import { SystemError, UsageError } from "../error.ts";
import { COMMIT, SPEC_VERSION, VERSION } from "../version.ts";
import { parse } from "./parse.ts";
import { configure, print, reportError } from "./report.ts";
import type { Options } from "./table.ts";

/** Runs one command line; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const parsed = parse(argv, configure);
    switch (parsed.kind) {
      case "version":
        print(`tsrun version ${VERSION}\ncommit: ${COMMIT}\nspec: ${SPEC_VERSION}\n`);
        return 0;
      case "help": {
        const { help } = await import("./help.ts");
        print(help(parsed.topic));
        return 0;
      }
      case "unknown":
        reportError(
          new UsageError(`No help topic for '${parsed.name}'`, { hint: "tsrun --help lists the commands" }),
        );
        return 3;
      case "call": {
        checkFormat(parsed.globals);
        const { command } = await parsed.command.load();
        return await command(parsed);
      }
      default:
        return parsed satisfies never;
    }
  } catch (error) {
    // Whoever read our output has seen enough.
    if (error instanceof SystemError && error.syscall === "write" && error.code === "EPIPE") return 1;
    reportError(error);
    return 1;
  }
}

function checkFormat(globals: Options): void {
  const format = globals.get("log-format") ?? "text";
  if (format !== "text" && format !== "json") {
    throw new UsageError(`invalid log format ${JSON.stringify(format)}`, {
      hint: "--log-format takes text or json",
    });
  }
}
