/**
 * The steps of making a container's cgroups, as if all were as usual: the parent cgroups exist, the container's own do
 * not. What is different shows when a step fails (see batch.ts).
 */

import { BundleError } from "../error.ts";
import { append } from "../lists.ts";
import type { CgroupFacts, Hierarchy } from "../plan/facts.ts";
import { type FileAction, readTextIfThere } from "../sys/files.ts";
import { type CgroupPaths, cgroupPaths } from "./paths.ts";
import type { CgroupWrite } from "./write.ts";

/** One action, with what is needed to make sense of its failure. */
export type Step =
  /** Makes one cgroup; `leaf` is the container's own. */
  | { readonly kind: "mkdir"; readonly dir: string; readonly hierarchy: Hierarchy; readonly leaf: boolean }
  /** Gives a new v1 cpuset what its parent has: without it no process can enter. */
  | { readonly kind: "inherit"; readonly dir: string; readonly file: string; readonly value: string }
  /** Hands controllers down to the cgroups below (v2, cgroup.subtree_control). */
  | {
      readonly kind: "enable";
      readonly dir: string;
      readonly hierarchy: Hierarchy;
      readonly controllers: readonly string[];
    }
  /** Writes a limit. */
  | { readonly kind: "set"; readonly dir: string; readonly write: CgroupWrite };

/**
 * The steps for the cgroups in `dirs` (by mount point) and the writes in them.
 * @param available the controllers to hand down on v2
 * @throws BundleError `unsupported` for a write whose hierarchy has no folder in `dirs`
 */
export function planSteps(
  facts: CgroupFacts,
  dirs: ReadonlyMap<string, string>,
  writes: readonly CgroupWrite[],
  available: ReadonlySet<string>,
): Step[] {
  const steps: Step[] = [];
  const chosen = new Set(writes.map(({ file }) => file));
  for (const hierarchy of facts.hierarchies) {
    const dir = dirs.get(hierarchy.mountpoint);
    if (dir === undefined) continue;
    // All controllers, not only those with limits: engines read the usage of every one. In hybrid mode they are in v1.
    if (facts.mode === "v2" && available.size > 0) {
      for (const above of ancestors(hierarchy.mountpoint, dir)) {
        steps.push({ kind: "enable", dir: above, hierarchy, controllers: [...available] });
      }
    }
    append(steps, levelSteps(hierarchy, dir, true, chosen));
  }
  const paths = cgroupPaths(facts, dirs);
  for (const write of writes) steps.push(setStep(paths, write));
  return steps;
}

/** @throws BundleError `unsupported` when the container has no cgroup for it */
export function setStep(paths: CgroupPaths, write: CgroupWrite): Step {
  // In hybrid mode the unified cgroup has no limits.
  const dir = paths.get(write.controller) ?? (paths.size === 1 ? paths.get("") : undefined);
  if (dir !== undefined) return { kind: "set", dir, write };
  throw new BundleError(
    "unsupported",
    write.pointer,
    `cannot set ${write.controller} limit: container could not join or create cgroup`,
    "run as root, have a cgroup delegated, or remove the limit",
  );
}

/**
 * The steps that make one level; a cpuset also gets its contents, except the files in `chosen`, which the config sets.
 */
export function levelSteps(
  hierarchy: Hierarchy,
  dir: string,
  leaf: boolean,
  chosen: ReadonlySet<string>,
): Step[] {
  const steps: Step[] = [{ kind: "mkdir", dir, hierarchy, leaf }];
  if (hierarchy.version === 1 && hierarchy.controllers.includes("cpuset")) {
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (!chosen.has(file)) append(steps, inheritSteps(hierarchy.mountpoint, dir, file));
    }
  }
  return steps;
}

/** From the nearest cgroup above that has some; those between that exist but are empty are filled on the way. */
function inheritSteps(mountpoint: string, dir: string, file: string): Step[] {
  const empty: string[] = [];
  let value = "";
  for (const above of ancestors(mountpoint, dir).reverse()) {
    const text = readTextIfThere(`${above}/${file}`);
    value = text?.trim() ?? "";
    if (value !== "") break;
    if (text !== undefined) empty.push(above);
  }
  if (value === "") return [];
  return [...empty.reverse(), dir].map((target) => ({ kind: "inherit", dir: target, file, value }));
}

/** The folders from the mount point to the one above `dir`, topmost first. */
export function ancestors(mountpoint: string, dir: string): string[] {
  const found = [mountpoint];
  for (let slash = dir.indexOf("/", mountpoint.length + 1); slash > 0; slash = dir.indexOf("/", slash + 1)) {
    found.push(dir.slice(0, slash));
  }
  return found;
}

/** The change to the host's files that a step is. */
export function actionOf(step: Step): FileAction {
  switch (step.kind) {
    case "mkdir":
      return { do: "mkdir", path: step.dir, mode: 0o755 };
    case "inherit":
      return { do: "write", path: `${step.dir}/${step.file}`, text: step.value };
    case "enable":
      return {
        do: "write",
        path: `${step.dir}/cgroup.subtree_control`,
        text: step.controllers.map((name) => `+${name}`).join(" "),
      };
    case "set": {
      const { file, value, ifThere } = step.write;
      return { do: "write", path: `${step.dir}/${file}`, text: value, ifThere: ifThere === true };
    }
    default:
      return step satisfies never;
  }
}
