/**
 * Whether what criu has restored is confined as config.json says, before it runs. An image says by itself which namespaces,
 * capabilities and filters its processes have, and may come from anybody.
 */
import type { Bundle } from "../../bundle/types.ts";
import { CAPABILITIES, NAMESPACES } from "../../bundle/vocabulary.ts";
import { LaunchError, type Pointer, SystemError } from "../../error.ts";
import { pointerTo } from "../../plan/draft.ts";
import { mapText } from "../../spawn/idmaps.ts";
import { entries, readTextIfThere, status } from "../../sys/files.ts";
import { looseLabel, type WantedProfile } from "./labels.ts";

/** What is looked at of a process. */
export interface Confined {
  /** The inode of each namespace, by its name in /proc/PID/ns. */
  readonly namespaces: { readonly [file: string]: bigint | undefined };
  /** /proc/PID/status of each of its threads. */
  readonly threads: readonly string[];
  /** The label of each thread: an AppArmor profile and its mode, or `unconfined`. */
  readonly labels: readonly string[];
  readonly uidMap: string;
  readonly gidMap: string;
}

const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] as const;

/** @throws LaunchError `criu` with the place in config.json that is not kept to */
export function checkConfinement(
  bundle: Bundle,
  profile: WantedProfile | undefined,
  pid: number,
  others: readonly number[],
): void {
  const host = look("self");
  const joined = bundle.linux.namespaces.map(({ path }) =>
    path === undefined ? undefined : status(path)?.inode,
  );
  const first = look(pid);
  const looser = [looseness(bundle, first, host, joined), looselyLabelled(profile, first)];
  for (const other of others) {
    const found = look(other);
    // What is root of a namespace that the container made is none outside of it, and may hold everything there.
    if (found.namespaces["user"] === first.namespaces["user"]) looser.push(looseThread(bundle, found));
    looser.push(looselyLabelled(profile, found));
  }
  for (const what of looser) {
    if (what === undefined) continue;
    throw new LaunchError(
      "criu",
      `the checkpoint's processes are not confined as config.json says: ${what.text}`,
      {
        pointer: what.pointer,
        hint:
          what.pointer === undefined
            ? "leave --lsm-profile out"
            : "restore it with the config.json it was created from; an image that was changed must not run",
      },
    );
  }
}

/**
 * Whether config.json wants a bit that criu (up to 3.17 at least) does not restore. Nobody else can set it, so that this is
 * something to be told, and no reason to refuse every such container.
 */
export function losesNoNewPrivileges({ process }: Bundle, pid: number): boolean {
  return (
    process?.noNewPrivileges === true && look(pid).threads.some((thread) => /^NoNewPrivs:\s*0$/m.test(thread))
  );
}

function look(pid: number | "self"): Confined {
  const namespaces: Record<string, bigint | undefined> = {};
  for (const file of Object.values(NAMESPACES)) namespaces[file] = status(`/proc/${pid}/ns/${file}`)?.inode;
  const tasks = entries(`/proc/${pid}/task`).map(({ name }) => `/proc/${pid}/task/${name}`);
  const threads = tasks.map((task) => readTextIfThere(`${task}/status`) ?? "");
  const labels = tasks.map(labelOf);
  const uidMap = readTextIfThere(`/proc/${pid}/uid_map`) ?? "";
  return { namespaces, threads, labels, uidMap, gidMap: readTextIfThere(`/proc/${pid}/gid_map`) ?? "" };
}

/** AppArmor's own file is there since Linux 5.8; the other one is that of the first of several security modules. */
function labelOf(task: string): string {
  for (const file of ["apparmor/current", "current"]) {
    try {
      const label = readTextIfThere(`${task}/attr/${file}`);
      if (label !== undefined) return label;
    } catch (error) {
      // EINVAL: the module is there, and not in use.
      if (!(error instanceof SystemError)) throw error;
    }
  }
  return "";
}

/** What is looser than it may be, and the place that says so. */
interface Looseness {
  readonly text: string;
  readonly pointer: Pointer | undefined;
}

function looselyLabelled(profile: WantedProfile | undefined, { labels }: Confined): Looseness | undefined {
  for (const label of labels) {
    const text = looseLabel(profile, label);
    if (text !== undefined) return { text, pointer: profile?.pointer };
  }
  return undefined;
}

/** Where the first process is looser than config.json has it. Pure. */
export function looseness(
  bundle: Bundle,
  first: Confined,
  host: Confined,
  joined: readonly (bigint | undefined)[],
): Looseness | undefined {
  const { namespaces, uidMappings, gidMappings } = bundle.linux;
  for (const [index, { type, path }] of namespaces.entries()) {
    const file = NAMESPACES[type];
    const its = first.namespaces[file];
    const wrong = path === undefined ? its === host.namespaces[file] : its !== joined[index];
    if (its === undefined || wrong) {
      const text = `their ${type} namespace is ${path === undefined ? "tsrun's own" : "another than the one of its path"}`;
      return { text, pointer: pointerTo("linux", "namespaces", index) };
    }
  }
  if (namespaces.some(({ type, path }) => type === "user" && path === undefined)) {
    const same = (map: string, wanted: string): boolean =>
      map.replace(/[ \t]+/g, " ").replace(/^ /gm, "") === wanted;
    if (!same(first.uidMap, mapText(uidMappings)))
      return { text: "their user ids are mapped otherwise", pointer: "/linux/uidMappings" };
    if (!same(first.gidMap, mapText(gidMappings)))
      return { text: "their group ids are mapped otherwise", pointer: "/linux/gidMappings" };
  }
  return looseThread(bundle, first);
}

function looseThread({ process, linux }: Bundle, { threads }: Confined): Looseness | undefined {
  if (process === undefined) return undefined;
  let allowed = 0n;
  for (const set of Object.values(process.capabilities)) {
    for (const name of set) allowed |= 1n << BigInt(CAPABILITIES.indexOf(name));
  }
  for (const thread of threads) {
    const field = (name: string): string => new RegExp(`^${name}:\\s*(\\S+)$`, "m").exec(thread)?.[1] ?? "";
    for (const set of SETS) {
      const more = BigInt(`0x${field(set) || "0"}`) & ~allowed;
      if (more === 0n) continue;
      const name = CAPABILITIES.find((_, bit) => (more >> BigInt(bit)) & 1n) ?? "a capability";
      return { text: `one has ${name} (${set})`, pointer: "/process/capabilities" };
    }
    if (linux.seccomp !== undefined && field("Seccomp") === "0") {
      return { text: "one has no filter of system calls", pointer: "/linux/seccomp" };
    }
  }
  return undefined;
}
