/** tsrun installed in a folder of a test's own. */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "./host.ts";

/** Copies these files of dist/ into a new folder. */
export function install(to: string, ...names: readonly string[]): string {
  mkdirSync(to, { recursive: true });
  for (const name of names) cpSync(join(PROJECT, "dist", name), join(to, name));
  return to;
}

/** What tsrun.js loads beside libtsrun.so: koffi, and its machine code, which is a package of its own. */
export function installKoffi(to: string): void {
  for (const name of ["koffi", "@koromix"]) {
    const from = join(PROJECT, "node_modules", name);
    if (existsSync(from)) cpSync(from, join(to, "node_modules", name), { recursive: true });
  }
}
