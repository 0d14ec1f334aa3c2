/**
 * The house rules that no compiler or linter checks: which room may import which, how long files and functions are, that
 * exported names are documented. Prints one line a violation and exits with 1 if there is any. Run by `npm test`.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkC } from "./rules/c.ts";
import { checkImports } from "./rules/imports.ts";
import { checkSource } from "./rules/source.ts";
import { filesBelow, parse, type Violation } from "./rules/tree.ts";
import { checkWords } from "./rules/words.ts";

/** Checks a project's tree. */
export function checkRules(project: string): readonly Violation[] {
  const found: Violation[] = [];
  for (const file of filesBelow(project, ["src", "scripts", "test", "native"])) {
    const text = readFileSync(join(project, file), "utf8");
    found.push(...checkWords(file, text));
    if (file.endsWith(".ts")) {
      const source = parse(file, text);
      found.push(...checkImports(file, source), ...checkSource(file, source));
    } else {
      found.push(...checkC(file, text));
    }
  }
  return found;
}

/** One line for a person. */
export function violationLine({ file, line, rule }: Violation): string {
  return `${file}:${line}: ${rule}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = checkRules(dirname(dirname(fileURLToPath(import.meta.url))));
  for (const violation of found) console.log(violationLine(violation));
  console.log(found.length === 0 ? "every rule is kept" : `${found.length} violations`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
