/** The script for bash (bash(1), Programmable Completion). It needs no package beside bash 4. */
import {
  type Completed,
  type CompletedCommand,
  type CompletedOption,
  signalNames,
  type Value,
} from "./model.ts";

/** What does not depend on the table. */
const HEAD = `# bash completion for tsrun, made by: tsrun completion bash

# The containers with one of these statuses, all of them without one, below the state root that the line names.
_tsrun_containers() {
	local status id filter=()
	for status; do filter+=(--status "$status"); done
	# compgen would expand what is no id.
	"\${_tsrun_program[@]}" list -q "\${filter[@]}" 2> /dev/null | while read -r id; do
		[[ $id =~ ^[A-Za-z0-9_+.-]+$ ]] && echo "$id"
	done
}

# The words of the line up to the cursor, with what bash has split at "=" put together again.
_tsrun_words() {
	local at word glue=0
	_tsrun_line=()
	for ((at = 1; at <= COMP_CWORD; at++)); do
		word=\${COMP_WORDS[at]}
		if [[ $word == = && \${#_tsrun_line[@]} -gt 0 ]]; then
			_tsrun_line[-1]+== glue=1
		elif ((glue)); then
			_tsrun_line[-1]+=$word glue=0
		else
			_tsrun_line+=("$word")
		fi
	done
}

# Completes the word "$2" as the kind "$1" says; "$3" is what stands before it in the same word.
_tsrun_value() {
	local kind=$1 word=$2 before=$3 words='' IFS=$' \\t\\n'
	case $kind in
	containers*) words=$(_tsrun_containers \${kind#containers}) ;;
	words*) words=\${kind#words} ;;
	signals) words=$_tsrun_signals ;;
	folders | files)
		compopt -o filenames 2> /dev/null
		local action=-f
		[[ $kind == folders ]] && action=-d
		IFS=$'\\n'
		COMPREPLY=($(compgen "$action" -- "$word"))
		;;
	esac
	[[ -n $words ]] && COMPREPLY=($(compgen -W "$words" -- "$word"))
	# Where bash does not split words at "=", what is completed is the whole word.
	[[ -n $before && $COMP_WORDBREAKS != *=* ]] && COMPREPLY=("\${COMPREPLY[@]/#/$before}")
}

_tsrun() {
	local _tsrun_line=() _tsrun_program=("\${COMP_WORDS[0]}") command='' option='' args=0 over=0 all=0 word name kind at
	COMPREPLY=()
	_tsrun_program[0]=\${_tsrun_program[0]/#\\~\\//$HOME/}
	_tsrun_words
	word=\${_tsrun_line[-1]}
	unset '_tsrun_line[-1]'
	for at in "\${_tsrun_line[@]}"; do
		if [[ -n $option ]]; then
			[[ -z $command && $option == root ]] && _tsrun_program+=(--root "\${at/#\\~\\//$HOME/}")
			option=
		elif ((over)) || [[ $at == - || $at != -* ]]; then
			if [[ -z $command ]]; then
				command=$at
			else
				args=$((args + 1))
				[[ $(_tsrun_argument "$command" rest) == yes ]] && over=1
			fi
		elif [[ $at == -- ]]; then
			over=1
		else
			name=\${at#-}
			name=\${name#-}
			kind=$(_tsrun_option "$command" "\${name%%=*}")
			if [[ $kind == all ]]; then
				all=1
			elif [[ -n $kind && $name != *=* ]]; then
				option=$name
			elif [[ -z $command && $name == root=* ]]; then
				_tsrun_program+=(--root "\${name#*=}")
			fi
		fi
	done
	if [[ -n $option ]]; then
		_tsrun_value "$(_tsrun_option "$command" "$option")" "$word" ''
	elif ((!over)) && [[ $word == -*=* ]]; then
		name=\${word%%=*}
		name=\${name#-}
		_tsrun_value "$(_tsrun_option "$command" "\${name#-}")" "\${word#*=}" "\${word%%=*}="
	elif ((!over)) && [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W "$(_tsrun_options "$command")" -- "$word"))
	elif [[ -z $command ]]; then
		COMPREPLY=($(compgen -W "$_tsrun_commands" -- "$word"))
	else
		kind=$(_tsrun_argument "$command" "$args")
		((all)) && [[ $kind == containers* ]] && kind=containers
		_tsrun_value "$kind" "$word" ''
	fi
}
`;

/** The script. */
export function bashScript({ globals, commands }: Completed): string {
  const all = [{ name: "", options: globals }, ...commands];
  return [
    HEAD,
    `_tsrun_commands='${commands.map(({ name }) => name).join(" ")}'`,
    `_tsrun_signals='${signalNames().join(" ")}'`,
    "",
    "# The options of a command; without one, those that come before it.",
    choice(
      "_tsrun_options",
      '"$1"',
      all.map(({ name, options }) => [quote(name), options.map((each) => `--${each.name}`).join(" ")]),
    ),
    "# What the value of an option is; nothing for a switch.",
    choice(
      "_tsrun_option",
      '"$1 $2"',
      all.flatMap((each) => optionKinds(each)),
    ),
    "# What an argument is; for rest, whether options end before the second.",
    choice("_tsrun_argument", '"$1 $2"', commands.flatMap(argumentKinds)),
    "complete -F _tsrun tsrun",
    "",
  ].join("\n");
}

function optionKinds({
  name,
  options,
}: Pick<CompletedCommand, "name" | "options">): readonly (readonly [string, string])[] {
  return options.flatMap((option) => {
    const kind = option.value === undefined ? switchKind(name, option) : kindOf(option.value);
    if (kind === "") return [];
    const names = [option.name, ...(option.short === undefined ? [] : [option.short])];
    return [[names.map((each) => quote(`${name} ${each}`)).join(" | "), kind] as const];
  });
}

/** `delete --force` takes every container. */
function switchKind(command: string, { name }: CompletedOption): string {
  return command === "delete" && name === "force" ? "all" : "";
}

function argumentKinds({
  name,
  args,
  repeats,
  rest,
}: CompletedCommand): readonly (readonly [string, string])[] {
  const kinds = args.map((value, at) => {
    const place = repeats && at === args.length - 1 ? "*" : quote(`${name} ${at}`);
    return [place === "*" ? `${quote(`${name} `)}[0-9]*` : place, kindOf(value)] as const;
  });
  return [
    ...kinds.filter(([, kind]) => kind !== "unknown"),
    ...(rest ? [[quote(`${name} rest`), "yes"] as const] : []),
  ];
}

function kindOf(value: Value): string {
  switch (value.kind) {
    case "words":
      return `words ${value.words.join(" ")}`;
    case "containers":
      return ["containers", ...value.statuses].join(" ");
    case "signals":
    case "folders":
    case "files":
    case "unknown":
      return value.kind;
    default:
      return value satisfies never;
  }
}

/** A function that answers by its arguments. */
function choice(name: string, on: string, cases: readonly (readonly [string, string])[]): string {
  const lines = cases.map(([pattern, answer]) => `\t${pattern}) echo ${quote(answer)} ;;`);
  return `${name}() {\n\tcase ${on} in\n${lines.join("\n")}\n\tesac\n}\n`;
}

function quote(text: string): string {
  return `'${text}'`;
}
