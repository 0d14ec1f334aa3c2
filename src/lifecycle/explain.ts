/** `explain`: what creating a container from a bundle would do, told without doing any of it. */

import type { Bundle } from "../bundle/types.ts";
import { INSTRUCTION_SIZE } from "../cgroup/device-program.ts";
import { callWords, type UnitSetup } from "../cgroup/systemd/setup.ts";
import { BundleError } from "../error.ts";
import { append } from "../lists.ts";
import { type ExplainFormat, explain, type HostStep } from "../plan/explain.ts";
import { filterSummary } from "../plan/seccomp.ts";
import { mapText } from "../spawn/idmaps.ts";
import { libseccompVersion } from "../spawn/seccomp.ts";
import { status } from "../sys/files.ts";
import { outsideSteps } from "./outside.ts";
import { type CgroupSetup, type CreateRequest, loadBundle, prepare } from "./prepare.ts";

/**
 * Explains a bundle for this host; needs no root and changes nothing.
 *
 * @throws BundleError as create would
 */
export function explainBundle(request: CreateRequest, format: ExplainFormat): string {
  const prepared = prepare(loadBundle(request.bundle), request);
  prepared.cgroup.unit?.manager.close();
  if (prepared.bundle.process === undefined) {
    throw new BundleError(
      "missing",
      "/process",
      "process property must not be empty",
      "a container is created for a process",
    );
  }
  const { bundle } = prepared;
  const host = [
    ...hostSteps(prepared.cgroup),
    ...outsideSteps(bundle, prepared.rdt),
    ...filterSteps(bundle),
    ...mapSteps(bundle),
  ];
  return explain(prepared.plan, host, format);
}

/** What the host does itself: the cgroup in each hierarchy, the limits in it, the first process's move there. */
export function hostSteps({ facts, dirs, paths, writes, devices, unit }: CgroupSetup): readonly HostStep[] {
  const steps: HostStep[] = unit === undefined ? [] : [unitStep(unit)];
  for (const { mountpoint, version, controllers } of facts.hierarchies) {
    const dir = dirs.get(mountpoint);
    if (dir === undefined) continue;
    const fills = version === 1 && controllers.includes("cpuset");
    for (const path of facts.mode === "v2" && unit !== undefined ? [] : missing(mountpoint, dir)) {
      steps.push({ what: "mkdir", path, pointer: undefined });
      if (fills) append(steps, inherited(path, path === dir ? writes.map(({ file }) => file) : []));
    }
  }
  for (const { controller, file, value, pointer, ifThere } of writes) {
    const dir = paths.get(controller) ?? paths.get("");
    if (dir === undefined) continue;
    const path = `${dir}/${file}`;
    steps.push({ what: "write", path, value, pointer, ...(ifThere === true ? { ifThere } : {}) });
  }
  const count = (devices?.instructions.length ?? 0) / INSTRUCTION_SIZE;
  for (const path of count > 0 ? dirs.values() : []) {
    steps.push({ what: "program", path, value: `${count} instructions`, pointer: devices?.pointer });
  }
  const inside = facts.mode === "v2" && unit?.place.kind === "scope";
  for (const path of inside ? [] : new Set(dirs.values())) {
    steps.push({ what: "attach", path, pointer: undefined });
  }
  return steps;
}

function unitStep({ place, user, properties }: UnitSetup): HostStep {
  return {
    what: "unit",
    path: place.unit,
    value: user ? "the user's systemd" : "systemd",
    properties: [...properties].map(([name, { type, value }]) => [name, type, callWords(value)]),
    pointer: "/linux/cgroupsPath",
  };
}

/** The filter of system calls, in short. */
function filterSteps({ linux: { seccomp } }: Bundle): readonly HostStep[] {
  if (seccomp === undefined) return [];
  const path = `libseccomp ${libseccompVersion() ?? ""}`.trim();
  return [{ what: "filter", path, value: filterSummary(seccomp), pointer: "/linux/seccomp" }];
}

/** The id maps of a new user namespace; the host writes them once it exists. */
function mapSteps({ linux }: Bundle): readonly HostStep[] {
  if (!linux.namespaces.some(({ type, path }) => type === "user" && path === undefined)) return [];
  return [
    { what: "map", path: "uid_map", value: mapText(linux.uidMappings), pointer: "/linux/uidMappings" },
    { what: "map", path: "gid_map", value: mapText(linux.gidMappings), pointer: "/linux/gidMappings" },
  ];
}

/** The folders on the way to a cgroup that are not there yet, parents first. */
function missing(mountpoint: string, dir: string): readonly string[] {
  const found: string[] = [];
  for (let at = dir.length; at > mountpoint.length; at = dir.lastIndexOf("/", at - 1)) {
    const level = dir.slice(0, at);
    if (status(level) !== undefined) break;
    found.push(level);
  }
  return found.reverse();
}

/** A new cpuset of cgroup v1 is empty, and no process can enter it before it has its parent's cpus and nodes. */
function inherited(path: string, chosen: readonly string[]): readonly HostStep[] {
  const parent = path.slice(0, path.lastIndexOf("/"));
  return ["cpuset.cpus", "cpuset.mems"]
    .filter((file) => !chosen.includes(file))
    .map((file) => ({
      what: "copy",
      path: `${path}/${file}`,
      value: `${parent}/${file}`,
      pointer: undefined,
    }));
}
