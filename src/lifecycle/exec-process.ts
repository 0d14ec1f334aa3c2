/** What `exec` is to run: the container's own process with changes, or one described in JSON. */
import { parseProcess } from "../bundle/parse.ts";
import { known } from "../bundle/shapes.ts";
import { didYouMean } from "../bundle/suggest.ts";
import type { Bundle, Process, Warning } from "../bundle/types.ts";
import { CAPABILITIES, type CapabilityName } from "../bundle/vocabulary.ts";
import { SystemError, TsrunError, UsageError } from "../error.ts";
import { perform } from "../sys/files.ts";

/** What differs from the container's own process. */
export interface ProcessChanges {
  /** The program and its arguments. */
  readonly args?: readonly string[];
  /** A process object (config.md, process) as JSON text, instead of `args`, and what to call that text in errors. */
  readonly process?: { readonly text: string; readonly name: string };
  readonly cwd?: string;
  /** `NAME=value` entries that are added. */
  readonly env?: readonly string[];
  /** `uid` or `uid:gid`, in digits: names are nobody's business but the image's. */
  readonly user?: string;
  readonly additionalGids?: readonly string[];
  /** Capabilities that are added, as `CAP_...`. */
  readonly caps?: readonly string[];
  readonly noNewPrivs?: boolean;
  readonly tty?: boolean;
  /** Its SELinux label instead of the container's. */
  readonly processLabel?: string | undefined;
  /** Its AppArmor profile instead of the container's. */
  readonly apparmor?: string | undefined;
}

/** (uid_t)-1 means "leave it" to the kernel's calls, so it is nobody's id. */
const ID_MAX = 0xfffffffe;

/**
 * The process that is asked for.
 *
 * @throws BundleError for what is wrong in the JSON text; UsageError for the rest
 */
export function execProcess(
  bundle: Bundle,
  changes: ProcessChanges,
  warn: (warning: Warning) => void,
): Process {
  if (changes.process !== undefined) return described(bundle.process, changes, changes.process, warn);
  const own = bundle.process;
  if (changes.args === undefined || changes.args.length === 0) {
    throw new UsageError("process args cannot be empty", {
      hint: "name the program after the container's id, or a file with --process",
    });
  }
  if (own === undefined) {
    throw new UsageError("the container's config.json has no process to take the rest from", {
      hint: "describe the whole process in a file, and name that with --process",
    });
  }
  return {
    ...own,
    terminal: changes.tty ?? false,
    args: changes.args,
    env: [...own.env, ...checkedEnv(changes.env ?? [])],
    cwd: checkedCwd(changes.cwd ?? own.cwd),
    user: {
      ...own.user,
      ...(changes.user === undefined ? {} : parseUser(changes.user)),
      additionalGids: [
        ...own.user.additionalGids,
        ...(changes.additionalGids ?? []).map((gid) => parseNumber(gid, "--additional-gids", gid)),
      ],
    },
    capabilities: withCaps(own, changes.caps ?? []),
    noNewPrivileges: changes.noNewPrivs ?? own.noNewPrivileges,
    selinuxLabel: changes.processLabel || own.selinuxLabel,
    apparmorProfile: changes.apparmor || own.apparmorProfile,
  };
}

/** What the JSON leaves out is the container's, as runc has it. */
function described(
  own: Process | undefined,
  changes: ProcessChanges,
  { text, name }: { readonly text: string; readonly name: string },
  warn: (warning: Warning) => void,
): Process {
  try {
    const { process, warnings, has } = parseProcess(text);
    for (const warning of warnings) warn(warning);
    const terminal = process.terminal || (changes.tty ?? false);
    if (own === undefined) return { ...process, terminal };
    return {
      ...process,
      terminal,
      capabilities: has("capabilities") ? process.capabilities : own.capabilities,
      rlimits: process.rlimits.length > 0 ? process.rlimits : own.rlimits,
      oomScoreAdj: process.oomScoreAdj ?? own.oomScoreAdj,
      scheduler: process.scheduler ?? own.scheduler,
      ioPriority: process.ioPriority ?? own.ioPriority,
      execCPUAffinity: process.execCPUAffinity ?? own.execCPUAffinity,
      apparmorProfile: process.apparmorProfile ?? own.apparmorProfile,
      selinuxLabel: process.selinuxLabel ?? own.selinuxLabel,
    };
  } catch (error) {
    if (error instanceof TsrunError) error.document = name;
    throw error;
  }
}

function checkedEnv(entries: readonly string[]): readonly string[] {
  for (const entry of entries) {
    if (entry.indexOf("=") > 0) continue;
    throw new UsageError(`invalid environment variable: ${JSON.stringify(entry)}`, {
      hint: "write NAME=value",
    });
  }
  return entries;
}

function checkedCwd(cwd: string): string {
  if (cwd.startsWith("/")) return cwd;
  throw new UsageError(`Cwd must be an absolute path, not ${JSON.stringify(cwd)}`, {
    hint: 'start --cwd with "/"',
  });
}

/** Digits only: a name, a sign, a blank or a number beyond 32 bits must never end up as somebody else's id (CVE-2026-30892). */
function parseUser(text: string): { readonly uid: number; readonly gid?: number } {
  const [uid = "", gid, ...rest] = text.split(":");
  if (rest.length > 0) throw badId(text, "--user", text);
  const user = { uid: parseNumber(uid, "--user", text) };
  return gid === undefined ? user : { ...user, gid: parseNumber(gid, "--user", text) };
}

function parseNumber(digits: string, option: string, whole: string): number {
  if (!/^[0-9]{1,10}$/.test(digits) || Number(digits) > ID_MAX) throw badId(digits, option, whole);
  return Number(digits);
}

function badId(part: string, option: string, whole: string): UsageError {
  const sentence = `invalid value ${JSON.stringify(whole)} for ${option}: ${JSON.stringify(part)} is no id`;
  const form = option === "--user" ? "it takes UID or UID:GID" : "it takes a group's id";
  return new UsageError(sentence, { hint: `${form} in digits, up to ${ID_MAX}` });
}

/**
 * Added to what the process may have and has. Never to the inheritable set, by which a program that is not root's would
 * get them through a file's (CVE-2022-29162); to the ambient set only where the container uses one.
 */
function withCaps(own: Process, added: readonly string[]): Process["capabilities"] {
  if (added.length === 0) return own.capabilities;
  const caps = added.map(parseCap);
  const { bounding, effective, permitted, inheritable, ambient } = own.capabilities;
  return {
    bounding: union(bounding, caps),
    effective: union(effective, caps),
    permitted: union(permitted, caps),
    inheritable,
    ambient: ambient.length === 0 ? ambient : union(ambient, caps),
  };
}

function parseCap(text: string): CapabilityName {
  const found = known(text, CAPABILITIES);
  if (found !== undefined) return found;
  const hint = didYouMean(text, CAPABILITIES) ?? "capabilities(7) lists them: CAP_SYS_ADMIN, for one";
  throw new UsageError(`unknown capability ${JSON.stringify(text)} for --cap`, { hint });
}

function union(a: readonly CapabilityName[], b: readonly CapabilityName[]): readonly CapabilityName[] {
  return [...new Set([...a, ...b])];
}

/** From here, since inside it would take a procfs: exec mounts nothing. @throws SystemError */
export function setOomScoreAdj(pid: number, value: number | undefined): void {
  if (value === undefined) return;
  const path = `/proc/${pid}/oom_score_adj`;
  const failure = perform([{ do: "write", path, text: String(value) }]);
  if (failure === undefined) return;
  throw new SystemError(failure.syscall, failure.errno, path, {
    doing: `set oom_score_adj to ${value}`,
    pointer: "/process/oomScoreAdj",
  });
}
