/** config.json and process.json as hostile data: keys, depth, size, numbers, bytes that are no text. */

import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { entered, processJson } from "../support/exec.ts";
import { messageOf, type Outcome, onlyTsrun, openHost } from "../support/host.ts";

const host = openHost();

/** One line of error that names nothing of an engine's. */
function plain(t: Test, outcome: Outcome, what: string): void {
  t.not(outcome.code, 0, what);
  t.equal(outcome.stderr.trimEnd().split("\n").length, 1, `${what}: ${outcome.stderr.slice(0, 300)}`);
  t.notMatch(outcome.stderr, /\bat .*:\d+:\d+|RangeError|TypeError|SyntaxError|undefined|\[object/, what);
}

/** Texts in the place of a config.json. */
const TEXTS: readonly (readonly [string, (good: string) => string | Buffer])[] = [
  ["empty", () => ""],
  ["a million brackets", () => "[".repeat(1_000_000)],
  ["a million objects", () => '{"a":'.repeat(1_000_000)],
  ["null", () => "null"],
  ["a number", () => "1e999"],
  ["an array", () => "[]"],
  ["bytes that are no UTF-8", () => Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
  ["half a surrogate", (good) => good.replace('"tsrun-test"', '"\\ud800"')],
  ["a NUL in a text", (good) => good.replace('"tsrun-test"', '"a\\u0000b"')],
  ["a byte-order mark and rubbish", (good) => `\ufeff${good}x`],
  ["text behind the end", (good) => `${good}{}`],
  ["an exponent for an id", (good) => good.replace('"uid": 0', '"uid": 1e10')],
  ["an id beyond 2^53", (good) => good.replace('"uid": 0', '"uid": 9007199254740993')],
  [
    "an object for a list",
    (good) => good.replace(/"args": \[[^\]]*\]/, '"args": {"length": 1, "0": "/bin/probe"}'),
  ],
  ["a long number", (good) => good.replace('"uid": 0', `"uid": ${"9".repeat(100_000)}`)],
];

t.test("no text in the place of config.json does more than be refused", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  for (const [what, make] of TEXTS) {
    const bundle = host.bundle();
    const good = JSON.stringify(bundle.config, undefined, 2);
    writeFileSync(join(bundle.dir, "config.json"), make(good));
    plain(t, await host.run(bundle, [], { limit: 10_000 }), what);
  }
});

t.test("keys that mean something to a JavaScript engine mean nothing here", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const bundle = host.bundle();
  const odd =
    '"__proto__": {"process": {"user": {"uid": 0}}, "readonly": true}, "constructor": {"prototype": {"x": 1}}, "toString": 1, "hasOwnProperty": 1,';
  const text = JSON.stringify(bundle.config, undefined, 2).replace("{", `{${odd}`);
  writeFileSync(join(bundle.dir, "config.json"), text);
  const outcome = await host.run(bundle);
  t.equal(outcome.code, 0, outcome.stderr);
  t.notMatch(outcome.stderr, /TypeError|undefined/);
});

t.test("what is no ordinary file in the place of config.json", async (t) => {
  if (!(await onlyTsrun(host, t))) return;
  const make: [string, (path: string) => void][] = [
    [
      "a gigabyte of nothing",
      (path) => {
        const fd = openSync(path, "w");
        ftruncateSync(fd, 2 ** 30);
        closeSync(fd);
      },
    ],
    ["a pipe", (path) => void execFileSync("mkfifo", [path])],
    ["a device without an end", (path) => symlinkSync("/dev/zero", path)],
    ["a folder", (path) => void execFileSync("mkdir", [path])],
    ["a link to itself", (path) => symlinkSync("config.json", path)],
  ];
  const id = await entered(host);
  for (const [what, put] of make) {
    const bundle = host.bundle();
    const path = join(bundle.dir, "config.json");
    rmSync(path);
    put(path);
    plain(t, await host.run(bundle, [], { limit: 5000 }), `run: ${what}`);
    plain(t, await host.call(["check", "-b", bundle.dir], { limit: 5000 }), `check: ${what}`);
    // A pipe that is named on the command line is waited for, as by every program.
    const given = what === "a pipe" ? "/dev/null" : path;
    plain(t, await host.call(["exec", "--process", given, id], { limit: 5000 }), `exec --process: ${what}`);
    plain(
      t,
      await host.call(["update", "--resources", given, id], { limit: 5000 }),
      `update --resources: ${what}`,
    );
  }
  for (const [what, text] of [
    ["a million brackets", "[".repeat(1_000_000)],
    ["a text", '"x"'],
    ["depth", processJson({ user: JSON.parse("[".repeat(500) + "]".repeat(500)) })],
  ] as const) {
    plain(
      t,
      await host.call(["exec", "--process", "/dev/stdin", id], { input: text, limit: 5000 }),
      `exec: ${what}`,
    );
    plain(
      t,
      await host.call(["update", "--resources", "-", id], { input: text, limit: 5000 }),
      `update: ${what}`,
    );
  }
  t.equal(messageOf(await host.call(["exec", id, "/bin/probe", "true"])), "", "the container is unharmed");
  await host.delete(id);
});

await host.end();
