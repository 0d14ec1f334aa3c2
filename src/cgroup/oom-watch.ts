/**
 * Being told of OOM kills as they happen: an eventfd registered for memory.oom_control on v1 (kernel
 * Documentation/admin-guide/cgroup-v1/memory.rst, "OOM Control"), inotify on memory.events on v2.
 */
import { O } from "../sys/constants.gen.ts";
import { Handle, perform, readTextIfThere, status } from "../sys/files.ts";
import { changesOf, drain, eventfd } from "../sys/watch.ts";
import { memoryDir, oomKills } from "./oom.ts";
import type { CgroupPaths } from "./paths.ts";

/** How long after v1's notification, which precedes the kill, the counter is looked at again, in milliseconds. */
const AGAIN_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] as const;

/** Counts a container's OOM kills from now on. */
export class OomWatch {
  readonly #place: { readonly dir: string; readonly v1: boolean } | undefined;
  readonly #handle: Handle | undefined;
  #seen: number;
  /** How often the counter was looked at in vain since a notification; `undefined` when none is open. */
  #looks: number | undefined;

  /** @throws SystemError */
  constructor(paths: CgroupPaths) {
    this.#place = memoryDir(paths);
    this.#handle = this.#place === undefined ? undefined : notifier(this.#place);
    // Counted after the notification is in place: what happens in between is noticed by one or the other.
    this.#seen = (this.#place === undefined ? undefined : oomKills(this.#place)) ?? 0;
  }

  /** What becomes readable when there may be news; none where the host does not count memory. */
  get fds(): readonly number[] {
    return this.#handle === undefined ? [] : [this.#handle.fd];
  }

  /** In how many milliseconds at the latest {@link take} should be called, without news: `Infinity` for never. */
  get patience(): number {
    return this.#looks === undefined ? Number.POSITIVE_INFINITY : (AGAIN_MS[this.#looks] ?? 1000);
  }

  /** How many processes were killed for memory since the last call. @throws SystemError */
  take(): number {
    if (this.#place === undefined) return 0;
    const notified = this.#handle !== undefined && drain(this.#handle.fd) > 0;
    const kills = oomKills(this.#place);
    if (kills === undefined) return this.#gone();
    const more = Math.max(0, kills - this.#seen);
    this.#seen = Math.max(kills, this.#seen);
    if (more > 0) this.#looks = undefined;
    else if (notified && this.#place.v1) {
      if (isStuck(this.#place.dir)) return 1;
      this.#looks = 0;
    } else if (this.#looks !== undefined) {
      this.#looks = this.#looks + 1 < AGAIN_MS.length ? this.#looks + 1 : undefined;
    }
    return more;
  }

  /** The removal of a v1 cgroup notifies too; a notification from before means that the kill was not seen in time. */
  #gone(): number {
    const missed = this.#looks === undefined ? 0 : 1;
    this.#looks = undefined;
    return missed;
  }

  close(): void {
    this.#handle?.close();
  }
}

/** With the OOM killer disabled, the processes stand still instead: that is what runc reports then. */
function isStuck(dir: string): boolean {
  const text = readTextIfThere(`${dir}/memory.oom_control`) ?? "";
  return /^oom_kill_disable 1$/m.test(text) && /^under_oom 1$/m.test(text);
}

function notifier({ dir, v1 }: { readonly dir: string; readonly v1: boolean }): Handle | undefined {
  if (!v1) return changesOf(`${dir}/memory.events`);
  if (status(`${dir}/cgroup.event_control`) === undefined) return undefined;
  const counter = eventfd();
  const control = Handle.open(`${dir}/memory.oom_control`, O.RDONLY);
  const failure = perform([
    { do: "write", path: `${dir}/cgroup.event_control`, text: `${counter.fd} ${control.fd}` },
  ]);
  control.close();
  if (failure === undefined) return counter;
  // A kernel that does not have it (PREEMPT_RT): the counter is still looked at now and then.
  counter.close();
  return undefined;
}
