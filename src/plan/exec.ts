/**
 * A further process in a container that lives: the same operations as the first one's, on namespaces that are there
 * already. No operation mounts anything.
 */
import type { Bundle, Process } from "../bundle/types.ts";
import { CLONE } from "../sys/constants.gen.ts";
import { add, type Draft } from "./draft.ts";
import type { ExecOptions } from "./facts.ts";
import { compileExecLabels, compileKeyLabel } from "./labels.ts";
import { NAMESPACE_FLAGS, namespaceOf } from "./namespaces.ts";
import type { Plan } from "./ops.ts";
import { bitMask, compileConsole, compileProcess, type ProcessFacts } from "./process.ts";

/**
 * Compiles a process for `exec` in the container that was made from `bundle`. The pointers are those of a config.json with
 * this process.
 *
 * @throws BundleError where the process asks for what cannot be done in this container
 */
export function compileExec(
  bundle: Bundle,
  process: Process,
  facts: ProcessFacts,
  options: ExecOptions,
): Plan {
  const draft: Draft = { steps: [], sources: [], warnings: [] };
  const affinity = process.execCPUAffinity;
  if (affinity?.initial !== undefined) {
    add(draft, { op: "affinity", cpus: bitMask(affinity.initial) }, "/process/execCPUAffinity/initial");
  }
  // Root writes it from outside: an entered process that held a procfs would have something of the host's.
  if (!facts.privileged && process.oomScoreAdj !== undefined) {
    add(draft, { op: "oomScoreAdj", value: BigInt(process.oomScoreAdj) }, "/process/oomScoreAdj");
  }
  // For the same reason, and the kernel keeps them through all that comes before execve.
  compileExecLabels(draft, process, facts);
  if (!options.noNewKeyring) compileKeyLabel(draft, process, facts);
  let flags = 0;
  for (const { type } of bundle.linux.namespaces) {
    if (type !== "cgroup" && !(type === "user" && options.ownUserNamespace)) flags |= NAMESPACE_FLAGS[type];
  }
  add(draft, { op: "enter", flags }, undefined);
  add(draft, { op: "attach" }, undefined);
  add(draft, { op: "fork" }, undefined);
  // After the fork, which enters the cgroup: from inside a cgroup namespace the kernel lets nobody come in from outside it.
  if (namespaceOf(bundle, "cgroup") !== undefined) {
    add(draft, { op: "join", ns: CLONE.NEWCGROUP, path: `/proc/${options.pid}/ns/cgroup` }, undefined);
  }
  if (!options.noNewKeyring) add(draft, { op: "keyring", name: `_ses.${options.id}` }, undefined);
  add(draft, { op: "session" }, undefined);
  if (affinity?.final !== undefined) {
    add(draft, { op: "affinity", cpus: bitMask(affinity.final) }, "/process/execCPUAffinity/final");
  }
  compileConsole(draft, process, "");
  compileProcess(draft, bundle, process, facts, options);
  add(draft, { op: "ready" }, undefined);
  add(draft, { op: "exec" }, "/process/args/0");
  return draft;
}
