/** The script for zsh (zshcompsys(1), _arguments): a file `_tsrun` in a folder of fpath, or sourced. */
import {
  type Completed,
  type CompletedCommand,
  type CompletedOption,
  signalNames,
  type Value,
} from "./model.ts";

/** What does not depend on the table. */
const HEAD = `#compdef tsrun
# zsh completion for tsrun, made by: tsrun completion zsh

# The containers with one of these statuses, all of them without one or with --force, below the state root that the line names.
_tsrun_containers() {
	local -a filter found
	local word expl
	(($+opt_args[--force] + $+opt_args[-f])) && set --
	for word; do filter+=(--status $word); done
	found=(\${(f)"$("\${_tsrun_program[@]}" list -q $filter 2> /dev/null)"})
	_wanted containers expl container compadd -a found
}
`;

const MAIN = `_tsrun() {
	local curcontext=$curcontext state line
	local -A opt_args
	local -a _tsrun_program=(\${(Q)words[1]})
	_arguments -C -A '-*' $_tsrun_globals '1: :->command' '*:: :->arguments' && return
	[[ -n $opt_args[--root] ]] && _tsrun_program+=(--root \${(Q)opt_args[--root]})
	case $state in
	command) _describe -t commands command _tsrun_commands ;;
	arguments)
		curcontext="\${curcontext%:*:*}:tsrun-$words[1]:"
		_tsrun_arguments
		;;
	esac
}

if [[ $funcstack[1] == _tsrun ]]; then
	_tsrun "$@"
else
	compdef _tsrun tsrun
fi
`;

/** The script. */
export function zshScript({ globals, commands }: Completed): string {
  return [
    HEAD,
    array(
      "_tsrun_globals",
      globals.flatMap((option) => optionSpecs(option)),
    ),
    array(
      "_tsrun_commands",
      commands.map(({ name, text }) => quote(`${name}:${escaped(text)}`)),
    ),
    `_tsrun_arguments() {\n\tcase $words[1] in\n${commands.map(branch).join("")}\tesac\n}\n`,
    MAIN,
  ].join("\n");
}

function branch({ name, options, args, repeats, rest }: CompletedCommand): string {
  const places = args.map((value, at) =>
    quote(`${repeats && at === args.length - 1 ? "*" : at + 1}${action(value)}`),
  );
  const specs = [...options.flatMap((option) => optionSpecs(option)), ...places];
  return `\t${name})\n\t\t_arguments ${rest ? "-A '-*' " : ""}\\\n\t\t\t${specs.join(" \\\n\t\t\t")}\n\t\t;;\n`;
}

function optionSpecs({ name, short, repeat, text, value }: CompletedOption): readonly string[] {
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`];
  // One that is given shuts out its other name.
  const others = repeat === true ? "*" : names.length > 1 ? `(${names.join(" ")})` : "";
  const what = `[${escaped(text)}]${value === undefined ? "" : action(value)}`;
  return names.map((each) =>
    quote(`${others}${each}${value !== undefined && each.startsWith("--") ? "=" : ""}${what}`),
  );
}

/** The message and the action of a value, as _arguments takes them. */
function action(value: Value): string {
  switch (value.kind) {
    case "words":
      return `:value:(${value.words.join(" ")})`;
    case "signals":
      return `:signal:(${signalNames().join(" ")})`;
    case "folders":
      return ":folder:_files -/";
    case "files":
      return ":file:_files";
    case "containers":
      // The space keeps the options of compadd out of the call.
      return `:container: _tsrun_containers ${value.statuses.join(" ")}`.trimEnd();
    case "unknown":
      return ":value: ";
    default:
      return value satisfies never;
  }
}

function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, "\\$&");
}

function array(name: string, items: readonly string[]): string {
  return `${name}=(\n${items.map((item) => `\t${item}\n`).join("")})\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
