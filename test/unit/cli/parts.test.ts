/** The parts that the compiled program is made of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { ALL } from "../../../src/cli/parts/all.ts";
import { PART as create } from "../../../src/cli/parts/create.ts";
import { PART as exec } from "../../../src/cli/parts/exec.ts";
import { PART as life } from "../../../src/cli/parts/life.ts";
import { PART as look } from "../../../src/cli/parts/look.ts";

const names = (part: typeof ALL): readonly string[] => part.commands.map(({ name }) => name);

t.test("each part performs its commands, and no others", async (t) => {
  for (const part of [ALL, create, exec, life, look]) {
    t.strictSame(Object.keys(part.perform).sort(), [...names(part)].sort());
  }
});

t.test("a part's commands are those of the whole", async (t) => {
  for (const spec of [create, exec, life, look].flatMap(({ commands }) => commands)) {
    t.equal(
      ALL.commands.find(({ name }) => name === spec.name),
      spec,
      spec.name,
    );
  }
});

t.test("the compiled program looks for each command in its part", async (t) => {
  const entry = readFileSync(join(PROJECT, "src/cli/compiled.ts"), "utf8");
  const found = [...entry.matchAll(/^ {2}\["([a-z]+)", ([a-z]+)\],$/gm)].map(([, name, part]) => [
    name,
    part,
  ]);
  const expected = Object.entries({ create, exec, life, look }).flatMap(([part, it]) =>
    names(it).map((name) => [name, part]),
  );
  t.strictSame(found.sort(), expected.sort());
});
