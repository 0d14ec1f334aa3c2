/** Cgroups: which version, which controllers, and in which hierarchies this caller may make one. */
import { DELEGATE } from "../../cgroup/permitted.ts";
import { MOUNT_RESCTRL, resctrlIn } from "../../cgroup/rdt.ts";
import type { CgroupFacts, Hierarchy } from "../../plan/facts.ts";
import { refused } from "./kernel.ts";
import type { Finding, World } from "./world.ts";

/** What limits each controller stands for; v1 calls io blkio. */
const CONTROLLERS: { readonly [name: string]: string } = {
  cpu: "linux.resources.cpu",
  cpuset: "cpu.cpus and cpu.mems",
  memory: "linux.resources.memory",
  io: "linux.resources.blockIO",
  pids: "linux.resources.pids",
};

/** Cgroups. */
export function cgroups(world: World): readonly Finding[] {
  const facts = world.cgroups();
  const dirs = world.cgroupDirs(facts);
  return [
    mode(facts),
    permitted(world, facts, dirs),
    controllers(world, facts, dirs),
    devices(world, facts),
    rdt(world),
  ];
}

function mode({ mode }: CgroupFacts): Finding {
  const about = { area: "cgroups", name: "hierarchy" } as const;
  switch (mode) {
    case "none":
      return {
        ...about,
        state: "missing",
        found: "no cgroup filesystem is mounted",
        lost: "limits, pause, and killing what has left the process tree",
        cure: "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
      };
    case "v1":
      return { ...about, state: "ok", found: "v1" };
    case "hybrid":
      return { ...about, state: "ok", found: "hybrid: the controllers are on v1" };
    case "v2":
      return { ...about, state: "ok", found: "v2" };
    default:
      return mode satisfies never;
  }
}

function label({ version, controllers }: Hierarchy): string {
  return version === 2 ? "v2" : controllers.join(",");
}

function permitted({ privilege }: World, facts: CgroupFacts, dirs: ReadonlyMap<string, string>): Finding {
  const about = { area: "cgroups", name: "delegation" } as const;
  if (privilege === "root") return { ...about, state: "ok", found: "root makes cgroups anywhere" };
  const free = facts.hierarchies.filter(({ mountpoint }) => dirs.has(mountpoint)).map(label);
  const ways = {
    lost: "limits, pause, and stats: a container stays in its caller's cgroup",
    cure: `in a session of systemd: ${DELEGATE}`,
  };
  if (free.length === 0) return { ...about, state: "missing", found: "no cgroup is this user's", ...ways };
  const all = free.length === facts.hierarchies.length;
  if (all) return { ...about, state: "ok", found: `this user may make cgroups (${free.join("; ")})` };
  return { ...about, state: "partial", found: `only in ${free.join("; ")}`, ...ways };
}

function controllers(world: World, facts: CgroupFacts, dirs: ReadonlyMap<string, string>): Finding {
  const about = { area: "cgroups", name: "controllers" } as const;
  const here = available(world, facts, dirs);
  const found = here.size === 0 ? "none" : [...here].sort().join(", ");
  const absent = Object.keys(CONTROLLERS).filter(
    (name) => !here.has(name) && !(name === "io" && here.has("blkio")),
  );
  if (absent.length === 0) return { ...about, state: "ok", found };
  return {
    ...about,
    state: here.size === 0 ? "missing" : "partial",
    found,
    lost: absent.map((name) => `${name}: ${CONTROLLERS[name]}`).join("; "),
    cure: cureOf(world, facts),
  };
}

function cureOf({ privilege }: World, { mode }: CgroupFacts): string {
  if (privilege !== "root") {
    return mode === "v2"
      ? "root adds them: systemctl edit user@.service, with [Service] and Delegate=cpu cpuset io memory pids"
      : "on cgroup v1 a user gets no controllers: boot with systemd.unified_cgroup_hierarchy=1";
  }
  return "the kernel's command line may switch them off (cgroup_disable=, cgroup_no_v1=) or need cgroup_enable=memory; see /proc/cgroups";
}

/** On v2 those that the folder around a container's cgroup can hand down; on v1 those that are mounted where one can be made. */
function available(
  { read, privilege }: World,
  facts: CgroupFacts,
  dirs: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { version, controllers, mountpoint } of facts.hierarchies) {
    const dir = dirs.get(mountpoint);
    if (dir === undefined) continue;
    const parent = privilege === "root" ? mountpoint : dir.slice(0, dir.lastIndexOf("/"));
    const here = version === 1 ? controllers : (read(`${parent}/cgroup.controllers`) ?? "").trim().split(" ");
    for (const name of here) if (name !== "" && !name.startsWith("name=")) names.add(name);
  }
  return names;
}

function devices(world: World, facts: CgroupFacts): Finding {
  const about = { area: "cgroups", name: "device rules" } as const;
  const lost = "linux.resources.devices";
  if (facts.mode !== "v2") {
    const there = facts.hierarchies.some(({ controllers }) => controllers.includes("devices"));
    if (!there) return { ...about, state: "missing", found: "no devices controller", lost };
    if (world.privilege === "root") return { ...about, state: "ok", found: "devices controller of v1" };
    return { ...about, state: "missing", found: "root only", lost };
  }
  const refusal = world.deviceRules();
  if (refusal === undefined) return { ...about, state: "ok", found: "eBPF programs can be loaded" };
  const { code, hint } = refusal;
  return {
    ...about,
    state: "missing",
    found: refused(code),
    lost,
    ...(hint === undefined ? {} : { cure: hint }),
  };
}

function rdt({ read }: World): Finding {
  const about = { area: "cgroups", name: "resctrl" } as const;
  const at = resctrlIn(read("/proc/self/mountinfo") ?? "");
  if (at !== undefined) return { ...about, state: "ok", found: `mounted at ${at}` };
  const known = /\tresctrl$/m.test(read("/proc/filesystems") ?? "");
  return {
    ...about,
    state: "missing",
    found: known ? "not mounted" : "not in this kernel, or not in the processor",
    lost: "linux.intelRdt",
    cure: MOUNT_RESCTRL,
  };
}
