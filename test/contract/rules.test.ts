/** The house rules of scripts/rules.ts are kept, and a breach of each is seen. */
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { checkC } from "../../scripts/rules/c.ts";
import { checkImports } from "../../scripts/rules/imports.ts";
import { checkSource } from "../../scripts/rules/source.ts";
import { parse, type Violation } from "../../scripts/rules/tree.ts";
import { checkWords } from "../../scripts/rules/words.ts";
import { checkRules, violationLine } from "../../scripts/rules.ts";

t.test("every rule is kept", async (t) => {
  t.strictSame(checkRules(PROJECT).map(violationLine), []);
});

const rules = (found: readonly Violation[]): readonly string[] => found.map(({ rule }) => rule);

t.test("imports that go up, sideways or outside are seen", async (t) => {
  const cases: readonly (readonly [string, string, string | undefined])[] = [
    ["src/cli/a.ts", 'import { a } from "../lifecycle/a.ts";', undefined],
    ["src/sys/a.ts", 'import { a } from "./b.ts";', undefined],
    ["src/sys/a.ts", 'import { a } from "../state/b.ts";', "sys imports state: imports go down only"],
    ["src/observe/a.ts", 'import { a } from "../image/b.ts";', "observe imports image: imports go down only"],
    ["src/cli/a.ts", 'import { a } from "../index.ts";', "cli imports index.ts: imports go down only"],
    ["src/cli/a.ts", 'import { a } from "../other/b.ts";', "room other has no floor"],
    ["src/plan/a.ts", 'import { O } from "../sys/constants.gen.ts";', undefined],
    ["src/plan/a.ts", 'import type { Bundle } from "../bundle/types.ts";', undefined],
    ["src/plan/a.ts", 'import { type A, type B } from "../bundle/types.ts";', undefined],
    [
      "src/plan/a.ts",
      'import { perform } from "../sys/files.ts";',
      "plan uses src/sys/files.ts: only src/sys/constants.gen.ts",
    ],
    [
      "src/plan/a.ts",
      'import { parseBundle } from "../bundle/parse.ts";',
      "plan uses src/bundle/parse.ts: only types and src/bundle/vocabulary.ts, src/bundle/sysctl.ts",
    ],
    ["src/bundle/a.ts", 'import { O } from "../sys/constants.gen.ts";', "bundle imports only error"],
    ["src/state/a.ts", 'import { a } from "./b.js";', "the import of ./b.js does not end in .ts"],
    [
      "src/state/a.ts",
      'import { readFileSync } from "node:fs";',
      "src imports node:fs: no module but its own, since the executable has no other",
    ],
    [
      "src/state/a.ts",
      'const a = await import("execa");',
      "src imports execa: no module but its own, since the executable has no other",
    ],
    ["src/image/a.ts", 'import { pipeline } from "node:stream";', undefined],
    ["src/cli/executable.ts", 'import { begin } from "../engine/globals.ts";', undefined],
    ["src/engine/a.ts", 'import { begin } from "./globals.ts";', undefined],
    [
      "src/sys/a.ts",
      'import { begin } from "../engine/globals.ts";',
      "src/sys/a.ts imports engine: only src/cli/executable.ts does",
    ],
    ["src/engine/a.ts", 'import { lib } from "../sys/lib.ts";', "engine imports sys: imports go down only"],
    [
      "src/cli/main.ts",
      'import { Command } from "commander";',
      "src imports commander: no module but its own, since the executable has no other",
    ],
    ["src/sys/a.ts", 'import { a } from "../../test/b.ts";', "src imports test/b.ts"],
    ["scripts/a.ts", 'import { a } from "node:fs";', undefined],
  ];
  for (const [file, text, rule] of cases) {
    t.strictSame(
      rules(checkImports(file, parse(file, text))),
      rule === undefined ? [] : [rule],
      `${file}: ${text}`,
    );
  }
});

t.test("long files, long functions, missing comments and hosts are seen", async (t) => {
  const source = (file: string, text: string): readonly string[] =>
    rules(checkSource(file, parse(file, text)));
  const long = (lines: number): string =>
    `/** It. */\nexport function f() {\n${"f();\n".repeat(lines - 2)}}\n`;
  t.strictSame(source("src/sys/a.ts", long(60)), []);
  t.strictSame(source("src/sys/a.ts", long(61)), ["61 lines in a function, 60 at most"]);
  t.strictSame(source("test/unit/a.ts", long(61)), []);
  t.strictSame(source("src/sys/a.ts", "\n".repeat(251)), ["251 lines in a file, 250 at most"]);
  const spread = "a list as arguments overflows the stack: src/lists.ts";
  t.strictSame(source("src/sys/a.ts", "a.push(...b);"), [spread]);
  t.strictSame(source("src/sys/a.ts", "Math.max(0, ...b);"), [spread]);
  t.strictSame(source("src/sys/a.ts", "f([...b], { ...c });"), []);
  t.strictSame(source("test/unit/a.ts", "a.push(...b);"), []);
  t.strictSame(source("src/sys/a.ts", "export const a = 1;"), ["a is exported without a doc comment"]);
  t.strictSame(source("src/sys/a.ts", "export type A = 1;"), ["A is exported without a doc comment"]);
  t.strictSame(
    source("src/sys/a.ts", "/** It. */\nexport type A = 1;\nexport type { B };\nconst b = 1;"),
    [],
  );
  t.strictSame(source("src/sys/a.ts", 'const a = "Bun" in globalThis;'), [
    'only src/sys/ffi.ts may say "Bun"',
  ]);
  t.strictSame(source("src/sys/a.ts", "// Bun\nrequire(a);"), ["only src/sys/ffi.ts may say require"]);
  t.strictSame(source("src/sys/ffi.ts", "require(a);"), []);
  t.strictSame(source("src/sys/a.ts", `const a = b as ${"any"};`), [
    "a type that switches the type checker off",
  ]);
});

t.test("C and words", async (t) => {
  const body = (lines: number): string => `int f(void)\n{\n${"\tf();\n".repeat(lines - 2)}}\n`;
  t.strictSame(rules(checkC("a.c", body(60))), []);
  t.strictSame(rules(checkC("a.c", body(61))), ["61 lines in a function, 60 at most"]);
  t.strictSame(rules(checkC("a.c", "\n".repeat(401))), ["401 lines in a file, 400 at most"]);
  t.strictSame(rules(checkWords("a.c", `/* TO${"DO"} */`)), [
    `"TO${"DO"}": a note that something is unfinished`,
  ]);
  t.strictSame(rules(checkWords("a.c", "/* the stubborn one, and all that is to do */")), []);
});
