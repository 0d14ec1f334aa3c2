/** The completion scripts in the shells they are for: commands, options, words, files, and the containers a command takes. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { probe } from "./support/config.ts";
import { openHost } from "./support/host.ts";
import { hasShell, offered, SHELLS } from "./support/shells.ts";

const host = openHost({ only: "tsrun" });
const bundle = host.bundle((config) => probe(config, "sleep", "1000"));
const created = await host.created(bundle);
const running = await host.running(bundle);
const paused = await host.running(bundle);
await host.must(["pause", paused]);
const ended = await host.running(bundle);
await host.must(["kill", ended, "KILL"]);
await host.reaches(ended, "stopped");
// What is no container, and would be a command to a shell that is careless with names.
const hostile = join(host.stateRoot, "$(touch ran)");
mkdirSync(hostile);

const files = join(host.dir, "files");
mkdirSync(join(files, "folder"), { recursive: true });
writeFileSync(join(files, "file"), "");

/** The last part: zsh offers it alone. */
const last = (path: string): string => path.replace(/\/$/, "").replace(/.*\//, "");

const at = `tsrun --root ${host.stateRoot}`;
const LINES: readonly (readonly [string, readonly string[]])[] = [
  ["tsrun cr", ["create"]],
  ["tsrun sta", ["start", "state", "stats"]],
  ["tsrun fin", []],
  ["tsrun help ex", ["exec", "explain"]],
  ["tsrun create --pi", ["--pid-file"]],
  ["tsrun --log-f", ["--log-format"]],
  ["tsrun list --format ", ["json", "table"]],
  ["tsrun list --format=t", ["table"]],
  ["tsrun --log-format j", ["json"]],
  ["tsrun --log-format=text list -f j", ["json"]],
  ["tsrun explain --format s", ["sh"]],
  ["tsrun completion ", ["bash", "fish", "zsh"]],
  ["tsrun stop --signal WI", ["WINCH"]],
  [`tsrun create -b ${files}/f`, ["folder"]],
  [`tsrun create --pid-file ${files}/f`, ["file", "folder"]],
  [`${at} kill ${running} HU`, ["HUP"]],
  [`${at} start `, [created]],
  [`tsrun --root=${host.stateRoot} resume `, [paused]],
  [`${at} pause `, [created, running]],
  [`${at} exec -d `, [created, running, paused]],
  [`${at} exec ${running} -`, []],
  [`${at} stop ${running} `, [created, running, paused]],
  [`${at} create `, []],
  [`${at} delete `, [created, ended]],
];

for (const shell of SHELLS) {
  const skip = !hasShell(shell) && `needs ${shell}`;
  t.test(shell, { skip }, async (t) => {
    const script = (await host.must(["completion", shell])).stdout;
    const ask = (line: string, name: string): readonly string[] =>
      offered(shell, line, {
        script,
        folder: join(host.dir, `${shell}-${name}`),
        path: dirname(host.runtime),
      }).map((word) => (word.startsWith(files) ? last(word) : word));
    for (const [index, [line, wanted]] of LINES.entries())
      t.strictSame(ask(line, `${index}`), [...wanted].sort(), line);
    const options = ask("tsrun update -", "options");
    for (const name of ["--resources", "--cpus", "--help"])
      t.equal(options.includes(name), name !== "--cpus", `tsrun update - offers ${name}`);
    const all = ask(`${at} delete --force `, "force");
    for (const id of [created, running, paused, ended]) t.ok(all.includes(id), `delete --force of ${id}`);
    t.notOk(existsSync("ran") || existsSync(join(host.dir, "ran")), "no name is executed");
  });
}

rmdirSync(hostile);

t.test("an unknown shell", async (t) => {
  const { code, stderr } = await host.call(["completion", "ksh"]);
  t.strictSame(
    { code, stderr },
    { code: 1, stderr: 'there is no completion for the shell "ksh"; hint: use one of: bash, zsh, fish\n' },
  );
});

t.test("list --status", async (t) => {
  const ids = async (...args: string[]): Promise<string[]> =>
    (await host.must(["list", "-q", ...args])).stdout.split("\n").filter((line) => line !== "");
  t.strictSame(await ids("--status", "paused"), [paused]);
  t.strictSame(await ids("--status", "created", "--status=stopped"), [created, ended].sort());
  const { code, stderr } = await host.call(["list", "--status", "gone"]);
  t.equal(code, 1);
  t.match(stderr, /^invalid value "gone" for --status; hint: use one of: creating, created, running/);
});

await host.end();
