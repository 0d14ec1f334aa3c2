/** What tests of the engine are made with: scripts for it, executables of them, and the driver with sanitizers. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { execa } from "execa";
import { makeExecutable } from "../../../scripts/executable.ts";
import { PROJECT } from "../../../scripts/make-rootfs.ts";
import { quickjsSource } from "../../../scripts/quickjs.ts";
import { missing } from "../programs.ts";

/** The engine as it is built, before a heap is made. */
export const ENGINE = join(PROJECT, "build/native/tsrun-engine");

/** For tap's `skip`. */
export const lacks = missing("make", "gcc", "strip");

/** A folder that is removed when a test ends. */
export function folderFor(t: { teardown(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-engine-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Makes a target of native/Makefile; its path. */
export async function made(target: string): Promise<string> {
  const path = `../build/native/${target}`;
  await execa("make", ["-s", "-C", join(PROJECT, "native"), `QUICKJS=${quickjsSource(PROJECT)}`, path]);
  return join(PROJECT, "build/native", target);
}

/** A script of `inside/` as the engine takes it, as scripts/build.ts makes tsrun's own. */
export async function scriptOf(name: string, folder: string): Promise<string> {
  const out = join(folder, `${basename(name, ".ts")}.js`);
  mkdirSync(folder, { recursive: true });
  await execa(join(PROJECT, "node_modules/.bin/bun"), [
    "build",
    "--target=browser",
    "--format=iife",
    "--external=bun:ffi",
    "--define=import.meta.url=undefined",
    join(PROJECT, "test/native/engine/inside", name),
    "--outfile",
    out,
  ]);
  return out;
}

/** An executable with a script's heap. */
export async function executableOf(name: string, folder: string): Promise<string> {
  const script = await scriptOf(name, folder);
  const out = script.replace(/\.js$/, "");
  makeExecutable(ENGINE, script, `${out}.heap`, out);
  return out;
}
