/**
 * What engines and runtimes leave: what these still know of containers; and the removal of what engines keep for
 * themselves after their last container: their parent cgroups, their stores' mounts.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { rmdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cgroupsOf, mountsOf, namesIn, processesOf, textOf } from "../../support/outside.ts";

/** Unmounts everything whose line in mountinfo holds the tag, the last first. */
export function unmountAll(tag: string): void {
  for (const line of mountsOf(tag).reverse()) {
    const place = line.split(" ")[4] ?? "";
    try {
      execFileSync("umount", ["-l", place], { stdio: "ignore" });
    } catch {
      // It went with another one.
    }
  }
}

/** Removes the empty cgroups whose path holds the tag, the deepest first. */
export function removeCgroups(tag: string): void {
  for (const path of cgroupsOf(tag).sort((a, b) => b.length - a.length)) {
    try {
      rmdirSync(path);
    } catch {
      // The caller sees that it is still there.
    }
  }
}

/** The state folders of the runtimes: all in an engine's own folder, those that speak of it in the runtimes' own. */
export function statesOf(tag: string, dir: string): readonly string[] {
  const own = ["runc", "tsrun"].flatMap((runtime) => [
    ...folders(join(dir, `runtime-${runtime}`)),
    ...folders(join(dir, "exec", `runtime-${runtime}`)),
  ]);
  return [
    ...own.flatMap(folders).filter((path) => textOf(join(path, "state.json")) !== undefined),
    ...["/run/runc", "/run/tsrun"]
      .flatMap(folders)
      .filter((path) => textOf(join(path, "state.json"))?.includes(tag) === true),
  ];
}

/**
 * Ends what an engine has forgotten of runc's containers. Under load one loses a container now and then, with any
 * runtime; it is the other runtime that is tested.
 *
 * @returns the states of those containers
 */
export function endForgotten(tag: string, dir: string): readonly string[] {
  const forgotten = statesOf(tag, dir).filter((path) => path.includes("/runtime-runc/"));
  for (const path of forgotten) {
    const id = basename(path);
    for (const line of processesOf(id)) process.kill(Number(line.split(" ")[0]), "SIGKILL");
    spawnSync("runc", ["--root", dirname(path), "delete", "--force", id]);
  }
  return forgotten;
}

function folders(path: string): readonly string[] {
  return namesIn(path).map((name) => join(path, name));
}
