/**
 * The operations of a plan, as TypeScript sees them. native/plan.h is the source: the same names, the same fields; a
 * contract test compares the two. A field named `target` is a path inside the container's root.
 */
import type { IdMapping, Warning } from "../bundle/types.ts";
import type { Pointer } from "../error.ts";

/** A path inside the container's root; tsrun-init resolves it there, whatever symbolic links the image holds. */
export type RootPath = string;

/** `PLAN_NO_SOURCE`: the bind's source is opened by tsrun-init, by its path. */
export const NO_SOURCE = 0xffffffff;

/** MOUNT_ATTR_* bits for one mount_setattr(2), for the mount itself and for the whole tree below it. */
export interface MountAttributes {
  readonly attrSet: bigint;
  readonly attrClear: bigint;
  readonly recAttrSet: bigint;
  readonly recAttrClear: bigint;
  /** MS_SHARED and friends, with MS_REC where recursive, applied in order. */
  readonly propagation: readonly bigint[];
}

/** What tsrun-init does in one go; native/plan.h says what each field means. */
export type Op =
  | { readonly op: "join"; readonly ns: number; readonly path: string }
  | { readonly op: "userns"; readonly setGroups: number }
  | { readonly op: "unshare"; readonly flags: number }
  | { readonly op: "timeOffset"; readonly clock: string; readonly secs: bigint; readonly nanosecs: number }
  | { readonly op: "attach" }
  | { readonly op: "trace" }
  | { readonly op: "enter"; readonly flags: number }
  | { readonly op: "fork" }
  | { readonly op: "keyring"; readonly name: string }
  | { readonly op: "session" }
  | { readonly op: "loopback" }
  | { readonly op: "hostname"; readonly name: string }
  | { readonly op: "domainname"; readonly name: string }
  | { readonly op: "oomScoreAdj"; readonly value: bigint }
  | { readonly op: "propagation"; readonly flags: bigint }
  | {
      readonly op: "overlay";
      readonly path: string;
      readonly folder: string;
      readonly inode: bigint;
      readonly options: string;
    }
  | { readonly op: "rootfs"; readonly path: string }
  | { readonly op: "mkdir"; readonly target: RootPath; readonly mode: number }
  | { readonly op: "mkfile"; readonly target: RootPath; readonly mode: number }
  | ({
      readonly op: "mount";
      readonly target: RootPath;
      readonly source: string;
      readonly fstype: string;
      readonly options: readonly string[];
      readonly ordinary: number;
      readonly copyUp: number;
    } & MountAttributes)
  | ({
      readonly op: "bind";
      readonly target: RootPath;
      readonly source: string;
      readonly sourceIndex: number;
      readonly recursive: number;
    } & MountAttributes)
  | ({
      readonly op: "remount";
      readonly target: RootPath;
      readonly superblock: number;
      readonly options: readonly string[];
    } & MountAttributes)
  | {
      readonly op: "mknod";
      readonly target: RootPath;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly op: "symlink"; readonly target: RootPath; readonly text: string; readonly replace: number }
  | { readonly op: "hostHooks" }
  | {
      readonly op: "hook";
      readonly stage: string;
      readonly index: number;
      readonly path: string;
      readonly args: readonly string[];
      readonly hasEnv: number;
      readonly env: readonly string[];
      readonly timeout: number;
      readonly stateHead: string;
      readonly stateTail: string;
    }
  | {
      readonly op: "console";
      readonly target: RootPath;
      readonly height: number;
      readonly width: number;
    }
  | { readonly op: "fileLabel"; readonly target: RootPath; readonly label: string }
  | { readonly op: "label"; readonly attribute: number; readonly label: string }
  | { readonly op: "pivotRoot" }
  | { readonly op: "moveRoot" }
  | { readonly op: "sysctl"; readonly name: string; readonly value: string }
  | { readonly op: "readonlyPath"; readonly target: RootPath }
  | { readonly op: "maskPath"; readonly target: RootPath; readonly label: string }
  | { readonly op: "rootReadonly" }
  | { readonly op: "chdir"; readonly target: RootPath }
  | { readonly op: "rlimit"; readonly resource: number; readonly soft: bigint; readonly hard: bigint }
  | { readonly op: "umask"; readonly mask: number }
  | {
      readonly op: "scheduler";
      readonly policy: number;
      readonly flags: bigint;
      readonly nice: bigint;
      readonly priority: number;
      readonly runtime: bigint;
      readonly deadline: bigint;
      readonly period: bigint;
    }
  | { readonly op: "ioPriority"; readonly value: number }
  | { readonly op: "personality"; readonly persona: bigint }
  | { readonly op: "memoryPolicy"; readonly mode: number; readonly nodes: readonly bigint[] }
  | { readonly op: "affinity"; readonly cpus: readonly bigint[] }
  | { readonly op: "stdioOwner"; readonly uid: number }
  | { readonly op: "boundingSet"; readonly mask: bigint }
  | {
      readonly op: "user";
      readonly uid: number;
      readonly gid: number;
      readonly setGroups: number;
      readonly groups: readonly bigint[];
    }
  | {
      readonly op: "capabilities";
      readonly effective: bigint;
      readonly permitted: bigint;
      readonly inheritable: bigint;
      readonly ambient: bigint;
      readonly reserve: bigint;
    }
  | { readonly op: "noNewPrivs" }
  | {
      readonly op: "program";
      readonly args: readonly string[];
      readonly env: readonly string[];
      readonly fillHome: number;
    }
  | { readonly op: "closeFrom"; readonly first: number }
  | {
      readonly op: "seccomp";
      readonly when: number;
      readonly flags: number;
      readonly program: Uint8Array;
    }
  | { readonly op: "ready" }
  | { readonly op: "awaitStart" }
  | { readonly op: "exec" };

/** The name of an operation. */
export type OpName = Op["op"];

/** One operation and the part of config.json it came from: where it fails, that place is named. */
export interface Step {
  readonly op: Op;
  /** `undefined`: no single place asked for it, the spec does (default devices, for one). */
  readonly pointer: Pointer | undefined;
}

/** A mount source that the host opens for tsrun-init, because a mapped root could not, or to id-map it. */
export interface HostSource {
  readonly path: string;
  readonly recursive: boolean;
  /** The mapping to put on the mount: the container's user namespace, mappings of its own, or none. */
  readonly idmap:
    | { readonly kind: "none" }
    | { readonly kind: "container"; readonly recursive: boolean }
    | {
        readonly kind: "own";
        readonly recursive: boolean;
        readonly uid: readonly IdMapping[];
        readonly gid: readonly IdMapping[];
      };
  readonly pointer: Pointer;
}

/** A compiled bundle: everything tsrun-init will do, in order, and what it will ask the host for. */
export interface Plan {
  readonly steps: readonly Step[];
  readonly sources: readonly HostSource[];
  /** What is understood but has no effect, such as a filesystem's option on a bind mount. */
  readonly warnings: readonly Warning[];
}

/** The plan, whose operations note their times where somebody wants them. */
export function traced(plan: Plan, wanted: boolean): Plan {
  if (!wanted) return plan;
  return { ...plan, steps: [{ op: { op: "trace" }, pointer: undefined }, ...plan.steps] };
}
