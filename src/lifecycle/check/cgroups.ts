/** Whether the container's cgroups can be made and will take their limits. */
import { freezerState } from "../../cgroup/freezer.ts";
import { firstMissing } from "../../cgroup/lists.ts";
import { pidsBelow } from "../../cgroup/members.ts";
import { explainRefusal } from "../../cgroup/refusal.ts";
import type { CgroupWrite } from "../../cgroup/write.ts";
import { LaunchError, StateError } from "../../error.ts";
import { kindOf, readTextIfThere, status } from "../../sys/files.ts";
import type { CgroupSetup } from "../prepare.ts";
import type { Findings } from "./findings.ts";

/** Finds what the kernel would refuse, and what is odd. */
export function checkCgroups(setup: CgroupSetup, findings: Findings): void {
  checkExisting(setup, findings);
  for (const write of setup.writes) {
    const dir = setup.paths.get(write.controller) ?? setup.paths.get("");
    if (dir === undefined) continue;
    const errno = refusedWith(write, dir, setup);
    if (errno !== undefined) findings.problem(explainRefusal(write, errno, dir));
    checkMemory(write, findings);
  }
}

/** A cgroup that is there already: create refuses a frozen one, and on v2 one with processes. */
function checkExisting({ facts, dirs, paths }: CgroupSetup, findings: Findings): void {
  for (const { mountpoint, controllers } of facts.hierarchies) {
    const dir = dirs.get(mountpoint);
    if (dir === undefined || kindOf(dir) !== "dir") continue;
    if (facts.mode !== "v2" && !controllers.includes("devices")) continue;
    const { length } = pidsBelow(dir);
    if (length === 0) continue;
    const sentence = `container's cgroup is not empty: ${length} process(es) found`;
    if (facts.mode === "v2")
      findings.problem(
        new StateError("busy", sentence, {
          pointer: "/linux/cgroupsPath",
          hint: `look into ${dir}/cgroup.procs`,
        }),
      );
    else findings.warn("/linux/cgroupsPath", sentence, `look into ${dir}/cgroup.procs`);
  }
  if (freezerState(paths) === "thawed") return;
  findings.problem(
    new StateError("busy", "container's cgroup unexpectedly frozen", {
      pointer: "/linux/cgroupsPath",
      hint: "thaw it first: a process in it could not run",
    }),
  );
}

/** The errno that a write would get, where that can be known. */
function refusedWith(write: CgroupWrite, dir: string, setup: CgroupSetup): string | undefined {
  const { file, value } = write;
  switch (file) {
    case "cpuset.cpus":
    case "cpuset.mems":
      return firstMissing(value, available(file, dir)) === undefined ? undefined : "EINVAL";
    case "pids.max":
      return value !== "max" && BigInt(value) > 4194304n ? "EINVAL" : undefined;
    case "cpu.rt_runtime_us":
      return exceedsParent(
        dir,
        "cpu.rt_runtime_us",
        "cpu.rt_period_us",
        value,
        period(setup, "cpu.rt_period_us"),
      );
    case "cpu.cfs_quota_us":
      return exceedsParent(
        dir,
        "cpu.cfs_quota_us",
        "cpu.cfs_period_us",
        value,
        period(setup, "cpu.cfs_period_us"),
      );
    case "rdma.max":
      return exists(`/sys/class/infiniband/${value.split(" ")[0] ?? ""}`, "EINVAL");
    case "net_prio.ifpriomap":
      return exists(`/sys/class/net/${value.split(" ")[0] ?? ""}`, "EINVAL");
    default:
      return refusedDevice(file, value) ?? missingFile(write, dir);
  }
}

function exists(path: string, errno: string): string | undefined {
  return status(path) === undefined ? errno : undefined;
}

/** What a new cpuset may have: what the nearest cgroup above has, or the host. */
function available(file: string, dir: string): string {
  const parent = above(dir);
  return (
    (readTextIfThere(`${parent}/${file}.effective`) ?? readTextIfThere(`${parent}/${file}`) ?? "").trim() ||
    (readTextIfThere(`/sys/devices/system/${file === "cpuset.cpus" ? "cpu" : "node"}/online`) ?? "0")
  );
}

/** The nearest folder above that is there. */
function above(dir: string): string {
  let parent = dir.slice(0, dir.lastIndexOf("/"));
  while (parent !== "" && kindOf(parent) === "missing") parent = parent.slice(0, parent.lastIndexOf("/"));
  return parent;
}

function period({ writes }: CgroupSetup, file: string): bigint | undefined {
  const value = writes.find((write) => write.file === file)?.value;
  return value === undefined ? undefined : BigInt(value);
}

/** A share of time may not be larger than the parent's (kernel/sched/core.c, __cfs_schedulable; rt.c, tg_rt_schedulable). */
function exceedsParent(
  dir: string,
  file: string,
  periodFile: string,
  value: string,
  ownPeriod: bigint | undefined,
): string | undefined {
  const parent = above(dir);
  const [limit, base] = [`${parent}/${file}`, `${parent}/${periodFile}`].map((path) => {
    const text = readTextIfThere(path)?.trim();
    return text === undefined || text === "" ? undefined : BigInt(text);
  });
  const wanted = BigInt(value);
  if (limit === undefined || base === undefined || limit < 0n || wanted < 0n) return undefined;
  return wanted * base > limit * (ownPeriod ?? base) ? "EINVAL" : undefined;
}

/** `MAJOR:MINOR ...` of the block controllers: a whole disk that is there. */
function refusedDevice(file: string, value: string): string | undefined {
  const device = /^(?:blkio|io)\./.test(file) ? /^[0-9]+:[0-9]+(?= )/.exec(value)?.[0] : undefined;
  if (device === undefined) return undefined;
  const place = `/sys/dev/block/${device}`;
  return status(place) === undefined || status(`${place}/partition`) !== undefined ? "ENODEV" : undefined;
}

/** Files that the top of a v1 hierarchy has where the kernel has them at all. */
function missingFile({ file, ifThere, instead }: CgroupWrite, dir: string): string | undefined {
  if (ifThere === true || instead !== undefined) return undefined;
  const pages = /^hugetlb\.([0-9]+)([KMG])B\./.exec(file);
  if (pages !== null) {
    const unit = { K: 1, M: 1024, G: 1024 * 1024 }[pages[2] ?? "K"] ?? 1;
    return exists(`/sys/kernel/mm/hugepages/hugepages-${Number(pages[1]) * unit}kB`, "ENOENT");
  }
  if (!/^(memory\.memsw|cpu\.rt_)/.test(file)) return undefined;
  return exists(`${above(dir)}/${file}`, "ENOENT");
}

/** No process fits into fewer pages than its page tables and its stack take. */
const LEAST = 16384n;
/** What setting a container up was measured to take. */
const SMALL = 524288n;

function checkMemory({ file, value, pointer }: CgroupWrite, findings: Findings): void {
  if ((file !== "memory.limit_in_bytes" && file !== "memory.max") || !/^[0-9]+$/.test(value)) return;
  if (BigInt(value) < LEAST) {
    const hint = "raise the limit: setting a container up takes about 300 KiB, and its program more";
    const sentence = `no process fits into the memory limit of ${value} bytes: it would be killed by it`;
    findings.problem(new LaunchError("died", sentence, { pointer, hint }));
  } else if (BigInt(value) < SMALL) {
    const text = `the memory limit of ${value} bytes is small: the container may be killed by it while it is set up`;
    findings.warn(pointer, text, "give it some MiB");
  }
}
