/** Help texts, by commander from the command table; loaded only when somebody asks. */
import { Command } from "commander";
import { UsageError } from "../error.ts";
import { COMMANDS } from "./table/all.ts";
import { type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "./table.ts";

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

/** The help of tsrun, or of one command. @throws UsageError for an unknown one */
export function help(topic: string | undefined): string {
  const program = new Command("tsrun")
    .description("run OCI containers")
    .helpOption("-h, --help", "print help");
  for (const option of GLOBAL_OPTIONS) program.option(flags(option), option.text);
  for (const spec of COMMANDS) {
    describe(program.command(spec.name, { hidden: spec.hidden === true }), spec);
  }
  if (topic === undefined) return program.helpInformation();
  const command = program.commands.find((each) => each.name() === topic);
  if (command === undefined)
    throw new UsageError(`No help topic for '${topic}'`, { hint: "tsrun --help lists the commands" });
  return command.helpInformation();
}
