/** Which command a line is for, also where a word misleads. */
import { join } from "node:path";
import t from "tap";
import { onlyTsrun, openHost } from "./support/host.ts";

const host = openHost();

const LINES: readonly (readonly [words: readonly string[], stdout: RegExp, stderr: RegExp, code: number])[] =
  [
    [["--version"], /^tsrun version /, /^$/, 0],
    [["--debug", "-v"], /^tsrun version /, /^$/, 0],
    [["create", "--help"], /^Usage: tsrun create /, /^$/, 0],
    [["delete", "-h"], /^Usage: tsrun delete /, /^$/, 0],
    [["help", "state"], /^Usage: tsrun state /, /^$/, 0],
    [["help", "list", "--version"], /^Usage: tsrun list /, /^$/, 0],
    [["stop", "create"], /^$/, /^container does not exist: create;/, 1],
    [["kill", "start"], /^$/, /^container does not exist: start;/, 1],
    [["wait", "--version"], /^$/, /^flag provided but not defined: -version;/, 1],
    [["state", "--trace", "f", "nope"], /^$/, /^flag provided but not defined: -trace;/, 1],
    [["exec", "nope", "create"], /^$/, /^container does not exist: nope;/, 255],
    [["exec", "create", "--version"], /^$/, /^container does not exist: create;/, 255],
    [["nosuch", "state"], /^$/, /^No help topic for 'nosuch';/, 3],
    // With these two words the executable is built; built, it makes no other.
    [["/dev/null", "/nowhere/heap"], /^$/, /^No help topic for '\/dev\/null';/, 3],
  ];

for (const [words, stdout, stderr, code] of LINES) {
  t.test(`tsrun ${words.join(" ")}`, async (t) => {
    if (!(await onlyTsrun(host, t))) return;
    const outcome = await host.call(words);
    t.match(outcome.stdout, stdout);
    t.match(outcome.stderr, stderr);
    t.equal(outcome.code, code);
  });
}

t.test("a folder named like a command", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const outcome = await host.call(["--root", join(host.dir, "create"), "--log", "exec", "list", "-q"], {
    bare: true,
  });
  t.strictSame([outcome.stdout, outcome.stderr, outcome.code], ["", "", 0]);
  const at = await host.call(
    ["--root", "create", "--root", host.stateRoot, "run", "--bundle", "exec", "state"],
    {
      bare: true,
      cwd: host.dir,
    },
  );
  t.match(at.stderr, /^JSON specification file config.json not found/);
  t.equal(at.code, 1);
});

await host.end();
