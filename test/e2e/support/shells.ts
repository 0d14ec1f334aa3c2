/** Asks bash, zsh and fish what they complete a line to, each by its own completion, with tsrun's script in it. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The shells that tsrun has scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** Prints what bash offers for the words, the last of which is being typed. */
const BASH = `source "$SCRIPT"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
[[ $(complete -p tsrun) == 'complete -F _tsrun tsrun' ]] || exit 9
_tsrun
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** zsh completes on a terminal only: what it hands to its completion's compadd is noted. */
const ZSHRC = `PROMPT=''
fpath=($FOLDER $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
	local -a __noted
	if [[ " $* " != *" -"[OAD]" "* ]]; then
		builtin compadd -A __noted "$@"
		print -rl -- $__noted >> $FOLDER/found
	fi
	builtin compadd "$@"
}
noted() { _main_complete; print . >> $FOLDER/found }
zle -C noted complete-word noted
bindkey '^I' noted
print ready
`;

const ZSH = `zmodload zsh/zpty zsh/zselect
zpty shell "TERM=dumb zsh -i"
while zpty -r shell line && [[ $line != *ready* ]]; do :; done
zpty -w -n shell "$1"$'\\t'
while ! grep -qxF . $FOLDER/found; do zselect -t 5; done
zpty -d shell`;

/** The programs' calls for one line. */
function call(shell: Shell, line: string): readonly string[] {
  switch (shell) {
    case "bash":
      // As readline splits a line.
      return ["-c", BASH, "bash", ...(line.match(/=|[^ =]+/g) ?? []), ...(/[ =]$/.test(line) ? [""] : [])];
    case "zsh":
      return ["-f", "-c", ZSH, "zsh", line];
    case "fish":
      return ["--no-config", "-c", 'source "$FOLDER/script"; complete -C "$LINE"'];
    default:
      return shell satisfies never;
  }
}

/** Whether a shell is installed. */
export function hasShell(shell: Shell): boolean {
  return spawnSync(shell, ["-c", "true"]).status === 0;
}

/**
 * What a shell offers for a line, sorted.
 *
 * @param script what `tsrun completion` printed
 * @param folder an empty one, for this call alone
 * @param path where tsrun is
 */
export function offered(
  shell: Shell,
  line: string,
  { script, folder, path }: { readonly script: string; readonly folder: string; readonly path: string },
): readonly string[] {
  mkdirSync(folder, { recursive: true });
  for (const name of ["script", "_tsrun"]) writeFileSync(join(folder, name), script);
  writeFileSync(join(folder, ".zshrc"), ZSHRC);
  writeFileSync(join(folder, "found"), "");
  const env = {
    PATH: `${path}:${process.env["PATH"]}`,
    HOME: folder,
    ZDOTDIR: folder,
    FOLDER: folder,
    SCRIPT: join(folder, "script"),
    LINE: line,
  };
  const ran = spawnSync(shell, call(shell, line), { env, encoding: "utf8", timeout: 60_000 });
  if (ran.status !== 0) throw new Error(`${shell} ended with ${ran.status ?? ran.signal}: ${ran.stderr}`);
  const lines = shell === "zsh" ? readFileSync(join(folder, "found"), "utf8") : ran.stdout;
  // fish describes after a tab; an option may come with its value.
  const words = lines.split("\n").map((each) => (each.split("\t")[0] ?? "").replace(/^--[a-z-]+=(?=.)/, ""));
  return [...new Set(words)].filter((word) => !["", "."].includes(word)).sort();
}
