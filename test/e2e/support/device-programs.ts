/** The eBPF programs that enforce device rules on cgroup v2, asked for by the probe on the host. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { PROBE } from "../../../scripts/make-rootfs.ts";
import { textOf } from "./outside.ts";

export interface DeviceProgramFacts {
  readonly id: number;
  readonly name: string;
}

function ask(...words: readonly string[]): unknown {
  return JSON.parse(execFileSync(PROBE, words, { encoding: "utf8" }));
}

/** The folder of a process's cgroup on cgroup v2. */
export function unifiedCgroupOf(pid: number): string {
  const path = /^0::(.*)$/m.exec(textOf(`/proc/${pid}/cgroup`) ?? "")?.[1] ?? "";
  return join("/sys/fs/cgroup", path);
}

/** The programs attached to this very cgroup, in the order in which they were. */
export function deviceProgramsOf(cgroup: string): readonly DeviceProgramFacts[] {
  return ask("device-programs", cgroup) as DeviceProgramFacts[];
}

/** Attaches a program, called `foreign`, that gives every access the same answer. */
export function attachForeign(
  cgroup: string,
  answer: "allow" | "deny",
  how: "multi" | "override" | "alone",
): void {
  ask("device-attach", cgroup, answer, how);
}

/** How many eBPF programs of any type the kernel has. */
export function loadedPrograms(): number {
  return (ask("loaded-programs") as { loaded: number }).loaded;
}
