/** Words for sh: the shell reads back what was meant, and a terminal obeys none of it. */
import { execFileSync } from "node:child_process";
import t from "tap";
import { quote } from "../../../src/plan/shell-words.ts";

t.test("quote: the shell reads back each word", async (t) => {
  const words = [
    "",
    "plain",
    "it's",
    "a b",
    "$x `y`",
    "\\n",
    "ü€𐍈",
    "a\nb\n",
    "\u202egpj.exe",
    "a\u001b[31m'b\u009b\t",
    "\u200b\n",
  ];
  for (const word of words) {
    const quoted = quote(word);
    t.equal(execFileSync("sh", ["-c", `printf %s ${quoted}`], { encoding: "utf8" }), word, quoted);
    t.notMatch(quoted, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/);
  }
  t.equal(quote("/a/b-c"), "/a/b-c");
  t.equal(quote("a b"), "'a b'");
});
