/** Rules about linux.sysctl: only parameters of a namespace that is the container's own (config-linux.md, sysctl). */
import { BundleError } from "../../error.ts";
import { sysctlPath } from "../sysctl.ts";
import type { Bundle } from "../types.ts";
import type { NamespaceType } from "../vocabulary.ts";
import { child, quote } from "../words.ts";
import { addNamespace, namespaceOf } from "./namespaces.ts";

/** Parameters of the IPC namespace (ipc_namespaces(7)); those below fs/mqueue/ belong to it too. */
const IPC_PATHS: readonly string[] = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
];

/** @throws BundleError `format` (names and values of a wrong shape), `conflict` (not the container's to set) */
export function checkSysctl(bundle: Bundle): void {
  for (const [name, value] of bundle.linux.sysctl) {
    const pointer = child("/linux/sysctl", name);
    const path = sysctlPath(name);
    if (path === undefined) {
      const hint = "write it as net.ipv4.ip_forward or net/ipv4/ip_forward";
      throw new BundleError("format", pointer, `${quote(name)} is no name of a kernel parameter`, hint);
    }
    if (value.includes("\n")) {
      throw new BundleError(
        "format",
        pointer,
        `the value of sysctl ${quote(name)} holds a line break`,
        "use one line",
      );
    }
    const fault = faultOf(bundle, path);
    if (fault !== undefined) {
      throw new BundleError("conflict", pointer, `sysctl ${quote(name)} ${fault.sentence}`, fault.hint);
    }
  }
}

interface Fault {
  readonly sentence: string;
  readonly hint: string;
}

/** The namespace that a parameter, given by its path below /proc/sys, belongs to, and what is said where it is the host's. */
export function sysctlOwner(
  path: string,
): { readonly type: NamespaceType; readonly sentence: string } | undefined {
  if (IPC_PATHS.includes(path) || path.startsWith("fs/mqueue/")) {
    return { type: "ipc", sentence: "is not allowed in the hosts ipc namespace" };
  }
  if (path.startsWith("net/")) {
    return { type: "network", sentence: "not allowed in host network namespace" };
  }
  if (path.startsWith("user/"))
    return { type: "user", sentence: "is not allowed in the host user namespace" };
  if (path === "kernel/domainname") {
    return { type: "uts", sentence: "is not in a separate kernel namespace" };
  }
  return undefined;
}

/** Why a parameter is not the container's to set; runc's words. */
function faultOf(bundle: Bundle, path: string): Fault | undefined {
  if (path === "kernel/domainname" && bundle.domainname !== undefined) {
    return { sentence: 'conflicts with the OCI "domainname" field', hint: "keep one of the two" };
  }
  const owner = sysctlOwner(path);
  if (owner !== undefined) {
    return namespaceOf(bundle, owner.type) === undefined
      ? { sentence: owner.sentence, hint: addNamespace(owner.type) }
      : undefined;
  }
  if (path === "kernel/hostname") {
    return {
      sentence: 'is not allowed as it conflicts with the OCI "hostname" field',
      hint: "use the hostname field",
    };
  }
  const hint = "set it on the host, where it counts for all containers";
  return { sentence: "is not in a separate kernel namespace", hint };
}
