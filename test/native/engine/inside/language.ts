/** The lines of language-cases.ts, in the engine. Arguments: SEED ROUNDS. */
import { main, print } from "./host.ts";
import { languageLines } from "./language-cases.ts";

main(() => {
  const [seed = 1, rounds = 0] = process.argv.slice(2).map(Number);
  print(languageLines(seed, rounds).join("\n"));
});
