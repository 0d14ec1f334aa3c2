/**
 * What is kept of a container, one fact a file, each written once, so that no file is ever rewritten and a crash leaves
 * each one whole or absent:
 *
 *     ROOT/ID/state.json    what it is: written before anything that would have to be undone exists
 *     ROOT/ID/config.json   the configuration it was created from
 *     ROOT/ID/init.json     its first process; becomes process.json by rename when it is created
 *     ROOT/ID/exit.json     how that ended, where tsrun saw it
 *     ROOT/ID/start.sock    where the first process waits for `start`; gone when it has started
 *     ROOT/ID/notify/       what the container sees of this: its program's socket for notifications, where NOTIFY_SOCKET was set
 *
 * The folder itself is the lock (flock): create, start, pause, resume, update and delete hold it. A folder without
 * process.json whose lock nobody holds is a create that died.
 */
import type { Hook } from "../bundle/types.ts";
import type { RdtGroups } from "../cgroup/rdt.ts";
import type { UnitRecord } from "../cgroup/systemd/setup.ts";
import { StateError } from "../error.ts";
import type { Step } from "../plan/ops.ts";

/** state.json */
export interface Record {
  /** Of this file. */
  readonly version: 1;
  readonly ociVersion: string;
  readonly id: string;
  /** Absolute path of the bundle. */
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339 with nanoseconds. */
  readonly created: string;
  readonly annotations: { readonly [name: string]: string };
  /** The cgroup folder of each controller; `""` is the unified hierarchy's. */
  readonly cgroups: { readonly [controller: string]: string };
  /** The cgroup folders that were not there before, parents first: those that delete takes away again. */
  readonly newCgroups: readonly string[];
  /** The unit of systemd that its cgroup is, where it is one. */
  readonly unit?: UnitRecord;
  /** Its groups in the resctrl filesystem, where it is in any. */
  readonly rdt?: RdtGroups;
  /** Whether its processes keep the session keyring of whoever starts them. */
  readonly noNewKeyring: boolean;
  /** Whether the container has a process-id namespace of its own: then its first process takes all others with it. */
  readonly ownPidNamespace: boolean;
  /** Its standard streams that are pipes of tsrun's caller, by the kernel's name for each; `""` for others, absent where it has a terminal. */
  readonly pipes?: readonly string[];
  /** Whether it was restored from a checkpoint. */
  readonly restored?: true;
  /** What the first process does once it is started, with its place in the plan: for the error, should it fail. */
  readonly afterStart: { readonly from: number; readonly steps: readonly Step[] };
  readonly poststart: readonly Hook[];
  readonly poststop: readonly Hook[];
}

/** init.json and process.json */
export interface ProcessRecord {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot: with the pid it names one process for good. */
  readonly startTime: string;
}

/** What each field of state.json has to be, as far as another one than tsrun may have changed it. */
const FIELDS: { readonly [name in keyof Record]-?: (value: unknown) => boolean } = {
  version: (value) => value === 1,
  ociVersion: isText,
  id: isText,
  bundle: isText,
  rootfs: isText,
  created: isText,
  annotations: isTextMap,
  cgroups: isTextMap,
  newCgroups: (value) => Array.isArray(value) && value.every(isText),
  unit: (value) =>
    value === undefined ||
    (isObject(value) &&
      isText(value["name"]) &&
      isText(value["description"]) &&
      typeof value["user"] === "boolean"),
  rdt: (value) =>
    value === undefined ||
    (isObject(value) && [value["root"], value["dir"]].every(isText) && isTextOrAbsent(value["monitor"])),
  noNewKeyring: (value) => typeof value === "boolean",
  ownPidNamespace: (value) => typeof value === "boolean",
  pipes: (value) => value === undefined || (Array.isArray(value) && value.every(isText)),
  restored: (value) => value === undefined || value === true,
  afterStart: (value) =>
    isObject(value) && typeof value["from"] === "number" && Array.isArray(value["steps"]),
  poststart: Array.isArray,
  poststop: Array.isArray,
};

/** @throws StateError `damaged` */
export function parseRecord(text: string, id: string): Record {
  const value = parse(text, id, "state.json");
  for (const name in FIELDS) {
    if (!FIELDS[name as keyof Record](value[name])) {
      throw damaged(id, `state.json has not the ${name} it should have`);
    }
  }
  if (value["id"] !== id) throw damaged(id, `state.json is that of ${JSON.stringify(value["id"])}`);
  return value as unknown as Record;
}

/** @throws StateError `damaged` */
export function parseProcess(text: string, id: string): ProcessRecord {
  const value = parse(text, id, "process.json");
  const { pid, startTime } = value as { pid?: unknown; startTime?: unknown };
  if (typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 1 || typeof startTime !== "string") {
    throw damaged(id, "process.json has not the fields it should have");
  }
  return { pid, startTime };
}

function parse(text: string, id: string, name: string): { readonly [key: string]: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged(id, `${name} is no JSON`);
  }
  if (!isObject(value)) throw damaged(id, `${name} is no object`);
  return value;
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || isText(value);
}

function isTextMap(value: unknown): boolean {
  return isObject(value) && Object.values(value).every(isText);
}

/** The error for state that tsrun did not write like this. */
export function damaged(id: string, what: string): StateError {
  return new StateError("damaged", `container ${id}: its state is damaged: ${what}`, {
    hint: `tsrun delete --force ${id} removes what is left of it`,
  });
}
