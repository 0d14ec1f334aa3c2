/** The program where Node or Bun runs it: with all commands. */
import "./old-node.ts";
import { command as bundle } from "./commands/bundle.ts";
import { command as image } from "./commands/image.ts";
import { program } from "./main.ts";
import { PERFORM } from "./perform.ts";

program({ ...PERFORM, bundle, image });
