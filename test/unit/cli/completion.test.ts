/** What the completion scripts are made from, and that nothing of the table is missing in them. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bashScript } from "../../../src/cli/completion/bash.ts";
import { fishScript } from "../../../src/cli/completion/fish.ts";
import { COMMANDS_WITH_STATUSES, completed, signalNames } from "../../../src/cli/completion/model.ts";
import { zshScript } from "../../../src/cli/completion/zsh.ts";
import { COMMANDS } from "../../../src/cli/table/all.ts";
import { UsageError } from "../../../src/error.ts";

const model = completed();
const of = (name: string) => model.commands.find((each) => each.name === name);

t.test("the model", async (t) => {
  t.strictSame(
    model.commands.map(({ name }) => name),
    [...COMMANDS.filter(({ hidden }) => !hidden).map(({ name }) => name), "help"],
  );
  t.strictSame(of("kill")?.args, [
    { kind: "containers", statuses: ["created", "running", "paused"] },
    { kind: "signals" },
  ]);
  t.strictSame(of("create")?.args, [{ kind: "unknown" }]);
  t.strictSame(of("stats")?.repeats, true);
  t.strictSame(of("exec")?.options.find(({ name }) => name === "cwd")?.value, { kind: "unknown" });
  t.strictSame(model.globals.find(({ name }) => name === "log-format")?.value, {
    kind: "words",
    words: ["text", "json"],
  });
  const names = COMMANDS.map(({ name }) => name);
  for (const name of COMMANDS_WITH_STATUSES) t.ok(names.includes(name), `${name} is a command`);
  for (const name of ["TERM", "USR1", "KILL"]) t.ok(signalNames().includes(name), name);
});

t.test("words of the table are those that the commands take", async (t) => {
  const { command } = await import("../../../src/cli/commands/explain.ts");
  const format = of("explain")?.options.find(({ name }) => name === "format")?.value;
  const words = format?.kind === "words" ? format.words : [];
  const run = (): unknown => command({ globals: new Map(), options: new Map([["format", "?"]]), args: [] });
  t.throws(run, new UsageError('invalid format option: "?"', { hint: `use one of: ${words.join(", ")}` }));
});

const SCRIPTS = { bash: bashScript(model), zsh: zshScript(model), fish: fishScript(model) };

for (const [shell, script] of Object.entries(SCRIPTS)) {
  t.test(shell, async (t) => {
    for (const { name, options } of model.commands) {
      t.match(script, new RegExp(`\\b${name}\\b`), name);
      for (const option of options) {
        const written = shell === "fish" ? `-l ${option.name}` : `--${option.name}`;
        t.ok(script.includes(written), `${name} --${option.name}`);
      }
    }
    t.notMatch(script, /\bfinish\b/);
    const skip = spawnSync(shell, ["-c", "true"]).status !== 0 && `needs ${shell}`;
    t.test("is a script of this shell", { skip }, async (t) => {
      const file = join(t.testdir(), "script");
      writeFileSync(file, script);
      t.strictSame(spawnSync(shell, ["-n", file], { encoding: "utf8" }).stderr, "");
    });
  });
}
