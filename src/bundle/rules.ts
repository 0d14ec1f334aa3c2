/**
 * The rules that no field can keep alone. Each is a function with a name, throws a BundleError that points at the
 * offending element, and gives a hint that cures it.
 */

import { BundleError } from "../error.ts";
import { checkCgroupsPath, checkDevices, checkMemoryPolicy } from "./rules/linux.ts";
import { checkMountMappings, checkUserMappings } from "./rules/mappings.ts";
import { checkMountPlaces } from "./rules/mounts.ts";
import { checkHostname, checkNamespaces, checkPropagation, checkTimeOffsets } from "./rules/namespaces.ts";
import { checkIntelRdt, checkNetDevices } from "./rules/outside.ts";
import { checkProcess } from "./rules/process.ts";
import { checkMemoryTogether, checkResources } from "./rules/resources.ts";
import { checkSeccomp } from "./rules/seccomp.ts";
import { checkSysctl } from "./rules/sysctl.ts";
import type { Bundle } from "./types.ts";

/** A rule about a whole bundle. @throws BundleError */
export type Rule = (bundle: Bundle) => void;

const RULES: readonly Rule[] = [
  checkNamespaces,
  checkUserMappings,
  checkTimeOffsets,
  checkHostname,
  checkPropagation,
  checkMountPlaces,
  checkMountMappings,
  checkSysctl,
  checkDevices,
  checkCgroupsPath,
  checkMemoryPolicy,
  checkSeccomp,
  checkNetDevices,
  checkIntelRdt,
  checkLimits,
  checkItsProcess,
];

function checkLimits({ linux }: Bundle): void {
  checkResources(linux.resources, "/linux/resources");
  checkMemoryTogether(linux.resources.memory, "/linux/resources/memory");
}

function checkItsProcess({ process }: Bundle): void {
  if (process !== undefined) checkProcess(process, "/process");
}

/** What each rule has to say: every broken one, not only the first. */
export function brokenRules(bundle: Bundle): readonly BundleError[] {
  const broken: BundleError[] = [];
  for (const rule of RULES) {
    try {
      rule(bundle);
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      broken.push(error);
    }
  }
  return broken;
}

/** Applies every rule; the first that is broken throws. @throws BundleError */
export function checkBundle(bundle: Bundle): void {
  for (const rule of RULES) rule(bundle);
}
