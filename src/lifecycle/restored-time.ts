/** criu restores a container into a time namespace, so that its clocks go on where they were, whether config.json has one or not. */
import type { Bundle } from "../bundle/types.ts";
import { status } from "../sys/files.ts";

/** The bundle of a restored container as a further process in it has to see it. */
export function withOwnTime(bundle: Bundle, pid: number): Bundle {
  const { linux } = bundle;
  if (linux.namespaces.some(({ type }) => type === "time")) return bundle;
  const its = status(`/proc/${pid}/ns/time`)?.inode;
  if (its === undefined || its === status("/proc/self/ns/time")?.inode) return bundle;
  const namespaces = [...linux.namespaces, { type: "time", path: undefined } as const];
  return { ...bundle, linux: { ...linux, namespaces } };
}
