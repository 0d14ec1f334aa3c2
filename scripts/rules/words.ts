/** Words that say something is unfinished, and ways around the type checker. */
import type { Violation } from "./tree.ts";

// Each is spelt in two parts, so that this file keeps its own rule.
const FORBIDDEN: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`\\b(TO${"DO"}|FIX${"ME"}|XX${"X"}|HA${"CK"})\\b`), "a note that something is unfinished"],
  [new RegExp(`\\bst${"ub"}(s|bed)?\\b`, "i"), "a placeholder"],
  [new RegExp(`@ts-${"(ignore|expect-error|nocheck)"}`), "a way around the type checker"],
];

/** Breaches in one file. */
export function checkWords(file: string, text: string): readonly Violation[] {
  const found: Violation[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    for (const [pattern, what] of FORBIDDEN) {
      const word = pattern.exec(line)?.[0];
      if (word !== undefined) found.push({ file, line: index + 1, rule: `${JSON.stringify(word)}: ${what}` });
    }
  }
  return found;
}
