/** Rules about the filter of system calls (config-linux.md, Seccomp; seccomp(2)). */
import { BundleError } from "../../error.ts";
import type { Bundle } from "../types.ts";

const PLACE = "/linux/seccomp";

/** @throws BundleError */
export function checkSeccomp({ linux: { seccomp } }: Bundle): void {
  if (seccomp === undefined) return;
  if (seccomp.defaultAction === "SCMP_ACT_NOTIFY") {
    throw new BundleError(
      "conflict",
      `${PLACE}/defaultAction`,
      "SCMP_ACT_NOTIFY cannot be used as default action",
      "the agent would have to answer before it has the listener: name the system calls it is to answer",
    );
  }
  const notifies = seccomp.rules.findIndex(({ action }) => action === "SCMP_ACT_NOTIFY");
  if (notifies >= 0) checkNotify(seccomp.rules, seccomp.listenerPath, notifies);
  if (seccomp.listenerMetadata !== undefined && seccomp.listenerPath === undefined) {
    throw new BundleError(
      "conflict",
      `${PLACE}/listenerMetadata`,
      "listenerMetadata must not be set without listenerPath",
      "set listenerPath, or remove listenerMetadata",
    );
  }
  const killable = seccomp.flags.indexOf("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
  if (killable >= 0 && notifies < 0) {
    throw new BundleError(
      "conflict",
      `${PLACE}/flags/${killable}`,
      "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV is about notifications, and no rule has SCMP_ACT_NOTIFY",
      "remove the flag",
    );
  }
}

/** tsrun-init hands the listener over with write(2), under the filter already. The sentences are runc's. */
function checkNotify(
  rules: readonly { readonly action: string; readonly names: readonly string[] }[],
  listenerPath: string | undefined,
  first: number,
): void {
  for (const [index, { action, names }] of rules.entries()) {
    const name = action === "SCMP_ACT_NOTIFY" ? names.indexOf("write") : -1;
    if (name < 0) continue;
    throw new BundleError(
      "conflict",
      `${PLACE}/syscalls/${index}/names/${name}`,
      "SCMP_ACT_NOTIFY cannot be used for the write syscall",
      "the listener is handed over with it: let it be allowed",
    );
  }
  if (listenerPath === undefined) {
    throw new BundleError(
      "missing",
      `${PLACE}/listenerPath`,
      `listenerPath is not set, and syscalls[${first}] has SCMP_ACT_NOTIFY`,
      "set it to the socket of the seccomp agent",
    );
  }
}
