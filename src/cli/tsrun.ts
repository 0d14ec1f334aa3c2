/** The program where Node or Bun runs it: with all commands. */
import "./old-node.ts";
import { errorLine } from "../error.ts";
import { lib } from "../sys/lib.ts";
import { command as bundle } from "./commands/bundle.ts";
import { command as image } from "./commands/image.ts";
import { program } from "./main.ts";
import { PERFORM } from "./perform.ts";

try {
  lib();
} catch (error) {
  // All that the program says it says by the library.
  process.stderr.write(`${errorLine(error)}\n`);
  process.exit(1);
}

program({ ...PERFORM, bundle, image });
