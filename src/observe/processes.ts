/** The processes of a container, from the host's /proc (proc(5)): nothing of the container's image is asked or executed. */
import { SystemError } from "../error.ts";
import { members } from "../state/members.ts";
import { load } from "../state/store.ts";
import { text } from "../sys/bytes.ts";
import { readText, readTextIfThere } from "../sys/files.ts";
import { readStart } from "../sys/inspect.ts";
import { clock } from "../sys/process.ts";

/** A process as the host sees it. Its names come from the container: show them through `visible`. */
export interface ContainerProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  /** Effective user and group, as the host numbers them. */
  readonly uid: number;
  readonly gid: number;
  /** The name of its program, 15 bytes at most. */
  readonly comm: string;
  /** Its arguments, the first 64 KiB of them; none for one that has ended or has overwritten them. */
  readonly args: readonly string[];
  /** One letter: `R`, `S`, `D`, `Z`, `T`, ... */
  readonly state: string;
  readonly threads: number;
  readonly nice: number;
  /** Its terminal, such as `pts/3`; absent without one. */
  readonly tty?: string;
  /** Whether it is in the foreground of its terminal. */
  readonly foreground: boolean;
  /** Processor time used, in milliseconds, in steps of 10. */
  readonly cpuTime: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Bytes of memory in use, and of address space. */
  readonly rss: number;
  readonly vsize: number;
}

/** The arguments of a process that are shown. */
const ARGS_MAX = 64 * 1024;

/** Milliseconds of a clock tick: USER_HZ is 100 on every architecture that tsrun runs on. */
const TICK_MS = 10;

/**
 * The pids of a container's processes, as the host numbers them, in ascending order: also of those that were executed into it,
 * and of those in cgroups below its own. None when it has stopped. Processes outside of this pid namespace have none here.
 *
 * @throws StateError `not-found`, `damaged`; SystemError
 */
export function processIds(root: string, id: string): readonly number[] {
  return members(load(root, id)).filter((pid) => pid > 0);
}

/**
 * The processes of a container. One that ends meanwhile is left out.
 *
 * @throws StateError `not-found`, `damaged`; SystemError
 */
export function processes(root: string, id: string): readonly ContainerProcess[] {
  const found: ContainerProcess[] = [];
  const members = processIds(root, id);
  if (members.length === 0) return found;
  const boot = bootTime(readText("/proc/stat", 16 << 20));
  for (const pid of members) {
    const process = readProcess(pid, boot);
    if (process !== undefined) found.push(process);
  }
  return found;
}

function readProcess(pid: number, boot: number): ContainerProcess | undefined {
  try {
    const stat = readTextIfThere(`/proc/${pid}/stat`);
    const status = readTextIfThere(`/proc/${pid}/status`);
    if (stat === undefined || status === undefined) return undefined;
    return parseProcess(
      pid,
      stat,
      status,
      text(readStart(`/proc/${pid}/cmdline`, ARGS_MAX) ?? new Uint8Array()),
      boot,
    );
  } catch (error) {
    if (error instanceof SystemError) return undefined;
    throw error;
  }
}

/** /proc/stat's `btime` as milliseconds since 1970; without one, from the clocks. */
export function bootTime(stat: string): number {
  const seconds = /^btime ([0-9]+)$/m.exec(stat)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1000;
  return Number((clock("realtime") - clock("monotonic")) / 1_000_000n);
}

/** A process from the texts of its stat, status and cmdline; `undefined` where stat is not one. Pure. */
export function parseProcess(
  pid: number,
  stat: string,
  status: string,
  cmdline: string,
  boot: number,
): ContainerProcess | undefined {
  // The name in parentheses may hold anything, so the fields are counted from its end: state is field 3.
  const close = stat.lastIndexOf(")");
  const fields = stat
    .slice(close + 2)
    .trim()
    .split(" ");
  const state = fields[0];
  if (close < 0 || state === undefined || fields.length < 22) return undefined;
  const number = (field: number): number => Number(fields[field - 3] ?? 0);
  const tty = terminalName(number(7));
  return {
    pid,
    ppid: number(4),
    pgid: number(5),
    sid: number(6),
    uid: effectiveId(status, "Uid"),
    gid: effectiveId(status, "Gid"),
    comm: stat.slice(stat.indexOf("(") + 1, close),
    args: cmdline === "" ? [] : cmdline.replace(/\0+$/, "").split("\0"),
    state,
    threads: number(20),
    nice: number(19),
    ...(tty === undefined ? {} : { tty }),
    foreground: number(8) === number(5),
    cpuTime: (number(14) + number(15)) * TICK_MS,
    startedAt: boot + number(22) * TICK_MS,
    rss: kilobytes(status, "VmRSS"),
    vsize: number(23),
  };
}

/** `Uid:	real effective saved fs`. The name, on the first line, has its newlines escaped by the kernel. */
function effectiveId(status: string, name: "Uid" | "Gid"): number {
  return Number(new RegExp(`^${name}:\\t[0-9]+\\t([0-9]+)`, "m").exec(status)?.[1] ?? 0);
}

function kilobytes(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s*([0-9]+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
}

/** The terminal's name from its device number (field 7; kernel Documentation/admin-guide/devices.txt). */
export function terminalName(device: number): string | undefined {
  if (device === 0) return undefined;
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  if (major === 4) return minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`;
  if (major === 5 && minor === 1) return "console";
  if (major === 229) return `hvc${minor}`;
  return `${major}:${minor}`;
}
