/** libtsrun's functions are the same in the built library, in lib.h, and in functions.h, by whose table TypeScript calls them. */
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import t from "tap";
import { PROJECT } from "../../scripts/make-rootfs.ts";
import { SIGNATURES } from "../../src/sys/constants.gen.ts";
import { lib } from "../../src/sys/lib.ts";
import { kill } from "../../src/sys/process.ts";

const LIBRARY = join(PROJECT, "dist/libtsrun.so");

/** The functions that lib.h declares, with a letter for each parameter. */
function declared(): Readonly<Record<string, string>> {
  const header = readFileSync(join(PROJECT, "native/lib/lib.h"), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const found: Record<string, string> = {};
  for (const [, result, name, parameters] of header.matchAll(/EXPORT ([a-z0-9_ ]+?) (\w+)\(([^)]*)\);/g)) {
    if (name === undefined || parameters === undefined) throw new Error("the pattern has two groups");
    if (result !== "int") throw new Error(`${name} does not answer an int`);
    found[name] = parameters.trim() === "void" ? "" : parameters.split(",").map(letter).join("");
  }
  return found;
}

function letter(parameter: string): string {
  if (/[*[]/.test(parameter)) return "p";
  if (/^\s*int \w+$/.test(parameter)) return "i";
  throw new Error(`a parameter that FFI is not told of: ${parameter}`);
}

t.test("lib.h declares what SIGNATURES calls, parameter by parameter", async (t) => {
  t.strictSame(declared(), SIGNATURES);
});

t.test(
  "libtsrun.so exports that and nothing else",
  { skip: !existsSync(LIBRARY) && "dist/libtsrun.so is not built" },
  async (t) => {
    const { stdout } = await execa("nm", ["-D", "--defined-only", LIBRARY]);
    const exported = stdout.split("\n").map((line) => line.split(" ").at(-1) ?? "");
    t.strictSame(exported.sort(), Object.keys(SIGNATURES).sort());
  },
);

t.test(
  "nobody is signalled whose pid is no process's: to kill(2) that is a group, or everybody",
  { skip: !existsSync(LIBRARY) && "dist/libtsrun.so is not built" },
  async (t) => {
    for (const pid of [0, -1, -process.pid]) {
      t.equal(lib().ts_kill(pid, 0), -constants.errno.EINVAL, String(pid));
      t.throws(() => kill(pid, 0), /is not ours to kill/, String(pid));
    }
    t.equal(kill(process.pid, 0), true);
  },
);
