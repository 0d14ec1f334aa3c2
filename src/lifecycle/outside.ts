/** What a container gets of its host's while it is created, beside its cgroups: groups of resctrl, network devices. */
import type { Bundle } from "../bundle/types.ts";
import { findResctrl, joinRdt, makeRdt, planRdt, type RdtSetup } from "../cgroup/rdt.ts";
import { pointerTo } from "../plan/draft.ts";
import type { HostStep } from "../plan/explain.ts";
import { missingDevice, NetDevices } from "../spawn/net-devices.ts";

/** A container's groups of resctrl; `undefined` where it asks for none. @throws BundleError, SystemError */
export function rdtSetup({ linux: { intelRdt } }: Bundle, id: string): RdtSetup | undefined {
  return intelRdt === undefined ? undefined : planRdt(intelRdt, id, findResctrl());
}

/** Each network device must be there. @throws SystemError */
export function checkNetDevices({ linux: { netDevices } }: Bundle): void {
  for (const device of netDevices) {
    const missing = missingDevice(device);
    if (missing !== undefined) throw missing;
  }
}

/** One container's, from the start of its creation to its end. */
export class Outside {
  readonly #bundle: Bundle;
  readonly #rdt: RdtSetup | undefined;
  readonly #devices = new NetDevices();

  constructor(bundle: Bundle, rdt: RdtSetup | undefined) {
    this.#bundle = bundle;
    this.#rdt = rdt;
  }

  /** Before the first process exists. @throws SystemError */
  prepare(): void {
    if (this.#rdt !== undefined) makeRdt(this.#rdt);
  }

  /** For the first process, which has its namespaces and waits. @throws SystemError */
  adopt(pid: number): void {
    if (this.#rdt !== undefined) joinRdt(this.#rdt.groups, pid);
    this.#devices.moveIn(this.#bundle.linux.netDevices, pid);
  }

  /** After a creation that failed; groups go with the container's cgroups. */
  takeBack(reason: unknown): void {
    this.#devices.moveBack(reason);
  }

  /** Lets go of the container's network namespace. */
  close(): void {
    this.#devices.close();
  }
}

/** The same, told. */
export function outsideSteps(
  { linux: { netDevices } }: Bundle,
  rdt: RdtSetup | undefined,
): readonly HostStep[] {
  const steps: HostStep[] = [];
  for (const { action, pointer } of rdt?.steps ?? []) {
    const { path } = action;
    steps.push(
      action.do === "mkdir"
        ? { what: "group", path, pointer }
        : { what: "write", path, value: action.text.trimEnd(), pointer },
    );
  }
  if (rdt !== undefined) {
    const { dir, monitor } = rdt.groups;
    for (const path of monitor === undefined ? [dir] : [dir, monitor]) {
      steps.push({ what: "task", path: `${path}/tasks`, pointer: "/linux/intelRdt" });
    }
  }
  for (const { hostName, name } of netDevices) {
    const pointer = pointerTo("linux", "netDevices", hostName);
    steps.push({ what: "device", path: hostName, value: name ?? hostName, pointer });
  }
  return steps;
}
