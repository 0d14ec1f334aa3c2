/**
 * Which cgroup hierarchies this host has, from /proc/self/mountinfo and /proc/self/cgroup. Read in every `create`, so
 * the parser walks each text once and looks closely only at the lines that speak of cgroups.
 */
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { readText, readTextIfThere } from "../sys/files.ts";

/** Where hierarchies are mounted by convention (hier(7) has nothing; systemd and runc agree on it). */
const CGROUP_ROOT = "/sys/fs/cgroup";

/** A host with very many mounts has a mountinfo of some megabytes. */
const MOUNTINFO_MAX = 64 << 20;

/**
 * Reads the host's cgroup hierarchies.
 * @throws SystemError when /proc is not readable
 */
export function readCgroupFacts(): CgroupFacts {
  // A kernel without cgroups has no /proc/self/cgroup.
  return parseCgroupFacts(
    readText("/proc/self/mountinfo", MOUNTINFO_MAX),
    readTextIfThere("/proc/self/cgroup") ?? "",
  );
}

/** tsrun's own cgroups, as /proc/self/cgroup lists them (cgroups(7)). */
interface OwnCgroups {
  /** By controller name, or `name=...` for a named hierarchy. */
  readonly v1: ReadonlyMap<string, { readonly controllers: readonly string[]; readonly path: string }>;
  readonly unified: string | undefined;
}

/**
 * The hierarchies that mountinfo (proc_pid_mountinfo(5)) shows, each with tsrun's own cgroup in it. A hierarchy that is
 * mounted several times is listed once, preferably below /sys/fs/cgroup. Pure.
 */
export function parseCgroupFacts(mountinfo: string, selfCgroup: string): CgroupFacts {
  const own = parseSelfCgroup(selfCgroup);
  const found = new Map<string, Hierarchy>();
  for (let start = 0; start < mountinfo.length; ) {
    const newline = mountinfo.indexOf("\n", start);
    const end = newline < 0 ? mountinfo.length : newline;
    const line = mountinfo.slice(start, end);
    start = end + 1;
    if (line.includes(" - cgroup")) {
      keepBetter(found, parseMount(line, own));
    } else if (line.includes(` ${CGROUP_ROOT}`)) {
      // Something else was mounted over a folder: what was mounted there before is out of reach.
      const cover = line.split(" ", 5)[4] ?? "";
      for (const [key, { mountpoint }] of found) if (isUnder(mountpoint, cover)) found.delete(key);
    }
  }
  return classify([...found.values()]);
}

/** `12:cpu,cpuacct:/path` lines, and `0::/path` for the unified hierarchy. */
function parseSelfCgroup(text: string): OwnCgroups {
  const v1 = new Map<string, { readonly controllers: readonly string[]; readonly path: string }>();
  let unified: string | undefined;
  for (const line of text.split("\n")) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (first < 0 || second < 0) continue;
    const path = line.slice(second + 1);
    const names = line.slice(first + 1, second);
    if (names === "") {
      unified = path;
      continue;
    }
    const entry = { controllers: names.split(","), path };
    for (const name of entry.controllers) v1.set(name, entry);
  }
  return { v1, unified };
}

/** One mountinfo line of type cgroup or cgroup2; `undefined` for any other and for a hierarchy tsrun is in no cgroup of. */
function parseMount(line: string, own: OwnCgroups): Hierarchy | undefined {
  const separator = line.indexOf(" - ");
  const before = line.slice(0, separator).split(" ");
  const [type, , options] = line.slice(separator + 3).split(" ");
  const root = unescapeOctal(before[3] ?? "/");
  const mountpoint = unescapeOctal(before[4] ?? "");
  if (mountpoint === "" || options === undefined) return undefined;
  if (type === "cgroup2") {
    return { version: 2, controllers: [], mountpoint, root, own: own.unified ?? "/" };
  }
  if (type !== "cgroup") return undefined;
  for (const option of options.split(",")) {
    const entry = own.v1.get(option);
    if (entry !== undefined) {
      return { version: 1, controllers: entry.controllers, mountpoint, root, own: entry.path };
    }
  }
  return undefined;
}

function keepBetter(found: Map<string, Hierarchy>, next: Hierarchy | undefined): void {
  if (next === undefined) return;
  const key = next.controllers.join(",");
  const old = found.get(key);
  // A later mount on the same folder hides the earlier one.
  const better =
    old === undefined ||
    old.mountpoint === next.mountpoint ||
    (!isUnder(old.mountpoint, CGROUP_ROOT) && isUnder(next.mountpoint, CGROUP_ROOT));
  if (better) found.set(key, next);
}

function classify(all: readonly Hierarchy[]): CgroupFacts {
  const v1 = all.filter((hierarchy) => hierarchy.version === 1);
  const unified = all.find((hierarchy) => hierarchy.version === 2);
  // With cgroup2 on the root folder itself, a v1 hierarchy beside it (net_cls, say) belongs to somebody else.
  if (unified !== undefined && (v1.length === 0 || unified.mountpoint === CGROUP_ROOT)) {
    return { mode: "v2", hierarchies: [unified] };
  }
  if (v1.length === 0) return { mode: "none", hierarchies: [] };
  // A cgroup2 mount elsewhere is some program's private one.
  if (unified !== undefined && isUnder(unified.mountpoint, CGROUP_ROOT)) {
    return { mode: "hybrid", hierarchies: [...v1, unified] };
  }
  return { mode: "v1", hierarchies: v1 };
}

function isUnder(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

/** mountinfo writes space, tab, newline and backslash as `\040` and so on. */
function unescapeOctal(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/**
 * Tells which controllers a container's cgroup can have on this host. On v1 they are the mounted ones; on v2 the ones in
 * cgroup.controllers of the mount point, read here.
 * @throws SystemError
 */
export function availableControllers(facts: CgroupFacts): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { version, controllers, mountpoint } of facts.hierarchies) {
    if (version === 1) {
      for (const name of controllers) names.add(name);
    } else if (facts.mode === "v2") {
      for (const name of readText(`${mountpoint}/cgroup.controllers`).trim().split(" ")) {
        if (name !== "") names.add(name);
      }
    }
  }
  return names;
}
