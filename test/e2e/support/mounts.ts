/** What the tests of mounts share: entries for config.json, and finding a mount in what the probe saw. */
import type { MountLine } from "./answers.ts";
import type { MountEntry, Patch } from "./config.ts";

/** A patch that appends mounts. */
export function adding(...mounts: MountEntry[]): Patch {
  return (config) => void config.mounts.push(...mounts);
}

/** A bind of a path of the host. */
export function bind(destination: string, options: string[], source: string): MountEntry {
  return { destination, type: "bind", source, options };
}

/** The uppermost mount at a place. @throws Error where nothing is mounted there */
export function at(lines: readonly MountLine[], mountpoint: string): MountLine {
  const line = lines.findLast((one) => one.mountpoint === mountpoint);
  if (line === undefined) throw new Error(`nothing is mounted at ${mountpoint}`);
  return line;
}
