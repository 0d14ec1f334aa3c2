/** The command line has every option that runc's callers use, for each command that there is. */
import t from "tap";
import { COMMANDS } from "../../src/cli/table/all.ts";
import { GLOBAL_OPTIONS, type OptionSpec } from "../../src/cli/table.ts";

const CREATE =
  "--bundle value, -b value; --console-socket value; --pid-file value; --no-pivot; --no-new-keyring; --preserve-fds value";

/** With what newer runc and older callers have. */
const UPDATE =
  "--resources value, -r value; --blkio-weight value; --cpu-period value; --cpu-quota value; --cpu-share value; " +
  "--cpu-rt-period value; --cpu-rt-runtime value; --cpuset-cpus value; --cpuset-mems value; --memory value; " +
  "--memory-reservation value; --memory-swap value; --pids-limit value; --l3-cache-schema value; " +
  "--mem-bw-schema value; --cpu-burst value; --cpu-idle value; --kernel-memory value; --kernel-memory-tcp value";

/** As `runc COMMAND --help` of 1.1.5 lists them; `run --keep` and `features` are newer. */
const RUNC: Readonly<Record<string, string>> = {
  create: CREATE,
  start: "",
  run: `${CREATE}; --detach, -d; --keep; --no-subreaper`,
  state: "",
  list: "--format value, -f value; --quiet, -q",
  kill: "--all, -a",
  delete: "--force, -f",
  pause: "",
  resume: "",
  update: UPDATE,
  events: "--interval value; --stats",
  ps: "--format value, -f value",
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
