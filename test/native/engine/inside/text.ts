/** The lines of text-cases.ts, in the engine. Arguments: SEED COUNT. */
import { main, print } from "./host.ts";
import { textLines } from "./text-cases.ts";

main(() => {
  const [seed = 1, count = 0] = process.argv.slice(2).map(Number);
  for (const line of textLines(seed, count)) print(line);
});
