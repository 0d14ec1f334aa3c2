/** Whether the process will get its limits, priorities, ids and capabilities. */
import { firstMissing, ranges } from "../../cgroup/lists.ts";
import { listText, policyName, rlimitName } from "../../plan/names.ts";
import type { Op } from "../../plan/ops.ts";
import { IOPRIO_CLASS, PLAN } from "../../sys/constants.gen.ts";
import { kindOf, readTextIfThere, status } from "../../sys/files.ts";
import { capability, hasOnHost, hostId, identity, mayUse, type Refusal, type World } from "./world.ts";

/** prlimit(2): a hard limit is raised with CAP_SYS_RESOURCE only, and open files end at nr_open for everybody. */
export function foreseeRlimit(op: Extract<Op, { op: "rlimit" }>, world: World): Refusal | undefined {
  const type = rlimitName(op.resource);
  const refusal = { call: "prlimit64", errno: "EPERM", subject: `resource: ${op.resource}` };
  if (type === "RLIMIT_NOFILE") {
    const most = readTextIfThere("/proc/sys/fs/nr_open")?.trim();
    if (most !== undefined && op.hard > BigInt(most)) return refusal;
  }
  const entry = world.bundle.process?.rlimits.find((limit) => limit.type === type);
  const own = entry === undefined ? undefined : world.self.hardLimit(entry.type);
  return own !== undefined && op.hard > own && !hasOnHost(world, "CAP_SYS_RESOURCE") ? refusal : undefined;
}

/** proc_pid_oom_score_adj(5) */
export function foreseeOom(
  { value }: Extract<Op, { op: "oomScoreAdj" }>,
  { self }: World,
): Refusal | undefined {
  const wanted = Number(BigInt.asIntN(64, value));
  if (wanted >= self.oomScoreAdj || (self.effective & capability("CAP_SYS_RESOURCE")) !== 0n)
    return undefined;
  return { call: "write", errno: "EACCES", subject: `/proc/self/oom_score_adj: ${wanted}` };
}

/** sched_setattr(2), sched(7) */
export function foreseeScheduler(op: Extract<Op, { op: "scheduler" }>, world: World): Refusal | undefined {
  const refusal = { call: "sched_setattr", errno: "EPERM", subject: "the program's scheduling" };
  const policy = policyName(op.policy);
  const realtime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  const privileged = realtime || policy === "SCHED_DEADLINE" || BigInt.asIntN(64, op.nice) < 0n;
  if (privileged && !hasOnHost(world, "CAP_SYS_NICE")) return refusal;
  const runtime = world.bundle.linux.resources.cpu.realtimeRuntime ?? 0n;
  return realtime && world.sharesRealtime && runtime <= 0n ? refusal : undefined;
}

/** ioprio_set(2) */
export function foreseeIoPriority(op: Extract<Op, { op: "ioPriority" }>, world: World): Refusal | undefined {
  if (op.value >> IOPRIO_CLASS.SHIFT !== IOPRIO_CLASS.IOPRIO_CLASS_RT) return undefined;
  if (hasOnHost(world, "CAP_SYS_NICE") || hasOnHost(world, "CAP_SYS_ADMIN")) return undefined;
  return { call: "ioprio_set", errno: "EPERM", subject: "the program's I/O priority" };
}

/** AppArmor lists the profiles that are loaded, to root; combined and namespaced names are not looked up. */
export function foreseeLabel({ attribute, label }: Extract<Op, { op: "label" }>): Refusal | undefined {
  if (attribute !== PLAN.labels.apparmorExec || label === "unconfined" || /:|\/\/&/.test(label))
    return undefined;
  const loaded = readTextIfThere("/sys/kernel/security/apparmor/profiles", 1 << 24);
  if (loaded === undefined || loaded.split("\n").some((line) => line.startsWith(`${label} (`)))
    return undefined;
  return { call: "write", errno: "ENOENT", subject: `/proc/self/attr/apparmor/exec: exec ${label}` };
}

/** set_mempolicy(2): one of the nodes must be there; the others are passed over. */
export function foreseeMemoryPolicy(
  op: Extract<Op, { op: "memoryPolicy" }>,
  world: World,
): Refusal | undefined {
  const online = readTextIfThere("/sys/devices/system/node/online");
  if (op.nodes.length === 0 || online === undefined) return undefined;
  const asked = listText(op.nodes);
  if (firstMissing(asked, online) === undefined) return undefined;
  const some = ranges(asked).some(([from, to]) =>
    ranges(online).some(([low, high]) => from <= high && low <= to),
  );
  if (some) {
    const text = `not all of the memory nodes ${asked} are on this host (online: ${online.trim()})`;
    world.findings.warn("/linux/memoryPolicy/nodes", text);
    return undefined;
  }
  return { call: "set_mempolicy", errno: "EINVAL", subject: "the program's memory policy" };
}

/** setgroups(2), setresgid(2), setresuid(2), in this order: each id needs a mapping. */
export function foreseeUser(op: Extract<Op, { op: "user" }>, world: World): Refusal | undefined {
  const { uidMappings, gidMappings } = world.bundle.linux;
  if (op.setGroups !== 0 && op.groups.some((gid) => hostId(gidMappings, Number(gid)) === undefined))
    return { call: "setgroups", errno: "EINVAL", subject: "additional groups" };
  if (hostId(gidMappings, op.gid) === undefined)
    return { call: "setresgid", errno: "EINVAL", subject: "the program's group" };
  if (hostId(uidMappings, op.uid) === undefined)
    return { call: "setresuid", errno: "EINVAL", subject: "the program's user" };
  return closedFolder(world);
}

/** A working folder that root may not enter is tried again with the program's ids. */
function closedFolder(world: World): Refusal | undefined {
  const cwd = world.bundle.process?.cwd ?? "/";
  const look = world.tree.look(cwd);
  const folder = look.kind === "found" ? status(look.path) : undefined;
  if (folder?.kind !== "dir") return undefined;
  if (mayUse(folder, identity(world, "root")) || mayUse(folder, identity(world, "program"))) return undefined;
  return { call: "chdir", errno: "EACCES", subject: cwd };
}

/** The working folder; it has been made where it was missing. */
export function foreseeChdir({ target }: Extract<Op, { op: "chdir" }>, { tree }: World): Refusal | undefined {
  const look = tree.look(target);
  return look.kind === "found" && kindOf(look.path) !== "dir"
    ? { call: "chdir", errno: "ENOTDIR", subject: target }
    : undefined;
}

/**
 * capset(2). A user namespace of its own gives the container all capabilities but those that the bounding set, which is
 * inherited, has lost; what is inheritable must be in the bounding set (security/commoncap.c, cap_capset).
 */
export function foreseeCapabilities(
  op: Extract<Op, { op: "capabilities" }>,
  world: World,
): Refusal | undefined {
  const { self, bundle, mapped } = world;
  const refusal = { call: "capset", errno: "EPERM", subject: "the program's capabilities" };
  if ((op.effective & ~op.permitted) !== 0n) return refusal;
  if (!mapped && (op.permitted & ~self.permitted) !== 0n) return refusal;
  let bounding = 0n;
  for (const name of bundle.process?.capabilities.bounding ?? []) bounding |= capability(name);
  return (op.inheritable & ~(bounding & self.bounding)) !== 0n ? refusal : undefined;
}

/** A kernel parameter: it must be there, and writable. Those of a network namespace differ in their interfaces. */
export function foreseeSysctl({ name }: Extract<Op, { op: "sysctl" }>): Refusal | undefined {
  const path = `/proc/sys/${name}`;
  const found = status(path);
  const call = "openat2";
  const subject = `/proc/sys: ${name}`;
  if (found === undefined) {
    return /^net\/[^/]+\/(conf|neigh)\//.test(name) ? undefined : { call, errno: "ENOENT", subject };
  }
  if (found.kind === "dir") return { call, errno: "EISDIR", subject };
  return (found.mode & 0o222) === 0 ? { call, errno: "EACCES", subject } : undefined;
}
