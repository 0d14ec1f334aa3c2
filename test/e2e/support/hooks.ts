/** What the tests of hooks share: hooks that write where the test can read it, whichever side they run on. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type HookEntry, probe } from "./config.ts";
import type { Host, TestBundle } from "./host.ts";
import { textOf } from "./outside.ts";

/** The stages in the order in which they run (runtime-spec config.md, POSIX-platform hooks). */
export const STAGES = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
export type Stage = (typeof STAGES)[number];

/** A hook of the host or of the container: /bin/sh is in both. */
export function sh(text: string, extra: Partial<HookEntry> = {}): HookEntry {
  return { path: "/bin/sh", args: ["sh", "-c", text], env: ["PATH=/bin:/usr/bin"], ...extra };
}

/** A bundle, and a folder for its hooks to write to. */
export interface HooksLog {
  readonly bundle: TestBundle;
  /** The folder on the host; the container has it as /log. */
  readonly folder: string;
  /** What a file of the folder holds; empty where it is missing. */
  log(file: string): string;
  /** A shell hook of a stage, in whose text LOG stands for the folder as that stage sees it. */
  write(stage: Stage, text: string): HookEntry;
}

/** A bundle whose program leaves a file called `program` in the folder. */
export function hooksLog(host: Host, name: string): HooksLog {
  const folder = join(host.dir, "hooks", name);
  mkdirSync(folder, { recursive: true });
  const bundle = host.bundle((config) => {
    config.mounts.push({ destination: "/log", type: "bind", source: folder, options: ["bind"] });
    probe(config, "write", "/log/program", "ran");
  });
  return {
    bundle,
    folder,
    log: (file) => textOf(join(folder, file)) ?? "",
    write: (stage, text) => sh(text.replaceAll("LOG", stage === "startContainer" ? "/log" : folder)),
  };
}
