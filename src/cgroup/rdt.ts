/**
 * Intel RDT: a container's class of service and monitoring group in the resctrl filesystem (config-linux.md, IntelRdt; the
 * kernel's filesystems/resctrl.rst). What is to be done is planned before any of it is done.
 */
import type { IntelRdt } from "../bundle/types.ts";
import { BundleError, type Pointer, SystemError } from "../error.ts";
import { type FileAction, kindOf, perform, readText, readTextIfThere } from "../sys/files.ts";
import { differingLine, schemataLines } from "./rdt-schemata.ts";

/** The groups that a container is in; kept with its state. */
export interface RdtGroups {
  /** Where resctrl is mounted. */
  readonly root: string;
  /** The class's folder. */
  readonly dir: string;
  /** Whether it was made for this container alone: then it goes with it. */
  readonly own: boolean;
  /** Its monitoring group's folder, which always goes with it. */
  readonly monitor?: string;
}

/** What creating a container does in resctrl. */
export interface RdtSetup {
  readonly groups: RdtGroups;
  readonly steps: readonly RdtStep[];
}

/** One change, and the part of config.json that asks for it. */
export interface RdtStep {
  readonly action: FileAction & { readonly do: "mkdir" | "write" };
  readonly pointer: Pointer;
}

/** How to get a resctrl filesystem. */
export const MOUNT_RESCTRL =
  "mount -t resctrl resctrl /sys/fs/resctrl, where processor and kernel have it (CONFIG_X86_CPU_RESCTRL)";

const AT = "/linux/intelRdt";
const MOUNTINFO_MAX = 64 << 20;

/** Where resctrl is mounted, by the text of /proc/self/mountinfo; `undefined` where it is not. Pure. */
export function resctrlIn(mountinfo: string): string | undefined {
  const line = mountinfo.split("\n").find((each) => each.includes(" - resctrl "));
  return line?.split(" ", 5)[4];
}

/** Where this host's resctrl is mounted. @throws SystemError */
export function findResctrl(): string | undefined {
  return resctrlIn(readText("/proc/self/mountinfo", MOUNTINFO_MAX));
}

/**
 * Plans a container's groups; `root` is where resctrl is mounted.
 *
 * @throws BundleError `unsupported` without resctrl; `missing` for a class that must be there; `conflict` for one that must not,
 *   or is not as config.json says; SystemError
 */
export function planRdt(rdt: IntelRdt, id: string, root: string | undefined): RdtSetup {
  if (root === undefined) {
    throw new BundleError(
      "unsupported",
      AT,
      "intelRdt is specified in config, but Intel RDT is not enabled: no resctrl filesystem is mounted",
      MOUNT_RESCTRL,
    );
  }
  const { closID } = rdt;
  const dir = closID === "/" ? root : `${root}/${closID ?? id}`;
  const own = closID === undefined;
  if (own) refuseThere(dir, AT);
  const steps = [...classSteps(rdt, dir)];
  if (!rdt.enableMonitoring) return { groups: { root, dir, own }, steps };
  const monitor = `${dir}/mon_groups/${id}`;
  refuseThere(monitor, `${AT}/enableMonitoring`);
  steps.push({ action: { do: "mkdir", path: monitor, mode: 0o755 }, pointer: `${AT}/enableMonitoring` });
  return { groups: { root, dir, own, monitor }, steps };
}

/** Deleting the container will remove it: so it must not be somebody else's. */
function refuseThere(dir: string, pointer: Pointer): void {
  if (kindOf(dir) === "missing") return;
  const sentence = `the group ${dir}, named as the container, exists already`;
  throw new BundleError("conflict", pointer, sentence, "remove it, or name a class of service with closID");
}

function classSteps(rdt: IntelRdt, dir: string): readonly RdtStep[] {
  const { schemata } = rdt;
  const lines = schemataLines(rdt);
  const steps: RdtStep[] = [];
  const found = readTextIfThere(`${dir}/schemata`);
  if (found === undefined) {
    if (rdt.closID !== undefined && lines.length === 0 && schemata.length === 0) throw absentClass(dir);
    const pointer = rdt.closID === undefined ? AT : `${AT}/closID`;
    steps.push({ action: { do: "mkdir", path: dir, mode: 0o755 }, pointer });
    if (lines.length > 0) steps.push(write(dir, lines, schemaPointer(rdt)));
  } else {
    const differing = differingLine(lines, found);
    if (differing !== undefined) throw differentClass(rdt, dir, differing);
  }
  // By a write of their own: within one the kernel refuses to be told twice about the same resource.
  if (schemata.length > 0) steps.push(write(dir, schemata, `${AT}/schemata`));
  return steps;
}

function write(dir: string, lines: readonly string[], pointer: Pointer): RdtStep {
  return { action: { do: "write", path: `${dir}/schemata`, text: `${lines.join("\n")}\n` }, pointer };
}

function schemaPointer({ l3CacheSchema }: IntelRdt): Pointer {
  return `${AT}/${l3CacheSchema === undefined ? "memBwSchema" : "l3CacheSchema"}`;
}

function absentClass(dir: string): BundleError {
  return new BundleError(
    "missing",
    `${AT}/closID`,
    `the class of service ${dir} does not exist, and there is nothing to make it with`,
    "make it before, or give l3CacheSchema, memBwSchema or schemata",
  );
}

function differentClass(rdt: IntelRdt, dir: string, line: string): BundleError {
  const field = line.startsWith("MB:") && rdt.memBwSchema !== undefined ? "memBwSchema" : "l3CacheSchema";
  return new BundleError(
    "conflict",
    `${AT}/${field}`,
    `the class of service ${dir} exists, and its schemata differ from ${JSON.stringify(line)}`,
    "name another class, or leave the schemas out to take this one as it is",
  );
}

/** Makes the groups. @throws SystemError */
export function makeRdt({ groups, steps }: RdtSetup): void {
  for (const { action, pointer } of steps) {
    const failure = perform([action]);
    if (failure === undefined) continue;
    throw refusal(groups, failure, action.path, action.do === "mkdir" ? "make" : "write", pointer);
  }
}

/** Puts a process, and with it what it starts, into the container's groups. @throws SystemError */
export function joinRdt(groups: RdtGroups, pid: number): void {
  const { dir, monitor } = groups;
  for (const group of monitor === undefined ? [dir] : [dir, monitor]) {
    const path = `${group}/tasks`;
    const failure = perform([{ do: "write", path, text: String(pid) }]);
    if (failure !== undefined) throw refusal(groups, failure, path, "write", AT);
  }
}

/** Takes away what was made for the container alone; can be repeated. @throws SystemError */
export function removeRdt({ dir, own, monitor }: RdtGroups): void {
  for (const path of [...(monitor === undefined ? [] : [monitor]), ...(own ? [dir] : [])]) {
    const failure = perform([{ do: "rmdir", path, ifThere: true }]);
    if (failure !== undefined) throw new SystemError(failure.syscall, failure.errno, path);
  }
}

/**
 * Changes a class's schemata; answers what puts the old ones back.
 * @throws SystemError; then nothing is changed
 */
export function changeRdt(groups: RdtGroups, lines: readonly string[]): () => void {
  const path = `${groups.dir}/schemata`;
  const before = readText(path);
  const set = (text: string): void => {
    const failure = perform([{ do: "write", path, text }]);
    if (failure !== undefined) throw refusal(groups, failure, path, "write", undefined);
  };
  set(`${lines.join("\n")}\n`);
  return () => set(before);
}

/** The kernel says in a file of its own what was wrong with the last command (resctrl.rst, info/last_cmd_status). */
function refusal(
  { root }: RdtGroups,
  failure: { readonly syscall: string; readonly errno: string },
  path: string,
  doing: "make" | "write",
  pointer: Pointer | undefined,
): SystemError {
  const said = (readTextIfThere(`${root}/info/last_cmd_status`) ?? "").trim().replaceAll("\n", "; ");
  const words = said === "" || said === "ok" ? "" : ` (${said})`;
  return new SystemError(failure.syscall, failure.errno, path, {
    doing: `${doing} ${path} of Intel RDT${words}`,
    pointer,
    hint: HINTS[failure.errno],
  });
}

const HINTS: { readonly [errno: string]: string } = {
  ENOSPC: "the processor has no further class or monitoring group: remove one below the resctrl filesystem",
  EEXIST: "something else made this group: remove it, or name it with closID",
  EINVAL: "info below the resctrl filesystem tells what the processor can do",
};
