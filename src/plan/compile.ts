/**
 * A bundle becomes a plan. This is the recipe for a container, in order, and it is pure: what must be known of the host
 * comes in as facts, nothing is read, and nothing happens.
 */
import type { Bundle } from "../bundle/types.ts";
import { bindSource, isBind } from "./binds.ts";
import { compileDevices, KCORE } from "./devices.ts";
import { add, type Draft } from "./draft.ts";
import type { CreateOptions, HostFacts } from "./facts.ts";
import { compileHooks, compileHostHooks } from "./hooks.ts";
import { compileExecLabels, compileKeyLabel, labelMounts } from "./labels.ts";
import { compileMounts } from "./mounts.ts";
import { compileNamespaces, compileOomScoreAdj, isNew, mapsUsers } from "./namespaces.ts";
import { compileNotify } from "./notify.ts";
import type { Plan } from "./ops.ts";
import { compileConsole, compileProcess } from "./process.ts";
import { compileEnterRoot, compileInside, compileRootfs } from "./rootfs.ts";

/**
 * Compiles a bundle for `create`.
 * @throws BundleError where config.json asks for what cannot be done on this host or in this combination.
 */
export function compile(bundle: Bundle, facts: HostFacts, options: CreateOptions): Plan {
  const draft: Draft = { steps: [], sources: [], warnings: [] };

  // Stage one: in the host's namespaces; ends with the container's first process.
  compileNamespaces(draft, bundle, facts);

  // Stage two: the first process, still seeing the host's files.
  if (!options.noNewKeyring) {
    if (bundle.process !== undefined) compileKeyLabel(draft, bundle.process, facts);
    add(draft, { op: "keyring", name: `_ses.${options.id}` }, undefined);
  }
  add(draft, { op: "session" }, undefined);
  if (!mapsUsers(bundle)) compileOomScoreAdj(draft, bundle);
  if (isNew(bundle, "network")) add(draft, { op: "loopback" }, undefined);
  compileNames(draft, bundle);
  compileRootfs(draft, bundle, facts);
  compileMounts(draft, bundle, facts);
  compileNotify(draft, bundle, facts, options.notifyFolder);
  compileDevices(draft, bundle, facts);
  labelMounts(draft, bundle, facts);
  compileHostHooks(draft, bundle);
  compileHooks(draft, bundle, options, "createContainer");
  compileEnterRoot(draft, bundle, options);

  // Stage three: inside.
  if (bundle.process !== undefined) compileConsole(draft, bundle.process, "/dev/console");
  compileInside(draft, bundle, facts);
  // startContainer hooks are executed with them, too, as runc has it.
  if (bundle.process !== undefined) compileExecLabels(draft, bundle.process, facts);
  if (bundle.process !== undefined) compileProcess(draft, bundle, bundle.process, facts, options);
  add(draft, { op: "ready" }, undefined);
  add(draft, { op: "awaitStart" }, undefined);
  compileHooks(draft, bundle, options, "startContainer");
  add(draft, { op: "exec" }, bundle.process === undefined ? undefined : "/process/args/0");
  return draft;
}

/** The host's paths whose kind {@link HostFacts.sources} must tell before this bundle can be compiled. */
export function wantedSources(bundle: Bundle): readonly string[] {
  const paths = [KCORE];
  for (const mount of bundle.mounts) {
    if (mount.source !== undefined && isBind(mount)) paths.push(bindSource(bundle, mount));
  }
  return paths;
}

function compileNames(draft: Draft, bundle: Bundle): void {
  const { hostname, domainname } = bundle;
  if (hostname !== undefined && hostname !== "") add(draft, { op: "hostname", name: hostname }, "/hostname");
  if (domainname !== undefined && domainname !== "")
    add(draft, { op: "domainname", name: domainname }, "/domainname");
}
