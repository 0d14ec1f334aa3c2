/**
 * The program as Bun compiles it. Each of its parts is bundled before, for itself, and is a function of the one file that is made
 * of this: a call decodes and runs no more of tsrun than its part. All of tsrun would cost every call 2 ms.
 */

interface Part {
  readonly enter: () => boolean;
}

// The bundler puts the part in its place: scripts/build.ts makes them.
declare function require(part: string): Part;

const create = (): Part => require("../../build/parts/create.cjs");
const exec = (): Part => require("../../build/parts/exec.cjs");
const life = (): Part => require("../../build/parts/life.cjs");
const look = (): Part => require("../../build/parts/look.cjs");

const PARTS = new Map([
  ["create", create],
  ["run", create],
  ["exec", exec],
  ["start", life],
  ["delete", life],
  ["finish", life],
  ["state", look],
  ["list", look],
  ["kill", look],
  ["ps", look],
  ["pause", look],
  ["resume", look],
  ["--version", look],
]);

// A guess: an option's value may look like a command. The part that is wrong says so, before it does anything.
const word = process.argv.find((each, at) => at > 1 && PARTS.has(each)) ?? "";
if (PARTS.get(word)?.().enter() !== true) require("../../build/parts/all.cjs").enter();
