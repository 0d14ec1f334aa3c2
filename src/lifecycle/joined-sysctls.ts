/** A namespace that config.json joins may be the host's own: its parameters are not the container's to set. */
import { sysctlOwner } from "../bundle/rules/sysctl.ts";
import { sysctlPath } from "../bundle/sysctl.ts";
import type { Bundle } from "../bundle/types.ts";
import { NAMESPACES } from "../bundle/vocabulary.ts";
import { child, quote } from "../bundle/words.ts";
import { BundleError } from "../error.ts";
import { type Status, status } from "../sys/files.ts";

/**
 * Refuses parameters of a namespace that is joined by a path such as `/proc/1/ns/net`, where that is the one tsrun is in
 * (runc, checkHostNs, for the network's). Asks the host only where there are both parameters and joined namespaces.
 *
 * @throws BundleError `conflict`
 */
export function checkJoinedSysctls({ linux }: Bundle): void {
  if (linux.sysctl.size === 0 || !linux.namespaces.some(({ path }) => path !== undefined)) return;
  for (const name of linux.sysctl.keys()) {
    const owner = sysctlOwner(sysctlPath(name) ?? "");
    if (owner === undefined) continue;
    const path = linux.namespaces.find(({ type }) => type === owner.type)?.path;
    if (path === undefined || !isSame(statusOf(path), statusOf(`/proc/self/ns/${NAMESPACES[owner.type]}`)))
      continue;
    const sentence = `sysctl ${quote(name)} ${owner.sentence}: ${path} is the host's own`;
    const hint = `set it on the host, or take the path of the ${owner.type} namespace away for a new one`;
    throw new BundleError("conflict", child("/linux/sysctl", name), sentence, hint);
  }
}

/** What cannot be looked at is joined or refused later, by its own error. */
function statusOf(path: string): Status | undefined {
  try {
    return status(path);
  } catch {
    return undefined;
  }
}

function isSame(a: Status | undefined, b: Status | undefined): boolean {
  return a !== undefined && b !== undefined && a.device === b.device && a.inode === b.inode;
}
