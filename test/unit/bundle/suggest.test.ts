import t from "tap";
import { didYouMean } from "../../../src/bundle/suggest.ts";

t.test("didYouMean", (t) => {
  const known = ["terminal", "env", "cwd", "maskedPaths", "user"];
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["terminl", 'did you mean "terminal"?'],
    ["Terminal", 'did you mean "terminal"?'],
    ["etrminal", 'did you mean "terminal"?'],
    ["evn", 'did you mean "env"?'],
    ["masked_paths", 'did you mean "maskedPaths"?'],
    ["tty", undefined],
    ["x", undefined],
    ["volumes", undefined],
    ["terminal".repeat(10), undefined],
  ];
  for (const [given, hint] of rows) t.equal(didYouMean(given, known), hint, given);
  t.end();
});
