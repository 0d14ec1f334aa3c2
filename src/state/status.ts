/** What a container is doing now, found out from its record and the kernel. */
import { type FreezerState, freezerState } from "../cgroup/freezer.ts";
import { readTextIfThere, status as statusOfPath } from "../sys/files.ts";
import { Socket } from "../sys/socket.ts";
import type { ProcessRecord } from "./record.ts";
import { isLocked, type Saved, startSocket } from "./store.ts";

/** runtime-spec runtime.md, State; `paused` is runc's addition. */
export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** The start time of a process, `undefined` when it has ended (a zombie has). */
export function startTimeOf(pid: number): string | undefined {
  const text = readTextIfThere(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, so count from its end: state is field 3, the start time field 22.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const state = fields?.[0];
  return state === undefined || state === "Z" || state === "X" ? undefined : fields?.[19];
}

/** Whether this very process, and not a later one of the same pid, still lives. */
export function isAlive(process: ProcessRecord): boolean {
  return startTimeOf(process.pid) === process.startTime;
}

/** The container's status; `ours` says that this process holds its lock. */
export function statusOf(saved: Saved, ours = false): Status {
  const { process, complete, dir, record } = saved;
  if (!complete) return !ours && isLocked(dir) ? "creating" : "stopped";
  if (process === undefined || !isAlive(process)) return "stopped";
  const freezer: FreezerState = freezerState(new Map(Object.entries(record.cgroups)));
  if (freezer === "frozen") return "paused";
  return isWaiting(dir) ? "created" : "running";
}

/** Whether the first process still waits for `start`: its socket is there and somebody listens on it. */
function isWaiting(dir: string): boolean {
  const path = startSocket(dir);
  if (statusOfPath(path) === undefined) return false;
  const probe = Socket.connect(path);
  probe?.close();
  return probe !== undefined;
}
