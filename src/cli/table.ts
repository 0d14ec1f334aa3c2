/** Every command and option, once: read by the parser, by help, and by the tests. */

// What is small and called often is here from the start. The rest is loaded when it is called: create and run bring most of
// tsrun with them, which cost every other command 0.1 ms.
import * as deleteModule from "./commands/delete.ts";
import * as killModule from "./commands/kill.ts";
import * as startModule from "./commands/start.ts";
import * as stateModule from "./commands/state.ts";

/** An option of a command, written `--name`, `-name`, or by its letter. */
export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** What its value is called in the help; absent for a switch. */
  readonly value?: string;
  readonly text: string;
}

/** A command. */
export interface CommandSpec {
  readonly name: string;
  /** Its arguments, as the help shows them. */
  readonly args: string;
  readonly min: number;
  readonly max: number;
  readonly text: string;
  readonly options: readonly OptionSpec[];
  /** What performs it, at once or loaded for the call. */
  readonly load: () => CommandModule | Promise<CommandModule>;
}

/** A file of commands/. */
export interface CommandModule {
  readonly command: Command;
}

/** A parsed call of a command. */
export interface Call {
  readonly globals: Options;
  readonly options: Options;
  readonly args: readonly string[];
}

/** What performs a command; answers the exit code. */
export type Command = (call: Call) => number | Promise<number>;

/** Given options: the value, or `""` for a switch. */
export type Options = ReadonlyMap<string, string>;

/** Options before the command. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  { name: "root", value: "dir", text: "folder of the containers' state (default: /run/tsrun)" },
  { name: "log", value: "file", text: "append messages to this file instead of standard error" },
  { name: "log-format", value: "format", text: "text or json (default: text)" },
  { name: "debug", text: "say what is being done" },
  { name: "systemd-cgroup", text: "refused: this version of tsrun makes cgroups itself (cgroupfs)" },
  { name: "version", short: "v", text: "print the version" },
];

const BUNDLE: OptionSpec = {
  name: "bundle",
  short: "b",
  value: "dir",
  text: "the bundle's folder (default: the current one)",
};

const CREATE_OPTIONS: readonly OptionSpec[] = [
  BUNDLE,
  { name: "console-socket", value: "path", text: "where to send the terminal; refused, as terminals are" },
  { name: "pid-file", value: "file", text: "write the first process's pid there" },
  { name: "no-pivot", text: "enter the root without pivot_root, for a root on the initial ramfs" },
  { name: "no-new-keyring", text: "keep the caller's session keyring" },
  { name: "preserve-fds", value: "n", text: "pass n descriptors from 3 on to the container" },
];

/** The commands, in the order in which help shows them. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "create",
    args: "ID",
    min: 1,
    max: 1,
    text: "create a container from a bundle; its program runs when it is started",
    options: CREATE_OPTIONS,
    load: () => import("./commands/create.ts"),
  },
  {
    name: "start",
    args: "ID",
    min: 1,
    max: 1,
    text: "start a created container's program",
    options: [],
    load: () => startModule,
  },
  {
    name: "run",
    args: "ID",
    min: 1,
    max: 1,
    text: "create and start a container, wait for it and delete it; exits with its code",
    options: [
      ...CREATE_OPTIONS,
      { name: "detach", short: "d", text: "return when the container runs" },
      { name: "keep", text: "don't delete the container when it has ended" },
      { name: "no-subreaper", text: "accepted as runc does; tsrun is no subreaper" },
    ],
    load: () => import("./commands/run.ts"),
  },
  {
    name: "state",
    args: "ID",
    min: 1,
    max: 1,
    text: "print a container's state as JSON",
    options: [],
    load: () => stateModule,
  },
  {
    name: "list",
    args: "",
    min: 0,
    max: 0,
    text: "list the containers",
    options: [
      { name: "format", short: "f", value: "format", text: "table or json (default: table)" },
      { name: "quiet", short: "q", text: "only the ids" },
    ],
    load: () => import("./commands/list.ts"),
  },
  {
    name: "kill",
    args: "ID [SIGNAL]",
    min: 1,
    max: 2,
    text: "send a signal to a container's first process (default: SIGTERM)",
    options: [{ name: "all", short: "a", text: "to every process of the container" }],
    load: () => killModule,
  },
  {
    name: "delete",
    args: "ID",
    min: 1,
    max: 1,
    text: "delete a stopped container",
    options: [{ name: "force", short: "f", text: "kill it first if it runs; no error if it doesn't exist" }],
    load: () => deleteModule,
  },
  {
    name: "explain",
    args: "",
    min: 0,
    max: 0,
    text: "print what running a bundle would do, and do nothing",
    options: [
      BUNDLE,
      { name: "format", short: "f", value: "format", text: "text, json or sh (default: text)" },
      { name: "no-pivot", text: "as for create" },
      { name: "id", value: "id", text: "the id that cgroup paths are made from (default: container)" },
    ],
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "check",
    args: "",
    min: 0,
    max: 0,
    text: "say whether a bundle will run on this host, and if not, why; exits with 1 then",
    options: [BUNDLE],
    load: () => import("./commands/check.ts"),
  },
  {
    name: "spec",
    args: "",
    min: 0,
    max: 0,
    text: "write a config.json to start from",
    options: [
      BUNDLE,
      { name: "rootless", text: "for an ordinary user; refused, as rootless containers are" },
    ],
    load: () => import("./commands/spec.ts"),
  },
  {
    name: "features",
    args: "",
    min: 0,
    max: 0,
    text: "print what this build supports as JSON (runtime-spec features.md)",
    options: [],
    load: () => import("./commands/features.ts"),
  },
];
