/** The script for fish (complete(1) of fish). */
import {
  type Completed,
  type CompletedCommand,
  type CompletedOption,
  signalNames,
  type Value,
} from "./model.ts";

/** What does not depend on the table. */
const HEAD = `# fish completion for tsrun, made by: tsrun completion fish

# The command of the line up to the cursor, how many arguments follow it, whether it takes every container, and --root.
function __tsrun_place
	set -l command ''
	set -l count 0
	set -l option ''
	set -l over no
	set -l all no
	set -l root
	for token in (commandline -opc)[2..-1]
		if test -n "$option"
			if test "$command $option" = ' root'
				set root --root $token
			end
			set option ''
		else if test $over = no; and string match -q -- '-?*' $token
			if test "$token" = --
				set over yes
				continue
			end
			set -l name (string replace -r '^--?' '' -- $token)
			if contains -- "$command $name" 'delete force' 'delete f'
				set all yes
			else if string match -q 'root=*' -- $name; and test -z "$command"
				set root --root (string replace 'root=' '' -- $name)
			else if __tsrun_takes_value "$command $name"
				set option $name
			end
		else if test -z "$command"
			set command $token
		else
			set count (math $count + 1)
			if contains -- $command $__tsrun_rest
				set over yes
			end
		end
	end
	printf '%s\\n' "$command" $count $all $root
end

# Whether options of a command may stand here.
function __tsrun_in
	set -l place (__tsrun_place)
	test "$place[1]" = "$argv[1]"; or return 1
	not begin; contains -- $argv[1] $__tsrun_rest; and test $place[2] -gt 0; end
end

# Whether an argument of a command stands here: a number, or one from which on all are alike.
function __tsrun_at
	set -l place (__tsrun_place)
	test "$place[1]" = "$argv[1]"; or return 1
	test $place[2] -eq $argv[2]; or begin; test (count $argv) -gt 2; and test $place[2] -gt $argv[2]; end
end

# The containers with one of these statuses, all of them without one, below the state root that the line names.
function __tsrun_containers
	set -l place (__tsrun_place)
	set -l program (commandline -opc)[1]
	set -l filter
	if test $place[3] = no
		for word in $argv
			set -a filter --status $word
		end
	end
	$program $place[4..-1] list -q $filter 2> /dev/null
end
`;

/** The script. */
export function fishScript({ globals, commands }: Completed): string {
  const all = [{ name: "", options: globals }, ...commands];
  const names = commands.map(({ name, text }) => complete("__tsrun_at '' 0", name, text));
  return [
    HEAD,
    `set -g __tsrun_rest ${commands
      .filter(({ rest }) => rest)
      .map(({ name }) => name)
      .join(" ")}`,
    "",
    "function __tsrun_takes_value",
    "\tswitch $argv",
    `\t\tcase ${all.flatMap(valued).join(" ")}`,
    "\t\t\treturn 0",
    "\tend",
    "\treturn 1",
    "end",
    "",
    "complete -c tsrun -f",
    ...names,
    ...all.flatMap(({ name, options }) => options.map((option) => optionLine(name, option))),
    ...commands.flatMap(argumentLines),
    "",
  ].join("\n");
}

function valued({ name, options }: Pick<CompletedCommand, "name" | "options">): readonly string[] {
  return options.flatMap((option) => {
    if (option.value === undefined) return [];
    return [option.name, ...(option.short === undefined ? [] : [option.short])].map((each) =>
      quote(`${name} ${each}`),
    );
  });
}

function optionLine(command: string, { name, short, text, value }: CompletedOption): string {
  return [
    `complete -c tsrun -n ${quote(`__tsrun_in ${command === "" ? quote("") : command}`)} -l ${name}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(value === undefined ? [] : [values(value)]),
    `-d ${quote(text)}`,
  ].join(" ");
}

function argumentLines({ name, args, repeats }: CompletedCommand): readonly string[] {
  return args.flatMap((value, at) => {
    if (value.kind === "unknown") return [];
    const onwards = repeats && at === args.length - 1 ? " onwards" : "";
    return [`complete -c tsrun -n ${quote(`__tsrun_at ${name} ${at}${onwards}`)} ${values(value)}`];
  });
}

/** The options of complete that offer these values. */
function values(value: Value): string {
  switch (value.kind) {
    case "words":
      return `-x -a ${quote(value.words.join(" "))}`;
    case "signals":
      return `-x -a ${quote(signalNames().join(" "))}`;
    case "folders":
      return `-x -a ${quote("(__fish_complete_directories (commandline -ct))")}`;
    case "files":
      return "-r -F";
    case "containers":
      return `-x -a ${quote(`(${["__tsrun_containers", ...value.statuses].join(" ")})`)}`;
    case "unknown":
      return "-x";
    default:
      return value satisfies never;
  }
}

function complete(condition: string, word: string, text: string): string {
  return `complete -c tsrun -n ${quote(condition)} -a ${word} -d ${quote(text)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
