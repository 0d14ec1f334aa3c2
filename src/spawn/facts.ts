/** What compiling a bundle must know of this host, gathered in one place and as little as that bundle needs. */
import type { Bundle } from "../bundle/types.ts";
import { wantedSources } from "../plan/compile.ts";
import type { CgroupFacts, HostFacts, SourceKind } from "../plan/facts.ts";
import { readOverlay } from "../state/overlay.ts";
import { RLIMIT } from "../sys/constants.gen.ts";
import { kindOf, readTextIfThere } from "../sys/files.ts";
import { accessError } from "../sys/inspect.ts";
import { isExecutable } from "../sys/place.ts";
import { privilege } from "../sys/privilege.ts";
import { ids, rlimitOf } from "../sys/process.ts";
import { lsmFacts } from "./lsm.ts";
import { filterOf } from "./seccomp.ts";

/** Gathers the facts for one bundle; `filters` is where compiled ones are kept. @throws BundleError, SystemError */
export function hostFacts(
  bundle: Bundle,
  cgroup: CgroupFacts,
  cgroupDirs: ReadonlyMap<string, string>,
  filters = "",
): HostFacts {
  const sources = new Map<string, SourceKind>();
  for (const path of wantedSources(bundle)) sources.set(path, sourceKind(path));
  return {
    cgroup,
    cgroupDirs,
    sources,
    lastCap: Number(readTextIfThere("/proc/sys/kernel/cap_last_cap") ?? 40),
    ...privileges(),
    lsm: lsmFacts(bundle, bundle.process),
    filter: filterOf(bundle, filters),
    overlay: readOverlay(bundle.dir),
  };
}

/** What lies at a path of the host, for whoever runs tsrun. */
export function sourceKind(path: string): SourceKind {
  const kind = kindOf(path);
  if (kind !== "missing") return kind;
  const errno = accessError(path, "execute");
  return errno === "EACCES" || errno === "EPERM" ? "forbidden" : "missing";
}

/** What tsrun's own privileges are. */
export function privileges(): Pick<HostFacts, "privileged" | "root"> {
  const ours = privilege();
  return { privileged: ours === "root", root: ours !== "user" };
}

/**
 * The limit of open files that tsrun was started with, where that of tsrun-init is another: its soft limit is the hard one. Node and Bun
 * raise their own as well as they start, and nothing tells afterwards what it was, so that the parent process's is the best guess. The
 * executable's own engine changes nothing.
 */
export function callerNofile(): { readonly soft: bigint; readonly hard: bigint } | undefined {
  const ours = rlimitOf(0, RLIMIT.RLIMIT_NOFILE);
  if (isExecutable()) return ours === undefined || ours.soft === ours.hard ? undefined : ours;
  const parents = rlimitOf(ids().ppid, RLIMIT.RLIMIT_NOFILE);
  return ours !== undefined && parents !== undefined && parents.hard === ours.hard ? parents : undefined;
}
