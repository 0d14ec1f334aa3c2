/** Making a heap: what is wrong with a script is told, and the same script gives the same bytes, wherever and whenever. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa, type Options } from "execa";
import t from "tap";
import { missing } from "../programs.ts";
import { ENGINE, executableOf, folderFor, lacks, scriptOf } from "./engine.ts";

const GOOD = "globalThis.start = () => {}; globalThis.timers = () => -1;";

/** Scripts that are refused, each with the first line that says why, behind the script's path. */
const BAD: Readonly<Record<string, readonly [script: string, says: RegExp]>> = {
  throws: ["throw new Error('no such thing')", /^Error: no such thing$/],
  "throws what is no error": ["throw 7", /^7$/],
  "throws null": ["throw null", /^null$/],
  "throws what cannot be told": ["throw { toString() { throw 1 } }", /^\?$/],
  "has a syntax error": ["globalThis.start = () => {", /^SyntaxError: unexpected token/],
  "is empty": ["", /^it defines no function start$/],
  "defines no start": ["globalThis.timers = () => -1", /^it defines no function start$/],
  "defines no timers": ["globalThis.start = () => {}", /^it defines no function timers$/],
  "defines a start that is none": [`${GOOD} start = 7`, /^it defines no function start$/],
  "calls a native function": [
    `${GOOD} tsrunNative.ts_kill(1, 9)`,
    /^TypeError: ts_kill is called while the heap is made$/,
  ],
  "calls one later": [
    `${GOOD} Promise.resolve().then(() => tsrunNative.ts_ids(new Uint8Array(8)))`,
    /^TypeError: ts_ids is called while/,
  ],
  "asks for the time": [`${GOOD} tsrunHost.now()`, /^TypeError: the time or the current folder is asked for/],
  "asks for the folder": [
    `${GOOD} tsrunHost.cwd()`,
    /^TypeError: the time or the current folder is asked for/,
  ],
  "rejects a promise": [`${GOOD} Promise.reject(new Error("unheard"))`, /^Error: unheard$/],
  "nests without end": ["const again = () => again() + 1; again()", /^InternalError: stack overflow$/],
  "wants more memory than there is": [
    "const all = []; for (;;) all.push(new Uint8Array(1e6))",
    /^InternalError: out of memory$/,
  ],
  "has a bad byte": ["\u0001", /^SyntaxError: /],
};

function make(script: string, heap: string, options: Options = {}) {
  return execa(ENGINE, [script, heap], { reject: false, ...options });
}

t.test("a script that does not do is refused, and there is no heap", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const [script, heap] = [join(folder, "script.js"), join(folder, "heap")];
  for (const [what, [text, says]] of Object.entries(BAD)) {
    writeFileSync(script, text);
    const { exitCode, stdout, stderr } = await make(script, heap);
    const [first = "", ...rest] = String(stderr).split("\n");
    t.match(first.slice(script.length + 2), says, what);
    t.equal(first.slice(0, script.length + 2), `${script}: `, `${what}: begins with the script`);
    t.strictSame(
      rest.filter((line) => !line.startsWith("    at ")),
      [],
      `${what}: nothing follows but the place`,
    );
    t.strictSame([exitCode, stdout, existsSync(heap)], [1, "", false], what);
  }
});

t.test("so are files that are none", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const [script, heap] = [join(folder, "script.js"), join(folder, "heap")];
  t.match(await make(script, heap), { exitCode: 1, stderr: `${script}: No such file or directory` });
  t.match(await make(folder, heap), { exitCode: 1, stderr: `${folder}: Is a directory` });
  writeFileSync(script, `${GOOD}//${" ".repeat(8 << 20)}`);
  t.match(await make(script, heap), { exitCode: 1, stderr: `${script}: it is longer than 8 MiB` });
  writeFileSync(script, `${GOOD}//`.padEnd(8 << 20));
  t.match(await make(script, heap), { exitCode: 0, stderr: "" }, "as long as can be");
  t.match(await make(script, folder), { exitCode: 1, stderr: `${folder}: Is a directory` });
  t.match(await make(script, "/dev/full"), { exitCode: 1, stderr: "/dev/full: No space left on device" });
  for (const args of [[], [script], [script, heap, "more"]]) {
    const { exitCode, stderr } = await execa(ENGINE, args, { reject: false });
    t.strictSame([exitCode, stderr], [2, `usage: ${ENGINE} SCRIPT HEAP`]);
  }
});

t.test("a heap that points out of itself is found", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const [script, heap] = [join(folder, "script.js"), join(folder, "heap")];
  // The stack's last word where the kernel leaves nothing to chance, as a number that lies in the heap as it is.
  const last = process.arch === "arm64" ? "0xfffffffffff8" : "0x7fffffffeff8";
  writeFileSync(script, `${GOOD} globalThis.kept = ${last}n - 1n + 1n;`);
  const { exitCode, stderr } = await execa("setarch", ["-R", ENGINE, script, heap], { reject: false });
  t.match(stderr, new RegExp(`^the heap's word at 0x[0-9a-f]+, ${last}, points out of it: .*\\[stack\\]`));
  t.strictSame([exitCode, existsSync(heap)], [1, false]);
  writeFileSync(script, `${GOOD} globalThis.kept = 0xdead4fff8n;`);
  t.equal((await make(script, heap)).exitCode, 0, "a number beside it is none");
});

t.test("the same script gives the same bytes", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const script = await scriptOf("whole.ts", folder);
  const heap = join(folder, "heap");
  t.match(await make(script, heap), { exitCode: 0, stderr: "", stdout: "" });
  const wanted = readFileSync(heap);
  t.ok(wanted.length > 100_000);
  const inside = join(folder, "a folder [with] brackets", "and more below it");
  mkdirSync(inside, { recursive: true });
  const copy = join(inside, "engine");
  copyFileSync(ENGINE, copy);
  const long = join(folder, "s".repeat(200));
  symlinkSync(script, long);
  const same = async (what: string, command: string, args: readonly string[], options: Options = {}) => {
    const { exitCode, stderr } = await execa(command, args, { reject: false, ...options });
    t.strictSame([exitCode, stderr], [0, ""], what);
    t.ok(readFileSync(heap).equals(wanted), `${what}: the same heap`);
  };
  await same("again", ENGINE, [script, heap]);
  await same("in another folder", ENGINE, [script, heap], { cwd: inside });
  await same("by a relative path", ENGINE, ["whole.js", "heap"], { cwd: folder });
  await same("by another name of the script", ENGINE, [long, heap]);
  await same("by a copy of the engine", copy, [script, heap]);
  await same("without an environment", ENGINE, [script, heap], { env: {}, extendEnv: false });
  const env = { TZ: "Asia/Tokyo", LC_ALL: "tr_TR.UTF-8", MALLOC_ARENA_MAX: "1", FILL: "x".repeat(100_000) };
  await same("in another environment", ENGINE, [script, heap], { env });
  await same("with a large stack", "sh", [
    "-c",
    'ulimit -s unlimited; exec "$@"',
    "sh",
    ENGINE,
    script,
    heap,
  ]);
  await same("with a small one", "sh", ["-c", 'ulimit -s 200; exec "$@"', "sh", ENGINE, script, heap]);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await same("later", ENGINE, [script, heap]);
  if (missing("setarch")) return;
  for (const flags of [["-R"], ["-L"], ["-R", "-L"]])
    await same(`setarch ${flags.join(" ")}`, "setarch", [...flags, ENGINE, script, heap]);
});

t.test("what was made is there in each call, and changes stay in one", { skip: lacks }, async (t) => {
  const path = await executableOf("whole.ts", folderFor(t));
  for (let call = 0; call < 3; call++) {
    const { stdout, stderr } = await execa(path, ["x"]);
    t.strictSame(
      [stdout, stderr],
      ["1 call, 1500 squares up to 2247001, later: done, 200000 more: 40000", ""],
    );
  }
});
