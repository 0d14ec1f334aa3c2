/** The processes of a container, whether it has cgroups of its own or not. */
import { pids } from "../cgroup/members.ts";
import { SystemError } from "../error.ts";
import { entries, status } from "../sys/files.ts";
import { isAlive } from "./status.ts";
import type { Saved } from "./store.ts";

/**
 * The pids of a container's processes, as the host numbers them, in ascending order: those in its cgroups and below. A
 * container that an ordinary user could give no cgroup is in its creator's, with others: of such a one those that are in its
 * process-id namespace, or the first one alone where it has none of its own. 0 stands for those that are outside of this pid
 * namespace.
 *
 * @throws SystemError
 */
export function members({ record, process }: Saved): readonly number[] {
  const cgroups = new Map(Object.entries(record.cgroups));
  if (cgroups.size > 0) return pids(cgroups);
  if (process === undefined || !isAlive(process)) return [];
  return record.ownPidNamespace ? inNamespaceOf(process.pid) : [process.pid];
}

function inNamespaceOf(first: number): readonly number[] {
  const wanted = pidNamespace(first);
  const found = [first];
  if (wanted === undefined) return found;
  for (const { name } of entries("/proc")) {
    const pid = /^[0-9]+$/.test(name) ? Number(name) : first;
    if (pid !== first && pidNamespace(pid) === wanted) found.push(pid);
  }
  return found.sort((a, b) => a - b);
}

/** Which process-id namespace a process is in; `undefined` where it has ended or may not be looked at. */
function pidNamespace(pid: number): bigint | undefined {
  try {
    return status(`/proc/${pid}/ns/pid`)?.inode;
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}
