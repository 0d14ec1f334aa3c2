/**
 * Whether the kernel killed for memory in a container's cgroup, and at which limit. Read after something died there, or to
 * be told of more (oom-watch.ts).
 */
import { append } from "../lists.ts";
import { readTextIfThere } from "../sys/files.ts";
import { subCgroups } from "./members.ts";
import type { CgroupPaths } from "./paths.ts";

/** What the kernel did for want of memory. */
export interface Oom {
  /** How many processes it killed since the cgroup was made. */
  readonly kills: number;
  /** In bytes; `undefined` where none is known to have been hit. */
  readonly limit: bigint | undefined;
  /**
   * Whose limit: the container's own for memory, or for memory and swap together (v1); that of a cgroup above it; or
   * `elsewhere`, which is the host's memory, or a limit inside the container.
   */
  readonly source: "memory" | "memory and swap" | "above" | "elsewhere";
  /** The cgroup folder whose limit it is; `undefined` for elsewhere. */
  readonly dir: string | undefined;
}

/** The folder that counts memory, and whether it is v1's. */
export function memoryDir(paths: CgroupPaths): { readonly dir: string; readonly v1: boolean } | undefined {
  const v1 = paths.get("memory");
  if (v1 !== undefined) return { dir: v1, v1: true };
  const unified = paths.get("");
  return unified === undefined ? undefined : { dir: unified, v1: false };
}

/**
 * How many processes were killed for memory so far; `undefined` where the cgroup is gone. v1 counts a kill in the cgroup of
 * the killed process only, so those below count too; v2 adds them up itself.
 * @throws SystemError
 */
export function oomKills({ dir, v1 }: { readonly dir: string; readonly v1: boolean }): number | undefined {
  if (!v1) return killsIn(readTextIfThere(`${dir}/memory.events`));
  const own = killsIn(readTextIfThere(`${dir}/memory.oom_control`));
  if (own === undefined) return undefined;
  let kills = own;
  const todo = subCgroups(dir);
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    kills += killsIn(readTextIfThere(`${next}/memory.oom_control`)) ?? 0;
    append(todo, subCgroups(next));
  }
  return kills;
}

/** The counter in memory.events or memory.oom_control; 0 where the kernel has none there (before 4.13). Pure. */
export function killsIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return Number(/^oom_kill ([0-9]+)$/m.exec(text)?.[1] ?? 0);
}

/** What happened, `undefined` where nothing was killed for memory. @throws SystemError */
export function oomOf(paths: CgroupPaths): Oom | undefined {
  const place = memoryDir(paths);
  const kills = place === undefined ? undefined : oomKills(place);
  if (place === undefined || kills === undefined || kills === 0) return undefined;
  for (let { dir } = place; dir !== ""; dir = dir.slice(0, dir.lastIndexOf("/"))) {
    const hit = hitAt(dir, place.v1);
    if (hit === "no memory") break;
    if (hit !== undefined) return { kills, dir, ...hit, ...(dir === place.dir ? {} : { source: "above" }) };
  }
  return { kills, source: "elsewhere", limit: undefined, dir: undefined };
}

/**
 * How near to its limit the use has been at least when the kernel killed for it: more than eight pages at once are never
 * worth a kill, and each processor holds back some (MEMCG_CHARGE_BATCH).
 */
const NEAR = 512n * 1024n;

/** Whether a limit of this very cgroup has been hit; a folder above the hierarchy has `no memory` files. */
function hitAt(dir: string, v1: boolean): Pick<Oom, "limit" | "source"> | "no memory" | undefined {
  const number = (file: string): bigint | undefined => limitIn(readTextIfThere(`${dir}/memory.${file}`));
  const reached = (limit: bigint | undefined, peak: string): boolean =>
    limit !== undefined && (number(peak) ?? 0n) + NEAR >= limit;
  if (v1) {
    // Told by the highest use: memory.failcnt stays 0 on recent kernels. Memory that went to swap has been near its own
    // limit too, so that of both counts first.
    if (readTextIfThere(`${dir}/memory.limit_in_bytes`) === undefined) return "no memory";
    const limit = number("limit_in_bytes");
    const both = number("memsw.limit_in_bytes");
    if (both !== limit && reached(both, "memsw.max_usage_in_bytes")) {
      return { limit: both, source: "memory and swap" };
    }
    return reached(limit, "max_usage_in_bytes") ? { limit, source: "memory" } : undefined;
  }
  const text = readTextIfThere(`${dir}/memory.max`);
  if (text === undefined) return "no memory";
  const limit = limitIn(text);
  if (limit === undefined) return undefined;
  // memory.events.local (5.2) counts the times that this very cgroup's limit could not be kept.
  const local = readTextIfThere(`${dir}/memory.events.local`);
  return local === undefined || /^oom [1-9]/m.test(local) ? { limit, source: "memory" } : undefined;
}

/** No limit reaches this: v1's word for none is 2^63 - 1 rounded down to a page. */
const NO_LIMIT = 1n << 62n;

/** A limit's file as bytes; `undefined` for none. Pure. */
export function limitIn(text: string | undefined): bigint | undefined {
  const word = text?.trim() ?? "";
  if (!/^[0-9]+$/.test(word)) return undefined;
  const bytes = BigInt(word);
  return bytes < NO_LIMIT ? bytes : undefined;
}

/** The smallest memory limit of a cgroup and those above it. @throws SystemError */
export function lowestLimit(
  from: string,
  v1: boolean,
): { readonly limit: bigint; readonly dir: string } | undefined {
  let lowest: { readonly limit: bigint; readonly dir: string } | undefined;
  for (let dir = from; dir !== ""; dir = dir.slice(0, dir.lastIndexOf("/"))) {
    const text = readTextIfThere(`${dir}/memory.${v1 ? "limit_in_bytes" : "max"}`);
    if (text === undefined) break;
    const limit = limitIn(text);
    if (limit !== undefined && (lowest === undefined || limit < lowest.limit)) lowest = { limit, dir };
  }
  return lowest;
}

/** `killed by the memory limit of N bytes`, and so on. Pure. */
export function oomText({ limit, source, dir }: Oom): string {
  switch (source) {
    case "memory":
    case "memory and swap":
      return `killed by the ${source} limit of ${limit} bytes`;
    case "above":
      return `killed by the memory limit of ${limit} bytes of ${dir}, a cgroup above the container's`;
    case "elsewhere":
      return "killed by the kernel for want of memory";
    default:
      return source satisfies never;
  }
}

/** What the reader can do about it: one clause. Pure. */
export function oomHint({ source }: Oom): string {
  switch (source) {
    case "memory":
    case "memory and swap":
      return "raise the limit: setting a container up takes about 300 KiB, and its program more";
    case "above":
      return "the limit is that of a cgroup above the container's: raise that one";
    case "elsewhere":
      return "no limit of its cgroup or of those above was reached: the host ran out of memory, or a cgroup inside has a limit";
    default:
      return source satisfies never;
  }
}

/** The words for an OOM kill with the limit's value, `undefined` where there was none. @throws SystemError */
export function oomReport(paths: CgroupPaths): string | undefined {
  const oom = oomOf(paths);
  return oom === undefined ? undefined : oomText(oom);
}
