/** Rules about where mounts may be (config.md, mounts), above all at and below /proc. */
import { BundleError } from "../../error.ts";
import { isBind } from "../decode/mounts.ts";
import type { Bundle } from "../types.ts";
import { quote } from "../words.ts";

/**
 * Files of /proc that may be replaced, as lxcfs does; runc's list. A container that could put anything else there would
 * blind the runtime, which writes labels to /proc/self/attr (CVE-2019-16884).
 */
const PROC_FILES: readonly string[] = [
  "cpuinfo",
  "diskstats",
  "meminfo",
  "stat",
  "swaps",
  "uptime",
  "loadavg",
  "slabinfo",
  "sys/kernel/ns_last_pid",
  "sys/crypto/fips_enabled",
];

/**
 * Nothing over the root itself, and over /proc only what cannot fool the runtime. This looks at the text of destinations;
 * what the image's links make of them is for tsrun-init to see, on the opened place (native/init/mount.c, `leave_procfs`). A
 * mount at or below /sys is free, as in runc: nothing is written there for the container's sake, and binds over
 * /sys/fs/cgroup and the like are common.
 */
export function checkMountPlaces(bundle: Bundle): void {
  for (const [i, mount] of bundle.mounts.entries()) {
    const { destination } = mount;
    const pointer = `/mounts/${i}/destination`;
    if (destination === "/") {
      throw new BundleError(
        "conflict",
        pointer,
        "a mount at / would hide the container's root",
        "use root.path instead",
      );
    }
    if (destination === "/proc") {
      // tsrun-init sees whether the source of a bind is a procfs, on the opened source (native/init/mount.c, `op_bind`).
      if (mount.type === "proc" || isBind(mount)) continue;
      const sentence = `"/proc" cannot be mounted because it is not of type proc but ${quote(mount.type ?? "none")}`;
      throw new BundleError("conflict", pointer, sentence, 'use "type": "proc"');
    }
    if (destination.startsWith("/proc/") && !PROC_FILES.includes(destination.slice("/proc/".length))) {
      const sentence = `${quote(destination)} cannot be mounted because it is inside /proc`;
      throw new BundleError(
        "conflict",
        pointer,
        sentence,
        "hide or protect it with linux.maskedPaths or readonlyPaths",
      );
    }
  }
}
