/** The manual page tsrun(8), in roff with the man macros (groff_man(7)), from the command table. */
import { SPEC_VERSION, VERSION } from "../version.ts";
import { COMMANDS } from "./table/all.ts";
import { type CommandSpec, GLOBAL_OPTIONS, type OptionSpec } from "./table.ts";

/** Something with a name, and what there is to say of it. */
type Entry = readonly [string, string];

const EXIT_CODES: readonly Entry[] = [
  ["0", "It worked."],
  ["1", "It failed; standard error, or the file of --log, says what, where, and what to do."],
  ["3", "There is no such command."],
  ["255", "exec could not execute the program."],
  [
    "the program's own",
    "From run and exec in the foreground; 128 and the signal's number where a signal ended it.",
  ],
];

const FILES: readonly Entry[] = [
  ["/run/tsrun", "The state of root's containers, a folder each."],
  ["$XDG_RUNTIME_DIR/tsrun", "The same of an ordinary user, and of root in a user namespace."],
  ["ROOT/~seccomp", "Compiled filters of system calls, kept for the containers to come."],
  ["BUNDLE/config.json", "What a container is to be (OCI runtime specification)."],
  ["/etc/subuid, /etc/subgid", "The ids that an ordinary user may map beside his own."],
];

const ENVIRONMENT: readonly Entry[] = [
  ["XDG_RUNTIME_DIR", "Where an ordinary user's containers have their state."],
  ["NOTIFY_SOCKET", "Is told how far the container's program is (sd_notify(3))."],
  [
    "LISTEN_FDS, LISTEN_FDNAMES",
    "Descriptors that are passed on to the container's program (sd_listen_fds(3)).",
  ],
  ["PATH", "Where newuidmap and newgidmap are looked for."],
];

const EXAMPLES: readonly Entry[] = [
  ["tsrun spec", "Writes a config.json into the current folder; its root file system is to be in rootfs."],
  ["tsrun check", "Says whether this bundle will run here."],
  ["tsrun run box", "Runs it, and takes the container away when it has ended."],
  ["tsrun create box; tsrun start box; tsrun exec -t box sh", "Creates, starts and enters a container."],
  ["tsrun delete --force box", "Kills and removes it."],
];

/** The page. */
export function manual(): string {
  const shown = COMMANDS.filter(({ hidden }) => hidden !== true);
  const blocks = [
    `.TH TSRUN 8 "" "tsrun ${roff(VERSION)}" "System Administration"`,
    ".SH NAME\ntsrun \\- run OCI containers",
    `.SH SYNOPSIS\n.B tsrun\n.RI [ global\\~options ]\n.I command\n.RI [ options ]\n.RI [ arguments ]`,
    `.SH DESCRIPTION\n${text(
      `tsrun makes the container that a bundle's config.json describes (OCI runtime specification ${SPEC_VERSION}). It takes runc's command line, so that engines can call it in runc's place.`,
    )}\n.PP\n${text(
      "Options are written --name, -name or by their letter, with the value after a space or =. They may stand before or after a command's arguments; after the first argument of exec and ps all belongs to the program.",
    )}`,
    section("GLOBAL OPTIONS", GLOBAL_OPTIONS.map(optionBlock)),
    section("COMMANDS", shown.map(commandBlock)),
    section("EXIT STATUS", EXIT_CODES.map(entryBlock)),
    section("FILES", FILES.map(entryBlock)),
    section("ENVIRONMENT", ENVIRONMENT.map(entryBlock)),
    section("EXAMPLES", EXAMPLES.map(entryBlock)),
    ".SH SEE ALSO\n.BR runc (8),\n.BR namespaces (7),\n.BR cgroups (7),\n.BR capabilities (7),\n.BR subuid (5)",
  ];
  return `${blocks.join("\n")}\n`;
}

function section(title: string, blocks: readonly string[]): string {
  return [`.SH ${title}`, ...blocks].join("\n");
}

function commandBlock({ name, args, text: said, options }: CommandSpec): string {
  const words = [
    `.SS ${roff(name)}`,
    `.B tsrun ${roff(name)}`,
    ...(options.length === 0 ? [] : [".RI [ options ]"]),
    ...args
      .split(" ")
      .filter((word) => word !== "")
      .map(argument),
    ".PP",
    text(sentence(said)),
    ...options.map(optionBlock),
  ];
  return words.join("\n");
}

/** `[ID...]` with the brackets upright and the name in italics. */
function argument(word: string): string {
  const [, open = "", name = "", close = ""] = /^(\[?)([^\].]*)(.*)$/.exec(word) ?? [];
  return `.RI ${[open === "" ? '""' : open, roff(name), close].filter((part) => part !== "").join(" ")}`;
}

function optionBlock({ name, short, value, text: said, repeat }: OptionSpec): string {
  const names = [...(short === undefined ? [] : [`-${short}`]), `--${name}`].map(
    (each) => `\\fB${roff(each)}\\fR`,
  );
  const given = value === undefined ? "" : ` \\fI${roff(value)}\\fR`;
  const again = repeat === true ? " It may be repeated." : "";
  return `.TP\n${names.join(", ")}${given}\n${text(sentence(said) + again)}`;
}

function entryBlock([name, said]: Entry): string {
  return `.TP\n.B ${roff(name)}\n${text(said)}`;
}

/** A text of the table as a sentence. */
function sentence(said: string): string {
  return `${said.charAt(0).toUpperCase()}${said.slice(1)}${said.endsWith(".") ? "" : "."}`;
}

/** A line of running text: what begins with a dot or an apostrophe would be a request. */
function text(said: string): string {
  return roff(said).replace(/^[.']/, "\\&$&");
}

/** What roff would take for its own, escaped; a hyphen as the character that one types (groff_char(7)). */
function roff(said: string): string {
  return said
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("~", "\\(ti")
    .replaceAll("'", "\\(aq")
    .replace(
      /[^\0-\x7f]/g,
      (each) => `\\[u${(each.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`,
    );
}
