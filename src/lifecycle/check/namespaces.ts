/** Whether the namespaces can be made and joined. */
import { NAMESPACES } from "../../bundle/vocabulary.ts";
import { namespacesIn } from "../../plan/names.ts";
import type { Op } from "../../plan/ops.ts";
import { readTextIfThere, status } from "../../sys/files.ts";
import { namespaceType } from "../../sys/inspect.ts";
import { clock } from "../../sys/process.ts";
import { hostId, type Refusal, type World } from "./world.ts";

/** setns(2) */
export function foreseeJoin({ ns, path }: Extract<Op, { op: "join" }>): Refusal | undefined {
  const type = namespaceType(path);
  if (type === ns) return undefined;
  if (typeof type === "number")
    return { call: "the type of the namespace", errno: "EINVAL", subject: path, reason: "UNSAFE" };
  const call = type.errno === "ENOTTY" ? "ioctl NS_GET_NSTYPE" : "openat";
  return { call, errno: type.errno, subject: path };
}

/** The file in /proc/sys/user that limits a namespace's type; its name in /proc/self/ns is the other argument. */
function refusedType(limit: string, file: string): string | undefined {
  if (status(`/proc/self/ns/${file}`, false) === undefined) return "EINVAL";
  return readTextIfThere(`/proc/sys/user/max_${limit}_namespaces`)?.trim() === "0" ? "ENOSPC" : undefined;
}

/** unshare(2) */
export function foreseeUnshare({ flags }: Extract<Op, { op: "unshare" }>): Refusal | undefined {
  for (const name of namespacesIn(flags)) {
    const file = name === "mount" ? NAMESPACES.mount : name;
    const errno = refusedType(file, file);
    if (errno !== undefined) return { call: "unshare", errno, subject: `the new namespaces (${name})` };
  }
  return undefined;
}

/** A new user namespace, whose root the container is set up as. */
export function foreseeUserns(world: World): Refusal | undefined {
  const errno = refusedType("user", "user");
  if (errno !== undefined) return { call: "unshare", errno, subject: "CLONE_NEWUSER" };
  const { uidMappings, gidMappings } = world.bundle.linux;
  const subject = "0:0 of the user namespace";
  if (hostId(gidMappings, 0) === undefined) return { call: "setresgid", errno: "EINVAL", subject };
  if (hostId(uidMappings, 0) === undefined) return { call: "setresuid", errno: "EINVAL", subject };
  return undefined;
}

/** Half of KTIME_SEC_MAX (include/linux/ktime.h): what a shifted clock may reach (kernel/time/namespace.c). */
const LAST_SECOND = 4611686018n;

/** Offsets of the clocks of a new time namespace (time_namespaces(7)). */
export function foreseeTimeOffset(op: Extract<Op, { op: "timeOffset" }>): Refusal | undefined {
  const uptime = BigInt(Math.floor(Number.parseFloat(readTextIfThere("/proc/uptime") ?? "0")));
  const now = op.clock === "monotonic" ? clock("monotonic") / 1_000_000_000n : uptime;
  const then = now + BigInt.asIntN(64, op.secs);
  if (then >= 0n && then <= LAST_SECOND) return undefined;
  return {
    call: "write",
    errno: "ERANGE",
    subject: `/proc/self/timens_offsets: ${op.clock} ${op.secs} ${op.nanosecs}\n`,
  };
}
