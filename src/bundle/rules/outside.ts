/** Rules about network devices and Intel RDT (config-linux.md). */
import { BundleError } from "../../error.ts";
import type { Bundle } from "../types.ts";
import { child, quote } from "../words.ts";
import { addNamespace, namespaceOf } from "./namespaces.ts";

/** IFNAMSIZ of include/uapi/linux/if.h, the NUL included. */
const DEVICE_NAME_MAX = 15;

/** Names that the kernel takes (net/core/dev.c, dev_valid_name), no two alike, and a namespace to move them into. */
export function checkNetDevices(bundle: Bundle): void {
  const devices = bundle.linux.netDevices;
  if (devices.length === 0) return;
  if (namespaceOf(bundle, "network") === undefined) {
    const sentence = "unable to move network devices without a network namespace of the container's own";
    throw new BundleError("conflict", "/linux/netDevices", sentence, addNamespace("network"));
  }
  const seen = new Set<string>();
  for (const { hostName, name } of devices) {
    const at = child("/linux/netDevices", hostName);
    if (!isDeviceName(hostName)) throw badName(at, hostName);
    if (name !== undefined && (!isDeviceName(name) || !/^[^%]*(?:%d)?[^%]*$/.test(name))) {
      throw badName(`${at}/name`, name);
    }
    const wanted = name ?? hostName;
    if (!wanted.includes("%d") && seen.has(wanted)) {
      const sentence = `two network devices are to be called ${quote(wanted)} in the container`;
      throw new BundleError("conflict", `${at}${name === undefined ? "" : "/name"}`, sentence, "rename one");
    }
    seen.add(wanted);
  }
}

function isDeviceName(name: string): boolean {
  if (name === "" || name === "." || name === ".." || /[/:\s\u0000]/.test(name)) return false;
  return name.length <= DEVICE_NAME_MAX && new TextEncoder().encode(name).length <= DEVICE_NAME_MAX;
}

function badName(pointer: string, name: string): BundleError {
  return new BundleError(
    "format",
    pointer,
    `invalid network device name ${quote(name)}`,
    `1 to ${DEVICE_NAME_MAX} bytes without "/", ":" and blanks; a new name may have one "%d"`,
  );
}

/** A class is one folder of resctrl, and what is written to it is what the spec says. */
export function checkIntelRdt(bundle: Bundle): void {
  const rdt = bundle.linux.intelRdt;
  if (rdt === undefined) return;
  const { closID, memBwSchema } = rdt;
  if (closID !== undefined && closID !== "/" && !isClass(closID)) {
    const sentence = `closID ${quote(closID)} is no name of a class of service`;
    throw new BundleError("format", "/linux/intelRdt/closID", sentence, 'one name without "/", or "/" alone');
  }
  if (memBwSchema !== undefined && (!memBwSchema.startsWith("MB:") || memBwSchema.includes("\n"))) {
    const sentence = `memBwSchema ${quote(memBwSchema)} must be one line that begins with "MB:"`;
    throw new BundleError("format", "/linux/intelRdt/memBwSchema", sentence, 'write it as "MB:0=70;1=20"');
  }
}

/** Folders of resctrl that are no classes (filesystems/resctrl.rst). */
const RESERVED: readonly string[] = ["info", "mon_groups", "mon_data"];

function isClass(name: string): boolean {
  return !/[/\u0000-\u001f\u007f]/.test(name) && name !== "." && name !== ".." && !RESERVED.includes(name);
}
