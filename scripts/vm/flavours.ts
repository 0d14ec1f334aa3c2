/** The machines in which the end-to-end tests run, and which files of tests run in which. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../make-rootfs.ts";

/** A kind of machine. */
export interface Flavour {
  readonly name: string;
  readonly systemd: boolean;
  /** The environment of its tests. */
  readonly env: Readonly<Record<string, string>>;
}

/** Both with cgroup v2 alone: without a manager of cgroups, and with systemd as process 1. */
export const FLAVOURS: readonly Flavour[] = [
  { name: "cgroupfs", systemd: false, env: {} },
  { name: "systemd", systemd: true, env: {} },
];

/** Files, or folders of them, that do not run in a machine, and why. */
const LEFT_OUT: readonly (readonly [path: string, why: string, flavour?: string])[] = [
  ["test/e2e/clients/", "the engines' own cases take longer than all others together"],
];

/** Why a file does not run in a flavour, or `undefined`. */
export function leftOut(file: string, flavour: string): string | undefined {
  return LEFT_OUT.find(
    ([path, , only]) => file.startsWith(path) && (only === undefined || only === flavour),
  )?.[1];
}

/** The sources of the end-to-end tests in the order in which they run: what looks at what the others left comes last. */
export function testFiles(): readonly string[] {
  const files = readdirSync(join(PROJECT, "test/e2e"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => join("test/e2e", name))
    .sort();
  const last = (file: string): boolean => file.startsWith("test/e2e/last/");
  return [...files.filter((file) => !last(file)), ...files.filter(last)];
}

/** The files of a flavour: those whose path contains one of the words, or without words all that are not left out. */
export function filesOf(
  flavour: string,
  words: readonly string[],
  all: readonly string[],
): readonly string[] {
  if (words.length > 0) return all.filter((file) => words.some((word) => file.includes(word)));
  return all.filter((file) => leftOut(file, flavour) === undefined);
}
