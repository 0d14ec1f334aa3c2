/** Makes src/cli/help.gen.ts: the help texts, by commander from the command table. */
import { writeFileSync } from "node:fs";
import { Command } from "commander";
import { COMMANDS } from "../src/cli/table/all.ts";
import { type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "../src/cli/table.ts";

function flags({ name, short, value }: OptionSpec): string {
  return `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;
}

function describe(command: Command, spec: CommandSpec): Command {
  command.description(spec.text);
  for (const argument of spec.args.split(" ")) {
    if (argument.startsWith("[")) command.argument(`[${argument.slice(1, -1)}]`);
    else if (argument !== "") command.argument(`<${argument}>`);
  }
  for (const option of spec.options) command.option(flags(option), option.text);
  return command;
}

/** The help of tsrun as a whole by the name `""`, and of each command by its own. */
export function helpTexts(): Readonly<Record<string, string>> {
  const program = new Command("tsrun")
    .description("run OCI containers")
    .helpOption("-h, --help", "print help");
  for (const option of GLOBAL_OPTIONS) program.option(flags(option), option.text);
  for (const spec of COMMANDS) {
    describe(program.command(spec.name, { hidden: spec.hidden === true }), spec);
  }
  // As wide as where nobody says how wide a terminal is.
  for (const command of [program, ...program.commands])
    command.configureOutput({ getOutHelpWidth: () => 80, getOutHasColors: () => false });
  const texts = program.commands.map((command) => [command.name(), command.helpInformation()]);
  return Object.fromEntries([["", program.helpInformation()], ...texts]);
}

/** Writes them where the command finds them. */
export function writeHelpTexts(): void {
  const texts = JSON.stringify(helpTexts(), undefined, 2);
  writeFileSync(
    "src/cli/help.gen.ts",
    `// Made by scripts/help-texts.ts from the command table. Do not edit.\n\n/** Help texts by command; of tsrun as a whole by "". */\nexport const HELP: Readonly<Record<string, string>> = ${texts};\n`,
  );
}
