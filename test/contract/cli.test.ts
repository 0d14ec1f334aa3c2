/** The command line has every option that runc's callers use, for each command that there is. */
import t from "tap";
import { COMMANDS, GLOBAL_OPTIONS, type OptionSpec } from "../../src/cli/table.ts";

const CREATE =
  "--bundle value, -b value; --console-socket value; --pid-file value; --no-pivot; --no-new-keyring; --preserve-fds value";

/** As `runc COMMAND --help` of 1.1.5 lists them; `run --keep` and `features` are newer. */
const RUNC: Readonly<Record<string, string>> = {
  create: CREATE,
  start: "",
  run: `${CREATE}; --detach, -d; --keep; --no-subreaper`,
  state: "",
  list: "--format value, -f value; --quiet, -q",
  kill: "--all, -a",
  delete: "--force, -f",
  spec: "--bundle value, -b value; --rootless",
  features: "",
};

/** An option as runc's help shows it. */
function shown({ name, short, value }: OptionSpec): string {
  const suffix = value === undefined ? "" : " value";
  return `--${name}${suffix}${short === undefined ? "" : `, -${short}${suffix}`}`;
}

t.test("runc's options of each command are taken, with the same letters and values", async (t) => {
  for (const [name, options] of Object.entries(RUNC)) {
    const command = COMMANDS.find((each) => each.name === name);
    t.ok(command, `there is ${name}`);
    const ours = command?.options.map(shown) ?? [];
    const missing = options.split("; ").filter((option) => option !== "" && !ours.includes(option));
    t.strictSame(missing, [], `${name} has all options`);
  }
  const globals = GLOBAL_OPTIONS.map(shown);
  for (const option of ["--debug", "--log value", "--log-format value", "--root value", "--version, -v"]) {
    t.ok(globals.includes(option), `${option} before the command`);
  }
});

t.test("each command and option is told of once", async (t) => {
  const names = COMMANDS.map(({ name }) => name);
  t.strictSame(names, [...new Set(names)]);
  for (const { name, options, text } of COMMANDS) {
    const words = options.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]));
    t.strictSame(words, [...new Set(words)], name);
    t.notOk(words.includes("h") || words.includes("help"), `${name}: help is everybody's`);
    const told = [[name, text] as const, ...options.map((option) => [option.name, option.text] as const)];
    for (const [word, help] of told) t.match(help, /^\S.*[^.\s]$/, `${name} ${word}`);
  }
});
