/** The engine's language is Node's: numbers, texts, regular expressions, JSON, by cases that chance makes. */
import { execa } from "execa";
import t from "tap";
import { executableOf, folderFor, lacks } from "./engine.ts";
import { languageLines } from "./inside/language-cases.ts";

const ROUNDS = 1500;

t.test("the same results as in Node", { skip: lacks }, async (t) => {
  const language = await executableOf("language.ts", folderFor(t));
  for (const seed of [1, 2]) {
    const { stdout } = await execa(language, [String(seed), String(ROUNDS)], { maxBuffer: 1e9 });
    const wanted = languageLines(seed, ROUNDS);
    const got = stdout.split("\n");
    const differ = wanted.flatMap((line, at) => (line === got[at] ? [] : [{ wanted: line, got: got[at] }]));
    t.strictSame(differ.slice(0, 20), [], `seed ${seed}: ${differ.length} of ${wanted.length} differ`);
    t.equal(got.length, wanted.length);
  }
});
