/** What a container is doing now, found out from its record and the kernel. */
import { type FreezerState, freezerState } from "../cgroup/freezer.ts";
import { readTextIfThere, status as statusOfPath } from "../sys/files.ts";
import { Socket } from "../sys/socket.ts";
import type { ProcessRecord } from "./record.ts";
import { isLocked, type Saved, startSocket } from "./store.ts";

/** runtime-spec runtime.md, State; `paused` is runc's addition. */
export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** The fields of /proc/PID/stat from the third, the state, on; none where there is no such process. */
function statOf(pid: number): readonly string[] {
  const text = readTextIfThere(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, so count from its end.
  return text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
}

/** The start time of a process (field 22), `undefined` when it has ended (a zombie has). */
export function startTimeOf(pid: number): string | undefined {
  const fields = statOf(pid);
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/** The wait status of a process that has ended and whose parent has not reaped it yet; `undefined` of any other. */
export function zombieStatus(process: ProcessRecord): number | undefined {
  const fields = statOf(process.pid);
  if (fields[0] !== "Z" || fields[19] !== process.startTime) return undefined;
  const status = Number(fields[49]); // field 52, exit_code
  // Whoever may not read it is told 0 (fs/proc/array.c, do_task_stat).
  return status !== 0 || mayReadOthers() ? status : undefined;
}

/** Whether this process has CAP_SYS_PTRACE, number 19. */
function mayReadOthers(): boolean {
  const mask = /^CapEff:\t([0-9a-f]+)$/m.exec(readTextIfThere("/proc/self/status") ?? "")?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & (1n << 19n)) !== 0n;
}

/** Whether this very process, and not a later one of the same pid, still lives. */
export function isAlive(process: ProcessRecord): boolean {
  return startTimeOf(process.pid) === process.startTime;
}

/**
 * The container's status.
 *
 * @param ours this process holds its lock
 * @param waits whether somebody listens for `start`, where the caller knows: asking takes a connection
 */
export function statusOf(saved: Saved, ours = false, waits?: boolean): Status {
  const { process, complete, dir, record } = saved;
  if (!complete) return !ours && isLocked(dir) ? "creating" : "stopped";
  if (process === undefined || !isAlive(process)) return "stopped";
  const freezer: FreezerState = freezerState(new Map(Object.entries(record.cgroups)));
  if (freezer === "frozen") return "paused";
  return (waits ?? isWaiting(dir)) ? "created" : "running";
}

/** Whether the first process still waits for `start`: its socket is there and somebody listens on it. */
function isWaiting(dir: string): boolean {
  const path = startSocket(dir);
  if (statusOfPath(path) === undefined) return false;
  const probe = Socket.connect(path);
  probe?.close();
  return probe !== undefined;
}
