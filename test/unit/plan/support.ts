/** Bundles, facts and a decoder for the tests of the plan. */
import type {
  Bundle,
  Capabilities,
  Device,
  Hook,
  Hooks,
  Linux,
  Mount,
  Namespace,
  Process,
} from "../../../src/bundle/types.ts";
import type { CreateOptions, HostFacts } from "../../../src/plan/facts.ts";
import type { Op, OpName, Plan } from "../../../src/plan/ops.ts";
import { PLAN } from "../../../src/sys/constants.gen.ts";
import { resources } from "../cgroup/sample.ts";

const NO_HOOKS: Hooks = {
  prestart: [],
  createRuntime: [],
  createContainer: [],
  startContainer: [],
  poststart: [],
  poststop: [],
};

const CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"] as const;
const SPEC_CAPS: Capabilities = {
  bounding: CAPS,
  effective: CAPS,
  inheritable: [],
  permitted: CAPS,
  ambient: CAPS,
};

const SPEC_PROCESS: Process = {
  terminal: false,
  consoleSize: undefined,
  user: { uid: 0, gid: 0, umask: undefined, additionalGids: [] },
  args: ["sh"],
  env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
  cwd: "/",
  capabilities: SPEC_CAPS,
  rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024n, hard: 1024n }],
  noNewPrivileges: true,
  apparmorProfile: undefined,
  selinuxLabel: undefined,
  oomScoreAdj: undefined,
  scheduler: undefined,
  ioPriority: undefined,
  execCPUAffinity: undefined,
};

export const SPEC_MOUNTS: readonly Mount[] = [
  mount("/proc", "proc", "proc"),
  mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
  mount(
    "/dev/pts",
    "devpts",
    "devpts",
    "nosuid",
    "noexec",
    "newinstance",
    "ptmxmode=0666",
    "mode=0620",
    "gid=5",
  ),
  mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
  mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev"),
  mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
  mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro"),
];

const SPEC_LINUX: Linux = {
  namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({
    type: type as "pid",
    path: undefined,
  })),
  uidMappings: [],
  gidMappings: [],
  timeOffsets: { monotonic: undefined, boottime: undefined },
  devices: [],
  cgroupsPath: undefined,
  resources: resources(),
  rootfsPropagation: undefined,
  maskedPaths: ["/proc/acpi", "/proc/kcore", "/sys/firmware"],
  readonlyPaths: ["/proc/bus", "/proc/sys"],
  mountLabel: undefined,
  sysctl: new Map(),
  personality: undefined,
  memoryPolicy: undefined,
  seccomp: undefined,
  netDevices: [],
  intelRdt: undefined,
};

/** What a test changes of the bundle that `runc spec` describes. */
export interface Change {
  readonly mounts?: readonly Mount[];
  readonly hooks?: Partial<Hooks>;
  readonly process?: Partial<Process>;
  readonly linux?: Partial<Linux>;
  readonly root?: Partial<Bundle["root"]>;
  readonly hostname?: string | undefined;
  readonly domainname?: string;
  readonly annotations?: ReadonlyMap<string, string>;
}

/** The bundle that `runc spec` describes, with changes. */
export function bundle(change: Change = {}): Bundle {
  return {
    dir: "/bundle",
    ociVersion: "1.0.2-dev",
    hostname: "hostname" in change ? change.hostname : "runc",
    domainname: change.domainname,
    root: { path: "/bundle/rootfs", readonly: true, ...change.root },
    process: { ...SPEC_PROCESS, ...change.process },
    mounts: change.mounts ?? SPEC_MOUNTS,
    hooks: { ...NO_HOOKS, ...change.hooks },
    annotations: change.annotations ?? new Map(),
    linux: { ...SPEC_LINUX, ...change.linux },
  };
}

/** Namespaces of the given types, all new, beside a mount namespace. */
export function namespaces(...types: Namespace["type"][]): readonly Namespace[] {
  return [...types, "mount" as const].map((type) => ({ type, path: undefined }));
}

export function mount(
  destination: string,
  type: string | undefined,
  source: string,
  ...options: string[]
): Mount {
  return { destination, type, source, options, uidMappings: [], gidMappings: [] };
}

export function device(type: Device["type"], path: string, major: number, minor: number): Device {
  return { type, path, major, minor, fileMode: undefined, uid: undefined, gid: undefined };
}

export function hook(path: string, ...args: string[]): Hook {
  return { path, args: args.length === 0 ? [path] : args, env: undefined, timeout: undefined };
}

/** A host with nothing but folders at /srv and /srv/dir, a file at /srv/file, and no cgroups. */
export function facts(change: Partial<HostFacts> = {}): HostFacts {
  return {
    cgroup: { mode: "none", hierarchies: [] },
    cgroupDirs: new Map(),
    sources: new Map([
      ["/srv", "dir" as const],
      ["/srv/dir", "dir" as const],
      ["/srv/file", "file" as const],
    ]),
    lastCap: 40,
    filter: undefined,
    lsm: { apparmor: false, selinux: false },
    privileged: true,
    root: change.privileged ?? true,
    ...change,
  };
}

export function options(change: Partial<CreateOptions> = {}): CreateOptions {
  return {
    id: "c1",
    noPivot: false,
    noNewKeyring: false,
    preserveFds: 0,
    extraEnv: [],
    callerNofile: undefined,
    ...change,
  };
}

/** The plan's operations of one kind. */
export function all<N extends OpName>(plan: Plan, name: N): Extract<Op, { op: N }>[] {
  return plan.steps.map(({ op }) => op).filter((op): op is Extract<Op, { op: N }> => op.op === name);
}

/** The only operation of one kind. */
export function only<N extends OpName>(plan: Plan, name: N): Extract<Op, { op: N }> {
  const [first, ...others] = all(plan, name);
  if (first === undefined || others.length > 0) {
    throw new Error(`${others.length + (first === undefined ? 0 : 1)} operations ${name}, not one`);
  }
  return first;
}

/** The names of the operations in order. */
export function names(plan: Plan): readonly OpName[] {
  return plan.steps.map(({ op }) => op.op);
}

/** Freezes a value and all it holds, maps excepted: they have no frozen state. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Reads encoded operations back, independently of the encoder: by the tables of plan.h and its words about the format. */
export function decode(bytes: Uint8Array): {
  readonly header: number[];
  readonly ops: Record<string, unknown>[];
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  let at = 0;
  const u32 = (): number => {
    const value = view.getUint32(at, little);
    at += 4;
    return value;
  };
  const str = (): string => {
    const length = u32();
    const text = new TextDecoder().decode(bytes.subarray(at, at + length));
    if (text.includes("\ufffd")) throw new Error("a string that is no UTF-8");
    if (bytes[at + length] !== 0) throw new Error("a string without its NUL");
    at += length + 1;
    while (at % 4 !== 0) if (bytes[at++] !== 0) throw new Error("padding that is not zero");
    return text;
  };
  const u64 = (): bigint => BigInt(u32()) | (BigInt(u32()) << 32n);
  const many = <T>(read: () => T): T[] => Array.from({ length: u32() }, read);
  const blob = (): Uint8Array => {
    const length = u32();
    const found = bytes.slice(at, at + length);
    at += length;
    while (at % 4 !== 0) if (bytes[at++] !== 0) throw new Error("padding that is not zero");
    return found;
  };
  const header = [u32(), u32(), u32(), u32()];
  const ops: Record<string, unknown>[] = [];
  while (at < bytes.length) {
    const code = u32();
    const end = u32() + at;
    const found = Object.entries(PLAN.ops).find(([, each]) => each.code === code);
    if (found === undefined) throw new Error(`no operation has the number ${code}`);
    const [name, { fields }] = found;
    const op: Record<string, unknown> = { op: name };
    for (const [field, kind] of fields) {
      if (kind === "U32") op[field] = u32();
      else if (kind === "U64") op[field] = u64();
      else if (kind === "STR") op[field] = str();
      else if (kind === "STRS") op[field] = many(str);
      else if (kind === "U64S") op[field] = many(u64);
      else op[field] = blob();
    }
    if (at !== end) throw new Error(`${name} is ${end - at} bytes longer than its fields`);
    ops.push(op);
  }
  return { header, ops };
}
