/** The program inside the executable (native/engine): evaluated when it is built, and started in each call. */
import { begin } from "../engine/globals.ts";
import { command as byNode } from "./commands/by-node.ts";
import { program } from "./main.ts";
import { PERFORM } from "./perform.ts";

const COMMANDS = { ...PERFORM, bundle: byNode, image: byNode };

function start(): void {
  begin();
  program(COMMANDS);
}

// The engine calls it by this name (native/engine/make.c).
Object.assign(globalThis, { start });
