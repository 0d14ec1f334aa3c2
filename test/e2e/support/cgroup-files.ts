/**
 * A container's cgroup in both worlds: where a controller's files are, and what the files of v1 and v2 that mean the same are
 * called. The folders come from /proc/PID/cgroup, so that it does not matter who has made them.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Host } from "./host.ts";
import { CGROUP_V2, cgroupsOfProcess, textOf } from "./outside.ts";

/** The folder that has a controller's files for a process. On v2 all are in one, on v1 systemd mounts some together (`cpu,cpuacct`). */
export function folderIn(cgroups: ReadonlyMap<string, string>, controller: string): string {
  if (CGROUP_V2) return cgroups.get("unified") ?? "";
  for (const [names, folder] of cgroups) if (names.split(",").includes(controller)) return folder;
  return "";
}

/** The folder that has a controller's files for a container. */
export async function folderOf(host: Host, id: string, controller: string): Promise<string> {
  return folderIn(cgroupsOfProcess((await host.state(id)).pid), controller);
}

/** The files that say the same in both worlds: the names of v1, then of v2. */
const NAMES = {
  memoryLimit: ["memory.limit_in_bytes", "memory.max"],
  memoryUsage: ["memory.usage_in_bytes", "memory.current"],
  pidsLimit: ["pids.max", "pids.max"],
  cpus: ["cpuset.cpus", "cpuset.cpus"],
} as const;

/** What {@link readLimit} reads. */
export type LimitName = keyof typeof NAMES;

/** The name of a file in this host's world. */
export function fileOf(name: LimitName): string {
  return NAMES[name][CGROUP_V2 ? 1 : 0];
}

/** What a file of the container's says. */
export function readLimit(cgroups: ReadonlyMap<string, string>, name: LimitName): string | undefined {
  const file = fileOf(name);
  return textOf(join(folderIn(cgroups, file.split(".")[0] ?? ""), file))?.trim();
}

/** Whether the container's own cgroup is frozen, half-way there, or not; below it where `below` is given. */
export function freezerState(cgroups: ReadonlyMap<string, string>, below = ""): string | undefined {
  const folder = join(folderIn(cgroups, "freezer"), below);
  if (!CGROUP_V2) return textOf(join(folder, "freezer.state"))?.trim();
  const events = textOf(join(folder, "cgroup.events"));
  if (events === undefined) return undefined;
  if (events.includes("frozen 1")) return "FROZEN";
  return textOf(join(folder, "cgroup.freeze"))?.trim() === "1" ? "FREEZING" : "THAWED";
}

/** Freezes a cgroup, or lets it go on, without any runtime. */
export function setFrozen(folder: string, frozen: boolean): void {
  if (CGROUP_V2) writeFileSync(join(folder, "cgroup.freeze"), frozen ? "1" : "0");
  else writeFileSync(join(folder, "freezer.state"), frozen ? "FROZEN" : "THAWED");
}

/** Processor time that a container has used, as a text that changes whenever it uses more. */
export function cpuUsage(cgroups: ReadonlyMap<string, string>): string | undefined {
  const folder = folderIn(cgroups, "cpuacct");
  const text = textOf(join(folder, CGROUP_V2 ? "cpu.stat" : "cpuacct.usage"));
  return CGROUP_V2 ? /^usage_usec .*$/m.exec(text ?? "")?.[0] : text;
}

/** A cgroup below another, or beside it, that processes can be put into. */
export function makeCgroup(folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (!folder.includes("/cpuset/")) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    writeFileSync(join(folder, file), readFileSync(join(dirname(folder), file)));
  }
}
