/** Whether the kernel killed for memory in a container's cgroup, read after something died there. */
import { readTextIfThere } from "../sys/files.ts";
import type { CgroupPaths } from "./paths.ts";

/** The words for an OOM kill with the limit's value, `undefined` where there was none. */
export function oomReport(paths: CgroupPaths): string | undefined {
  const v1 = paths.get("memory");
  const dir = v1 ?? paths.get("");
  if (dir === undefined) return undefined;
  const events = readTextIfThere(v1 === undefined ? `${dir}/memory.events` : `${dir}/memory.oom_control`);
  if (!/^oom_kill [1-9]/m.test(events ?? "")) return undefined;
  const limit = readTextIfThere(
    v1 === undefined ? `${dir}/memory.max` : `${dir}/memory.limit_in_bytes`,
  )?.trim();
  return `killed by the memory limit of ${limit ?? "its cgroup"} bytes`;
}
