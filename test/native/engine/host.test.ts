/** What the engine has beside the language behaves as Node's does: text, timers, promises, `process`. */
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { ENGINE, executableOf, folderFor, lacks, made, scriptOf } from "./engine.ts";
import { textLines } from "./inside/text-cases.ts";
import { turnLines } from "./inside/turns-cases.ts";

const COUNT = 5000;

t.test("text to bytes and back, as in Node", { skip: lacks }, async (t) => {
  const text = await executableOf("text.ts", folderFor(t));
  for (const seed of [1, 2]) {
    const { stdout } = await execa(text, [String(seed), String(COUNT)], { stripFinalNewline: true });
    t.strictSame(stdout.split("\n"), textLines(seed, COUNT));
  }
});

t.test("the same under sanitizers", { skip: lacks }, async (t) => {
  const [drive, script] = [await made("engine-drive"), await scriptOf("text.ts", folderFor(t))];
  for (const memory of ["malloc", "heap"]) {
    const { stdout } = await execa(drive, [memory, script, "3", "500"]);
    t.strictSame(stdout.split("\n"), textLines(3, 500), memory);
  }
});

t.test("timers, promises and microtasks in Node's order", { skip: lacks }, async (t) => {
  const turns = await executableOf("turns.ts", folderFor(t));
  const { stdout } = await execa(turns, { timeout: 20_000 });
  t.strictSame(stdout.split("\n"), await turnLines());

  for (const [how, wanted] of [
    ["throw", /^tsrun: internal error: Error: of the start\n( {4}at .*\n?)+$/],
    ["timer", /^tsrun: internal error: RangeError: of a timer\n/],
    ["microtask", /^tsrun: internal error: Error: of a microtask\n/],
    ["rejection", /^tsrun: internal error: Error: of a promise\n/],
    ["two", /^tsrun: internal error: Error: of the first promise\n/],
    ["number", /^tsrun: internal error: 7$/],
    ["null", /^tsrun: internal error: null$/],
    ["unspeakable", /^tsrun: internal error: \?$/],
    ["recursion", /^tsrun: internal error: InternalError: stack overflow\n/],
  ] as const) {
    const { exitCode, stderr } = await execa(turns, [how], { reject: false });
    t.match(stderr, wanted, how);
    t.equal(exitCode, 1, `${how}: exit code`);
  }
  t.match(await execa(turns, ["late"]), { stdout: "caught", stderr: "" }, "a rejection that is heard of");
});

interface Call {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly execPath: string;
  readonly pid: number;
  readonly cwd: string;
  readonly random: number;
}

t.test("process is that of the call", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const path = await executableOf("call.ts", folder);
  // Bytes that are no UTF-8, as words and in the environment.
  const command = `exec env -i "$(printf 'A\\377=b\\300\\200')" E= "$(printf 'L=1\\n2')" __proto__=x "$0" "$(printf 'w\\360\\237')" '' --x=y "$(printf '\\303\\274')"`;
  const inside = join(folder, "inside");
  mkdirSync(inside);
  const { stdout } = await execa("sh", ["-c", command, path], { cwd: inside });
  const call = JSON.parse(stdout) as Call;
  t.strictSame(call.argv, [path, path, "w\ufffd", "", "--x=y", "\u00fc"]);
  t.strictSame(Object.entries(call.env), [
    ["A\ufffd", "b\ufffd\ufffd"],
    ["E", ""],
    ["L", "1\n2"],
    ["__proto__", "x"],
  ]);
  t.equal(call.execPath, path);
  t.equal(call.cwd, inside);
  const other = JSON.parse((await execa(path)).stdout) as Call;
  t.not(other.pid, call.pid);
  t.not(other.random, call.random, "random numbers are others in each call");
  const gone = await execa("sh", ["-c", 'rmdir "$PWD" && exec "$0"', path], { cwd: inside });
  t.match(JSON.parse(gone.stdout), { cwd: /^ENOENT: .*no such file or directory/ });
  t.throws(() => rmdirSync(inside), { code: "ENOENT" });
});

t.test("an executable with a heap makes no other", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const path = await executableOf("call.ts", folder);
  const { stdout } = await execa(path, [join(folder, "call.js"), join(folder, "other.heap")]);
  t.match(JSON.parse(stdout), { argv: [path, path, join(folder, "call.js")] });
  t.not(path, ENGINE);
  t.throws(() => rmdirSync(join(folder, "other.heap")), { code: "ENOENT" });
});
