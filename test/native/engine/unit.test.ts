/**
 * The unit tests that need nothing of Node's, once more inside the engine in which tsrun's executable runs: each assertion comes to the
 * same as in Node.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import t, { Test } from "tap";
import { withHeap } from "../../../scripts/executable.ts";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { ENGINE, folderFor, lacks, scriptOf } from "./engine.ts";
import { alike, type How } from "./unit/alike.ts";
import type { Outcome } from "./unit/tap.ts";

type Unit =
  | { readonly file: string; readonly script: string }
  | { readonly file: string; readonly lacks: string[] };

/** Values that tap's comparisons tell apart, or not. */
const PLAIN: readonly unknown[] = [
  undefined,
  null,
  0,
  -0,
  1,
  Number.NaN,
  1n,
  10n,
  true,
  false,
  "",
  "1",
  "a",
  "ab",
  /a/,
  /b/,
  String,
  Number,
];
const VALUES: readonly unknown[] = [
  ...PLAIN,
  ...[Number.POSITIVE_INFINITY, Boolean, Object, Array, BigInt, Error, RangeError, new Date(0), new Date(1)],
  ...[[], [1], [1, 2], ["1"], [undefined], [[1], { a: 1 }], {}, { a: 1 }, { a: "1" }, { a: undefined }],
  ...[
    { a: 1, b: 2 },
    { a: { b: [1] } },
    { a: { b: [1, 2] } },
    { a: /1/ },
    { a: Number },
    { a: { b: Array } },
  ],
  ...[
    new Error("ab"),
    new Error("a"),
    new RangeError("ab"),
    { message: "ab" },
    { message: /a/ },
    { name: "Error" },
  ],
  ...[Object.assign(new Error("ab"), { code: "c" }), { code: "c" }, { message: "ab", code: "c" }],
  ...[new Uint8Array([1, 2]), new Uint8Array([1, 3]), new Uint8Array([1]), new Int32Array([1, 2])],
  ...[new Map(), new Map([["a", 1]]), new Map([["a", "1"]]), new Set(), new Set([1]), new Set([2])],
];

t.test("what is alike to the stand-in is so to tap", (t) => {
  const other = new Test({ name: "comparisons" });
  const wrong: string[] = [];
  let alikes = 0;
  for (const how of ["same", "strictSame", "has", "match"] as const satisfies readonly How[]) {
    for (const got of VALUES) {
      for (const wanted of VALUES) {
        const [here, there] = [alike(got, wanted, how), other[how](got, wanted)];
        if (here) alikes++;
        // notMatch asks for the contrary, of text and other plain values.
        const isExact = how === "match" && PLAIN.includes(got) && PLAIN.includes(wanted);
        if (here ? !there : isExact && there)
          wrong.push(`${how}(${show(got)}, ${show(wanted)}): ${here} here`);
      }
    }
  }
  t.strictSame(wrong, []);
  t.ok(alikes > 4 * VALUES.length, `${alikes} alike`);
  t.end();
});

function show(value: unknown): string {
  const text = JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}n` : each));
  return `${Object.prototype.toString.call(value)} ${String(value)} ${text}`;
}

/** What a script of the stand-in printed: its assertions, all of which it has counted. */
function outcomesOf(stdout: string): readonly Outcome[] | undefined {
  const lines =
    stdout === "" ? [] : stdout.split("\n").map((line) => JSON.parse(line) as Outcome & { count?: number });
  return lines.at(-1)?.count === lines.length - 1 ? lines.slice(0, -1) : undefined;
}

t.test("unit tests inside the engine", { skip: lacks }, async (t) => {
  const folder = folderFor(t);
  const globals = readFileSync(await scriptOf("globals.ts", folder), "utf8");
  const bare = join(folder, "engine");
  await execa("strip", ["-o", bare, ENGINE]);
  const engine = readFileSync(bare);
  const bun = join(PROJECT, "node_modules/.bin/bun");
  const bundle = join(PROJECT, "test/native/engine/unit/bundle.ts");
  const units = JSON.parse((await execa(bun, [bundle, PROJECT, folder])).stdout) as Unit[];

  const inNode = async (script: string) => {
    const place = pathToFileURL(join(PROJECT, "src/sys/place.ts")).href;
    const code = `globalThis.tsrunPlace = ${JSON.stringify(place)}; require(${JSON.stringify(script)}); start();`;
    return execa("node", ["-e", code], {
      reject: false,
      cwd: PROJECT,
      // What tap has for its own files.
      env: { NODE_OPTIONS: "" },
    });
  };
  const inEngine = async (script: string) => {
    const [whole, heap, path] = [`${script}.whole`, `${script}.heap`, `${script}.exe`];
    writeFileSync(whole, `${globals}\n${readFileSync(script, "utf8")}`);
    const made = await execa(ENGINE, [whole, heap], { reject: false });
    if (made.exitCode !== 0) return made;
    writeFileSync(path, withHeap(engine, readFileSync(heap)), { mode: 0o755 });
    return execa(path, { reject: false, cwd: PROJECT });
  };

  let assertions = 0;
  const ran: string[] = [];
  for (const unit of units) {
    if ("lacks" in unit) continue;
    ran.push(unit.file);
    const [node, own] = await Promise.all([inNode(unit.script), inEngine(unit.script)]);
    t.strictSame([node.exitCode, node.stderr], [0, ""], `${unit.file} in Node ${node.shortMessage ?? ""}`);
    t.strictSame([own.exitCode, own.stderr], [0, ""], `${unit.file} in the engine ${own.shortMessage ?? ""}`);
    const [wanted, got] = [outcomesOf(node.stdout), outcomesOf(own.stdout)];
    const wrong = [...(wanted ?? []), ...(got ?? [])].filter((each) => each.wrong !== undefined);
    t.strictSame(wrong, [], `${unit.file}: each assertion is right`);
    t.strictSame(got, wanted, `${unit.file}: the same assertions`);
    t.ok((got?.length ?? 0) > 0, `${unit.file}: ${got?.length} assertions`);
    assertions += got?.length ?? 0;
  }
  t.comment(`${ran.length} files, ${assertions} assertions inside the engine`);
  for (const unit of units)
    if ("lacks" in unit) t.comment(`left out: ${unit.file}: ${unit.lacks.join(", ")}`);
  t.ok(ran.length > 60, `${ran.length} of ${units.length} files ran`);
  for (const room of ["bundle", "plan", "cgroup", "state", "observe", "spawn", "sys", "cli"])
    t.ok(
      ran.some((file) => file.startsWith(`test/unit/${room}/`)),
      `some of ${room}`,
    );
});
