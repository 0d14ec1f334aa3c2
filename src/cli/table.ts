/** What a command line may hold: the words of the tables in table/. */
/** An option of a command, written `--name`, `-name`, or by its letter. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help, or the words it may be, with `|` between them; absent for a switch. */
  readonly value?: string;
  /** May be given several times: see {@link every}. */
  readonly repeat?: true;
  /** An empty value is one, and wrong, where leaving it out would mean something else; elsewhere it is none. */
  readonly emptyCounts?: true;
  readonly text: string;
}

/** A command. */
export interface CommandSpec {
  readonly name: string;
  /** Its arguments, as the help shows them; words with `|` between them are what one may be. */
  readonly args: string;
  readonly min: number;
  readonly max: number;
  readonly text: string;
  readonly options: readonly OptionSpec[];
  /** Options end at the first argument: what follows it belongs to a program. */
  readonly rest?: true;
  /** Not for people: help and completion leave it out. */
  readonly hidden?: true;
  /** The exit code of a failure where it is not 1. */
  readonly errorCode?: number;
}

/** A parsed call of a command. */
export interface Call {
  readonly globals: Options;
  readonly options: Options;
  readonly args: readonly string[];
}

/** What performs a command; answers the exit code. */
export type Command = (call: Call) => number | Promise<number>;

/** Given options: the value, or `""` for a switch; of one that was repeated all values, joined by NUL. */
export type Options = ReadonlyMap<string, string>;

/** Every value of an option that may be repeated, in order. */
export function every(options: Options, name: string): readonly string[] {
  return options.get(name)?.split("\0") ?? [];
}

/** Options before the command. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: "root", value: "dir", text: "folder of the containers' state (default: /run/tsrun)" },
  { name: "log", value: "file", text: "append messages to this file instead of standard error" },
  { name: "log-format", value: "text|json", text: "how to write messages (default: text)" },
  { name: "debug", text: "say what is being done" },
  {
    name: "systemd-cgroup",
    text: "have systemd make the container's cgroup; cgroupsPath is slice:prefix:name",
  },
  { name: "version", short: "v", text: "print the version" },
];
