/** Rules about one C file: how long it and its functions are. */
import type { Violation } from "./tree.ts";

const FILE_LINES = 400;
const FUNCTION_LINES = 60;

/** Breaches in one file, in kernel style: a function's braces stand in the first column. */
export function checkC(file: string, text: string): readonly Violation[] {
  const found: Violation[] = [];
  const lines = text.split("\n");
  const count = lines.length - 1;
  if (count > FILE_LINES)
    found.push({ file, line: count, rule: `${count} lines in a file, ${FILE_LINES} at most` });
  let start: number | undefined;
  for (const [index, line] of lines.entries()) {
    if (line === "{") start = index;
    if (line !== "}" || start === undefined) continue;
    const length = index - start + 1;
    if (length > FUNCTION_LINES) {
      found.push({ file, line: start + 1, rule: `${length} lines in a function, ${FUNCTION_LINES} at most` });
    }
    start = undefined;
  }
  return found;
}
