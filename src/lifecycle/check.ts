/** `check`: every reason that can be known before why a bundle will not run on this host. Changes and starts nothing. */

import { inspectBundle } from "../bundle/parse.ts";
import type { Bundle, Warning } from "../bundle/types.ts";
import { BundleError, SystemError, type TsrunError } from "../error.ts";
import { append } from "../lists.ts";
import { bindSource } from "../plan/binds.ts";
import { compile } from "../plan/compile.ts";
import type { CgroupFacts, HostFacts } from "../plan/facts.ts";
import type { Plan } from "../plan/ops.ts";
import { hostFacts } from "../spawn/facts.ts";
import { missingAgent } from "../spawn/listener.ts";
import { missingDevice } from "../spawn/net-devices.ts";
import { refusedSource } from "../spawn/sources.ts";
import { kindOf, readTextIfThere } from "../sys/files.ts";
import { checkCgroups } from "./check/cgroups.ts";
import { Findings } from "./check/findings.ts";
import { foreseePlan } from "./check/foresee.ts";
import { checkHooks } from "./check/hooks.ts";
import { checkLayers } from "./check/layers.ts";
import { readSelf } from "./check/self.ts";
import { Tree } from "./check/tree.ts";
import type { World } from "./check/world.ts";
import { rdtSetup } from "./outside.ts";
import { absolute, cgroupSetup, type Loaded, loadBundle, prepare } from "./prepare.ts";
import { checkCaller } from "./rootless.ts";

/** What a check found. */
export interface Checked {
  /** Why the bundle will not run, in the words of `create`; none where it will. */
  readonly problems: readonly TsrunError[];
  /** What is odd but no reason. */
  readonly warnings: readonly Warning[];
}

/** The id that cgroup paths are made from; no container has it, so that no cgroup is there. */
const ID = "tsrun-check";

/** Checks the bundle in a folder, relative to the current one. */
export function check(path: string, systemdCgroup = false): Checked {
  const findings = new Findings();
  checkKernel(findings);
  const loaded = load(path, findings);
  if (loaded === undefined) return findings;
  const { bundle, warnings } = loaded;
  findings.attempt(() => checkCaller(bundle));
  append(findings.warnings, warnings);
  const setup = findings.attempt(() => cgroupSetup(bundle, ID, systemdCgroup));
  setup?.unit?.manager.close();
  if (setup !== undefined) checkCgroups(setup, findings);
  if (bundle.process === undefined) {
    const hint = "a container is created for a process";
    findings.problem(new BundleError("missing", "/process", "process property must not be empty", hint));
  }
  // What create itself finds, the first of it.
  findings.attempt(() => rdtSetup(bundle, ID));
  const prepared = findings.attempt(() => prepare(loaded, { id: ID, bundle: path, systemdCgroup }));
  prepared?.cgroup.unit?.manager.close();
  const cpu = setup?.paths.get("cpu");
  const hierarchy = setup?.facts.hierarchies.find(({ controllers }) => controllers.includes("cpu"));
  const world: World = {
    bundle,
    self: readSelf(),
    tree: new Tree(bundle.root.path),
    findings,
    mapped: bundle.linux.namespaces.some(({ type }) => type === "user"),
    sharesRealtime: cpu !== undefined && kindOf(`${hierarchy?.mountpoint}/cpu.rt_runtime_us`) === "file",
    program: undefined,
  };
  const overlaid = checkLayers(bundle, findings);
  if (!overlaid && kindOf(bundle.root.path) === "dir") walk(world, setup?.facts, setup?.dirs);
  checkHooks(world);
  for (const device of bundle.linux.netDevices) findings.problem(missingDevice(device));
  return findings;
}

/** The oldest kernel that tsrun runs on: mount_setattr(2) came with it. */
const OLDEST = [5, 12] as const;

function checkKernel(findings: Findings): void {
  const release = readTextIfThere("/proc/sys/kernel/osrelease")?.trim() ?? "";
  const [major = 0, minor = 0] = release.split(".").map((part) => Number.parseInt(part, 10));
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  const hint = `tsrun needs Linux ${OLDEST.join(".")} or newer, and this is ${release}`;
  findings.problem(new SystemError("mount_setattr", "ENOSYS", "the container's mounts", { hint }));
}

/** A bundle that breaks rules is still looked at as far as it could be decoded. */
function load(path: string, findings: Findings): Loaded | undefined {
  const loaded = findings.attempt(() => loadBundle(path));
  if (loaded !== undefined) return loaded;
  const dir = absolute(path);
  const text = readTextIfThere(`${dir}/config.json`, 16 << 20);
  if (text === undefined) return undefined;
  return findings.attempt(() => {
    const { bundle, warnings, broken } = inspectBundle(text, dir);
    for (const error of broken) findings.problem(error);
    return { text, bundle, warnings };
  });
}

/** Foresees what the plan will come to. */
function walk(
  world: World,
  cgroup: CgroupFacts = { mode: "none", hierarchies: [] },
  dirs: ReadonlyMap<string, string> = new Map(),
): void {
  const { findings } = world;
  let { bundle } = world;
  let facts = findings.attempt(() => hostFacts(bundle, cgroup, dirs));
  if (facts === undefined) {
    // The filter cannot be compiled, which has been told; the rest is looked at without it.
    bundle = { ...bundle, linux: { ...bundle.linux, seccomp: undefined } };
    facts = hostFacts(bundle, cgroup, dirs);
  }
  const plan = compileAnyway(bundle, facts, findings);
  if (plan === undefined) return;
  for (const { pointer, text, hint } of plan.warnings) findings.warn(pointer, text, hint);
  findings.problem(missingAgent(bundle.linux.seccomp));
  for (const { path, pointer } of plan.sources) {
    if (kindOf(path) === "missing") findings.problem(refusedSource(path, "ENOENT", pointer));
  }
  foreseePlan(plan.steps, world);
}

/** Compiles as if missing bind sources and security modules were there, once they have been told. */
function compileAnyway(bundle: Bundle, facts: HostFacts, findings: Findings): Plan | undefined {
  const sources = new Map(facts.sources);
  let { lsm } = facts;
  const options = {
    ...{ id: ID, noPivot: false, noNewKeyring: false, preserveFds: 0 },
    ...{ extraEnv: [], callerNofile: undefined },
  };
  for (;;) {
    try {
      return compile(bundle, { ...facts, sources, lsm }, options);
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      findings.problem(error);
      const { pointer } = error;
      if (pointer === "/process/apparmorProfile" || pointer === "/process/selinuxLabel") {
        lsm = { ...lsm, [pointer.endsWith("Label") ? "selinux" : "apparmor"]: true };
        continue;
      }
      const index = /^\/mounts\/([0-9]+)\/source$/.exec(error.pointer ?? "")?.[1];
      const mount = index === undefined ? undefined : bundle.mounts[Number(index)];
      const source = mount === undefined ? "" : bindSource(bundle, mount);
      if (!["missing", "forbidden"].includes(sources.get(source) ?? "")) return undefined;
      sources.set(source, "dir");
    }
  }
}
