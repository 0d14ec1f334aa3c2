/**
 * What a cgroup file says after a write, against what was written: to put a value back that an update has changed, and to
 * see that the kernel holds what was asked for. Pure.
 */
import { ranges } from "./lists.ts";

/** Above this, a number of bytes is no limit: v1 shows the largest number of whole pages. */
const UNLIMITED = 1n << 62n;

/** Sizes of pages that Linux has; which one is not told by any file that costs little to read. */
const PAGES = [4096n, 16384n, 65536n];

/** Files with lines for one device or interface each, and what stands for a line that is not there. */
function absentValue(file: string): string {
  if (file.startsWith("blkio.throttle.") || file === "net_prio.ifpriomap") return "0";
  return "default";
}

/** Whether a write to the file changes one line of it, named by the first word. */
function isKeyed(file: string, value: string): boolean {
  return /^[0-9]+:[0-9]+ /.test(value) || file === "rdma.max" || file === "net_prio.ifpriomap";
}

/**
 * Which part of the file a write changes: of two writes with the same slot the later one counts.
 */
export function slotOf(file: string, value: string): string {
  if (!isKeyed(file, value)) return file;
  const [key = "", ...rest] = value.split(" ");
  return [file, key, ...rest.filter((word) => word.includes("=")).map((word) => word.split("=")[0])].join(
    " ",
  );
}

/**
 * What a file's `text` holds where `value` would go, in the form in which it can be written to put it back.
 */
export function heldValue(file: string, value: string, text: string): string {
  if (file === "memory.oom_control") return /^oom_kill_disable ([01])/m.exec(text)?.[1] ?? "0";
  if (isKeyed(file, value)) return heldLine(file, value, text);
  // io.weight and io.bfq.weight: "default 100", then a line for each device.
  if (/^io\..*weight$/.test(file)) return /^(?:default )?([0-9]+)/m.exec(text)?.[1] ?? "100";
  const held = text.trim();
  // An empty write would not reach the kernel; a list of cpus is emptied by a newline.
  return held === "" ? "\n" : held;
}

function heldLine(file: string, value: string, text: string): string {
  const [key = "", ...rest] = value.split(" ");
  const line = text.split("\n").find((each) => each.startsWith(`${key} `));
  const words = line?.split(" ").slice(1) ?? [];
  if (!rest.some((word) => word.includes("="))) return `${key} ${words[0] ?? absentValue(file)}`;
  const held = rest.map((word) => {
    const name = word.slice(0, word.indexOf("=") + 1);
    return words.find((each) => each.startsWith(name)) ?? `${name}max`;
  });
  return [key, ...held].join(" ");
}

/**
 * Whether `held`, from {@link heldValue} after the write, is what `value` asked for: sizes come back in whole pages, lists
 * of cpus in the kernel's notation. What the kernel has accepted in a notation not known here is taken to be right.
 */
export function agrees(file: string, value: string, held: string): boolean {
  if (held === value) return true;
  if (file === "cpu.max") return sameStart(value, held);
  if (file === "cpuset.cpus" || file === "cpuset.mems") return normalised(value) === normalised(held);
  if (file.startsWith("memory.") || file.startsWith("hugetlb.")) return sameAmount(file, value, held);
  if (isKeyed(file, value)) {
    const [wanted, got] = [value.split(" "), held.split(" ")];
    return wanted.every((word, i) => sameWord(word, got[i] ?? ""));
  }
  if (file === "cpu.weight.nice") return true;
  return !(isCount(value) && isCount(held));
}

function isCount(text: string): boolean {
  return text === "max" || /^-?[0-9]+$/.test(text);
}

/** `max 100000` for `max`: a quota alone keeps the period. */
function sameStart(value: string, held: string): boolean {
  const got = held.split(" ");
  return value.split(" ").every((word, i) => word === got[i]);
}

/** Operations a second are kept in 32 bits: anything above is no limit. */
function sameWord(wanted: string, got: string): boolean {
  if (wanted === got) return true;
  const [, name = "", rate = ""] = /^([rw]iops=)([0-9]+)$/.exec(wanted) ?? [];
  return rate !== "" && BigInt(rate) >= 0xffffffffn && got === `${name}max`;
}

function sameAmount(file: string, value: string, held: string): boolean {
  const wanted = bytes(value);
  const got = bytes(held);
  if (wanted === undefined || got === undefined) return !(isCount(value) && isCount(held));
  if (wanted >= UNLIMITED) return got >= UNLIMITED;
  const huge = bytes(/^hugetlb\.([0-9]+[KMG])B\./.exec(file)?.[1] ?? "");
  return (
    got === wanted || (huge === undefined ? PAGES : [huge]).some((page) => got === wanted - (wanted % page))
  );
}

/** A number of bytes as the kernel reads it (lib/cmdline.c, memparse): `-1`, `max`, `30M`; `undefined` for others. */
function bytes(text: string): bigint | undefined {
  if (text === "max" || text === "-1") return UNLIMITED;
  const [, digits, letter = ""] = /^([0-9]+)([KMGTPE]?)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const power = letter === "" ? 0 : "KMGTPE".indexOf(letter.toUpperCase()) + 1;
  return BigInt(digits) << BigInt(10 * power);
}

/** `0-3,7` for `7,0,1-3`. */
function normalised(list: string): string {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges(list)].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}
