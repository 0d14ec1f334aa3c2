/** Why a process of a container may have been killed from outside, for the error that tells of its end. */
import { memoryDir, oomHint, oomKills, oomOf, oomText } from "../cgroup/oom.ts";
import type { CgroupPaths } from "../cgroup/paths.ts";
import { SystemError } from "../error.ts";
import type { Death } from "./launch.ts";

/** How many processes of a container were killed for want of memory so far, to be handed to {@link deathIn}. */
export function deathsBefore(paths: CgroupPaths): number {
  try {
    const place = memoryDir(paths);
    return (place === undefined ? undefined : oomKills(place)) ?? 0;
  } catch (error) {
    if (error instanceof SystemError) return 0;
    throw error;
  }
}

/**
 * What the container's cgroup tells; `undefined` where it knows of no kill but `before`. Never throws: it serves to explain
 * another error.
 */
export function deathIn(paths: CgroupPaths, before = 0): Death | undefined {
  try {
    const oom = oomOf(paths);
    if (oom === undefined || oom.kills <= before) return undefined;
    const pointer = oom.source === "memory" ? "/linux/resources/memory/limit" : undefined;
    return { text: oomText(oom), pointer, hint: oomHint(oom) };
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}
