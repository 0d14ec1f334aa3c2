/**
 * What to tell when the kernel refuses a write to a cgroup file. Reads more files, only after a failure.
 */
import { SystemError } from "../error.ts";
import { entries, readTextIfThere } from "../sys/files.ts";
import { whyDisabled } from "./disabled.ts";
import { firstMissing } from "./lists.ts";
import type { CgroupWrite } from "./write.ts";

/** What is added to a refused write. */
interface Explanation {
  /** In place of "set FILE to VALUE"; runc's words where engines know them. */
  readonly doing?: string;
  readonly hint?: string;
}

/**
 * The error for a write that the kernel refused: which file and value, the place in config.json, the errno, and a hint
 * made for the case. `dir` is the cgroup's folder.
 */
export function explainRefusal(
  write: CgroupWrite,
  errno: string,
  dir: string,
  syscall = "write",
): SystemError {
  const { doing, hint } = explain(write, errno, dir);
  const path = `${dir}/${write.file}`;
  return new SystemError(syscall, errno, path, {
    doing: doing ?? `cannot set ${write.file} to ${JSON.stringify(write.value)} in ${dir}`,
    pointer: write.pointer,
    hint,
  });
}

function explain(write: CgroupWrite, errno: string, dir: string): Explanation {
  switch (errno) {
    case "ENOENT":
      return missingFile(write, dir);
    case "EACCES":
    case "EPERM":
      return write.controller === "devices"
        ? {
            hint: "a container cannot have more devices than its parent cgroup allows (see devices.list there)",
          }
        : { hint: "tsrun may not change this cgroup: run as root, or have the cgroup delegated" };
    case "EROFS":
      return {
        hint: "the cgroup filesystem is mounted read-only here: remount it read-write or remove the setting",
      };
    case "ENODEV":
      return { hint: noDevice(write) };
    case "EBUSY":
      return busy(write, dir);
    case "EOPNOTSUPP":
      return {
        hint: "the kernel or the device's I/O scheduler does not offer this (weights need the bfq scheduler)",
      };
    case "EINVAL":
    case "ERANGE":
      return badValue(write, dir);
    default:
      return {};
  }
}

function missingFile({ controller, file }: CgroupWrite, dir: string): Explanation {
  const disabled = controller === "cgroup" ? undefined : whyDisabled(controller, dir);
  if (disabled !== undefined) return { hint: disabled };
  if (controller === "hugetlb") {
    const sizes = new Set<string>();
    for (const { name } of entries(dir)) {
      const size = /^hugetlb\.([0-9]+[KMG]B)\./.exec(name)?.[1];
      if (size !== undefined) sizes.add(size);
    }
    return {
      hint:
        sizes.size > 0 ? `this host has pages of ${[...sizes].join(", ")}` : "this host has no huge pages",
    };
  }
  if (file.startsWith("memory.memsw.") || file === "memory.swap.max") {
    return { hint: "this kernel does not count swap: boot with swapaccount=1 or remove the swap limit" };
  }
  if (file.startsWith("cpu.rt_")) return { hint: "this kernel has no CONFIG_RT_GROUP_SCHED" };
  return { hint: `the ${controller} controller of this kernel has no ${file}: remove the setting` };
}

function busy(write: CgroupWrite, dir: string): Explanation {
  if (write.file === "memory.limit_in_bytes") {
    const usage = number(dir, "memory.usage_in_bytes");
    const peak = number(dir, "memory.max_usage_in_bytes");
    return {
      doing: `unable to set memory limit to ${write.value} (current usage: ${usage}, peak usage: ${peak})`,
      hint: "give more memory, or stop processes first",
    };
  }
  if (write.controller === "cpuset")
    return { hint: "processes in the cgroup or below still need what is taken away" };
  return { hint: "the cgroup is in use" };
}

function badValue(write: CgroupWrite, dir: string): Explanation {
  const { file } = write;
  if (file === "cpuset.cpus")
    return { hint: cpusetHint("cpu", write.value, "/sys/devices/system/cpu/online", dir, file) };
  if (file === "cpuset.mems")
    return { hint: cpusetHint("memory node", write.value, "/sys/devices/system/node/online", dir, file) };
  if (file === "memory.memsw.limit_in_bytes") {
    return {
      hint: `memory and swap together cannot be less than memory alone (${number(dir, "memory.limit_in_bytes")} here)`,
    };
  }
  if (file === "memory.limit_in_bytes") {
    return {
      hint: `memory cannot be more than memory and swap together (${number(dir, "memory.memsw.limit_in_bytes")} here)`,
    };
  }
  if (file === "pids.max") return { hint: "at most 4194304; -1 is no limit" };
  if (file === "memory.use_hierarchy")
    return { hint: "this kernel always counts memory hierarchically: remove it" };
  if (file === "memory.swappiness") return { hint: "valid values are 0 to 100" };
  if (file.startsWith("cpu.cfs_") || file.startsWith("cpu.max")) return { hint: bandwidthHint(dir) };
  if (file.startsWith("cpu.rt_")) {
    const parent = number(parentOf(dir), "cpu.rt_runtime_us");
    return {
      hint: `realtime microseconds come out of the parent cgroup's (${parent} there), and runtime cannot exceed period`,
    };
  }
  if (write.controller === "rdma") return { hint: NO_RDMA };
  if (file === "net_prio.ifpriomap")
    return { hint: "no such network interface in tsrun's network namespace" };
  if (write.controller === "blkio" || write.controller === "io") return { hint: noBlockDevice(write) };
  return { hint: "the kernel does not take this value" };
}

function bandwidthHint(dir: string): string {
  const above =
    readTextIfThere(`${parentOf(dir)}/cpu.max`) ?? readTextIfThere(`${parentOf(dir)}/cpu.cfs_quota_us`);
  const parent = above === undefined ? "" : ` (quota of the parent cgroup: ${above.trim()})`;
  return `quota is at least 1000 microseconds, period 1000 to 1000000, burst at most the quota, and no more than the parent cgroup has${parent}`;
}

/** `cpu 99 is not on this host (present: 0-1)`, or what the parent cgroup has where the host does have it. */
function cpusetHint(what: string, asked: string, online: string, dir: string, file: string): string {
  const present = readTextIfThere(online)?.trim();
  const beyond = present === undefined ? undefined : firstMissing(asked, present);
  if (beyond !== undefined) return `${what} ${beyond} is not on this host (present: ${present})`;
  const parent = parentOf(dir);
  const allowed = readTextIfThere(`${parent}/${file}.effective`) ?? readTextIfThere(`${parent}/${file}`);
  return `the parent cgroup has ${what}s ${allowed?.trim() || "none"}`;
}

const NO_RDMA = "no such RDMA device on this host (see /sys/class/infiniband)";

function noDevice(write: CgroupWrite): string {
  if (write.controller === "blkio" || write.controller === "io") return noBlockDevice(write);
  return write.controller === "rdma" ? NO_RDMA : "the cgroup was removed meanwhile";
}

function noBlockDevice({ value }: CgroupWrite): string {
  const device = value.split(" ")[0] ?? "";
  return device.includes(":")
    ? `${device} is not a whole disk of this host (see /proc/partitions), or the value is out of range`
    : "weights are 10 to 1000 (with bfq 1 to 1000)";
}

function number(dir: string, file: string): string {
  return readTextIfThere(`${dir}/${file}`)?.trim() ?? "unknown";
}

function parentOf(dir: string): string {
  return dir.slice(0, dir.lastIndexOf("/"));
}
