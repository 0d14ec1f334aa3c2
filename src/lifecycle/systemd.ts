/** The container's cgroup as a unit of systemd: what `prepare`, `create` and `destroy` do otherwise with it. */
import type { Bundle } from "../bundle/types.ts";
import { cgroupOwner } from "../cgroup/delegate.ts";
import { compileDeviceProgram } from "../cgroup/device-program.ts";
import { availableControllers, readCgroupFacts } from "../cgroup/facts.ts";
import { cgroupPaths } from "../cgroup/paths.ts";
import { compileV1 } from "../cgroup/resources-v1.ts";
import { compileV2 } from "../cgroup/resources-v2.ts";
import { isUsers } from "../cgroup/systemd/address.ts";
import { Manager } from "../cgroup/systemd/manager.ts";
import { versionNumber } from "../cgroup/systemd/properties.ts";
import { unitDirs, unitProperties } from "../cgroup/systemd/setup.ts";
import { unitPlace } from "../cgroup/systemd/unit.ts";
import { zeroPidsIsLimit } from "../cgroup/write.ts";
import { BundleError } from "../error.ts";
import type { CgroupFacts } from "../plan/facts.ts";
import { readTextIfThere } from "../sys/files.ts";
import type { CgroupSetup } from "./prepare.ts";

/**
 * The unit, cgroup folders and writes for a bundle on this host. Whoever has the answer closes its manager.
 * @throws BundleError; SystemError where systemd is not to be reached
 */
export function systemdSetup(bundle: Bundle, id: string): CgroupSetup {
  const user = isUsers();
  const { cgroupsPath, resources } = bundle.linux;
  const place = unitPlace(cgroupsPath, id, user);
  const facts = readCgroupFacts();
  checkMode(facts, user);
  const manager = Manager.open(user);
  try {
    const version = versionNumber(manager.text("Version"));
    const base = user ? manager.text("ControlGroup").replace(/\/+$/, "") : "";
    const dirs = unitDirs(facts, base, place);
    const has = controllers(facts, base, user);
    const options = { zeroPidsIsLimit: zeroPidsIsLimit(bundle.ociVersion), devices: !user };
    const v2 = facts.mode === "v2";
    const writes = v2 ? compileV2(resources, has, options) : compileV1(resources, has, options);
    const unit = { place, user, version, manager };
    return {
      facts,
      dirs,
      paths: cgroupPaths(facts, dirs),
      writes,
      devices: v2 && !user ? compileDeviceProgram(resources) : undefined,
      owner: user ? undefined : cgroupOwner(bundle, facts.mode),
      unit: { ...unit, properties: unitProperties(bundle, writes, unit, facts.mode) },
    };
  } catch (error) {
    manager.close();
    throw error;
  }
}

/** @throws BundleError `unsupported` */
function checkMode({ mode }: CgroupFacts, user: boolean): void {
  if (mode !== "none" && (mode === "v2" || !user)) return;
  throw new BundleError(
    "unsupported",
    "/linux/cgroupsPath",
    "cgroup v2 not enabled on this host, can't use systemd (rootless) as cgroups manager",
    "boot with systemd.unified_cgroup_hierarchy=1, or leave --systemd-cgroup out",
  );
}

/** Which controllers the unit can have: a user's are those that the host's manager has delegated to his. */
function controllers(facts: CgroupFacts, base: string, user: boolean): (name: string) => boolean {
  const all = availableControllers(facts);
  if (!user) return (name) => all.has(name);
  const [hierarchy] = facts.hierarchies;
  const text = readTextIfThere(`${hierarchy?.mountpoint}${base}/cgroup.controllers`) ?? "";
  const delegated = text.trim().split(" ");
  return (name) => delegated.includes(name);
}
