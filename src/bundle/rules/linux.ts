/** Rules about devices, the cgroup's path and the memory policy (config-linux.md). */
import { BundleError } from "../../error.ts";
import { cleanPath } from "../paths.ts";
import type { Bundle, Device } from "../types.ts";
import { quote } from "../words.ts";

/** One path, one device. The same device twice is harmless, and engines do write it. */
export function checkDevices(bundle: Bundle): void {
  const seen = new Map<string, Device>();
  for (const [i, device] of bundle.linux.devices.entries()) {
    const path = cleanPath(device.path);
    const earlier = seen.get(path);
    if (earlier !== undefined && !sameDevice(earlier, device)) {
      const sentence = `the path ${quote(path)} is given to two different devices`;
      throw new BundleError("conflict", `/linux/devices/${i}/path`, sentence, "keep one of them");
    }
    seen.set(path, device);
  }
}

function sameDevice(a: Device, b: Device): boolean {
  return nodeType(a) === nodeType(b) && a.major === b.major && a.minor === b.minor;
}

/** mknod(1): `u` is another word for `c`. */
function nodeType({ type }: Device): string {
  return type === "u" ? "c" : type;
}

/** A path below each hierarchy, which it must not leave; or `slice:prefix:name`, which is looked at where systemd is asked for. */
export function checkCgroupsPath(bundle: Bundle): void {
  const path = bundle.linux.cgroupsPath;
  if (path === undefined) return;
  const pointer = "/linux/cgroupsPath";
  if (path.split("/").includes("..")) {
    throw new BundleError(
      "format",
      pointer,
      `the cgroupsPath ${quote(path)} must not hold ".."`,
      "write the plain path",
    );
  }
  if (/[\u0000-\u001f\u007f]/.test(path)) {
    throw new BundleError(
      "format",
      pointer,
      `the cgroupsPath ${quote(path)} holds control characters`,
      "remove them",
    );
  }
}

/** Combinations that set_mempolicy(2) answers with EINVAL. */
export function checkMemoryPolicy(bundle: Bundle): void {
  const policy = bundle.linux.memoryPolicy;
  if (policy === undefined) return;
  const { mode, nodes, flags } = policy;
  const fail = (field: string, sentence: string, hint: string): never => {
    throw new BundleError("conflict", `/linux/memoryPolicy/${field}`, sentence, hint);
  };
  const nodeless = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL";
  if (nodeless && nodes.length > 0) fail("nodes", `${mode} takes no nodes`, "remove nodes");
  if (!nodeless && mode !== "MPOL_PREFERRED" && nodes.length === 0)
    fail("nodes", `${mode} needs nodes`, 'add "nodes": "0"');
  const exact = flags.indexOf("MPOL_F_STATIC_NODES");
  const relative = flags.indexOf("MPOL_F_RELATIVE_NODES");
  if (exact >= 0 && relative >= 0) {
    fail(
      `flags/${Math.max(exact, relative)}`,
      "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
      "keep one",
    );
  }
  const placed = Math.max(exact, relative);
  if (placed >= 0 && nodes.length === 0)
    fail(`flags/${placed}`, `${flags[placed]} needs nodes`, "remove the flag");
  const balancing = flags.indexOf("MPOL_F_NUMA_BALANCING");
  if (balancing >= 0 && mode !== "MPOL_BIND" && mode !== "MPOL_PREFERRED_MANY") {
    fail(
      `flags/${balancing}`,
      `MPOL_F_NUMA_BALANCING goes with MPOL_BIND or MPOL_PREFERRED_MANY, not with ${mode}`,
      "remove the flag",
    );
  }
}
