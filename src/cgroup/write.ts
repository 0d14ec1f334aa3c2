/**
 * What the resource compilers produce: writes to files of a container's cgroup, and the helpers they share.
 */
import { BundleError, type Pointer } from "../error.ts";

/** One write to one file of the container's cgroup, asked for by one place of config.json. */
export interface CgroupWrite {
  /** The controller whose folder holds the file; on v2 the one that must be enabled for it, `cgroup` for none. */
  readonly controller: string;
  /** The file's name, without a folder. */
  readonly file: string;
  readonly value: string;
  readonly pointer: Pointer;
  /** What is written instead where the kernel has no such file. */
  readonly instead?: { readonly file: string; readonly value: string };
  /** A missing file is no failure: the value is what a kernel without the file does anyway. */
  readonly ifThere?: boolean;
  /**
   * EINVAL may only mean that another value must change first (a memory limit above the old memory+swap limit, a
   * period too short for the old quota): tried again once after all others.
   */
  readonly again?: boolean;
}

/** What decides how resources are compiled beside the resources themselves. */
export interface CompileOptions {
  /**
   * False leaves `linux.resources.devices` out: where tsrun is not privileged in the initial user namespace, whose
   * kernel refuses such rules, and when something else enforces them. The container's own user namespace is no reason.
   * On v2 they are never among the writes.
   */
  readonly devices?: boolean;
  /**
   * A `pids.limit` of 0 is a limit (runtime-spec 1.3), not "unlimited" (before 1.3; podman writes 0 for its -1).
   */
  readonly zeroPidsIsLimit?: boolean;
  /** Why a controller cannot be used on v2, with what to do, where the cgroup is there to be asked. */
  readonly whyMissing?: (controller: string) => string | undefined;
}

/** Tells whether a controller can be used on this host. */
export type HasController = (controller: string) => boolean;

/** Where every pointer of this room starts. */
export const AT = "/linux/resources";

/** Collects writes and refuses those whose controller is missing. */
export class WriteList {
  readonly writes: CgroupWrite[] = [];
  readonly #has: HasController;
  readonly #missing: (controller: string) => { readonly fact: string; readonly cure: string };

  constructor(
    has: HasController,
    missing: (controller: string) => { readonly fact: string; readonly cure: string },
  ) {
    this.#has = has;
    this.#missing = missing;
  }

  /** @throws BundleError `unsupported` when the controller cannot be used */
  add(write: CgroupWrite): void {
    if (!this.#has(write.controller)) {
      const { fact, cure } = this.#missing(write.controller);
      throw new BundleError(
        "unsupported",
        write.pointer,
        `cannot set ${write.controller} limit: ${fact}`,
        cure,
      );
    }
    this.writes.push(write);
  }
}

/** @throws BundleError `unsupported` */
export function unsupported(pointer: Pointer, sentence: string, hint?: string): never {
  throw new BundleError("unsupported", pointer, sentence, hint);
}

/**
 * cpu.shares within what the kernel takes as it is: it would silently raise or lower any other (kernel/sched/core.c,
 * MIN_SHARES and MAX_SHARES). The sentences are runc's.
 * @throws BundleError `range`
 */
export function checkedShares(shares: bigint | undefined): bigint | undefined {
  if (shares === undefined || shares === 0n) return undefined;
  const pointer = `${AT}/cpu/shares`;
  if (shares < 2n) throw new BundleError("range", pointer, "the minimum allowed cpu-shares is 2");
  if (shares > 262144n) throw new BundleError("range", pointer, "the maximum allowed cpu-shares is 262144");
  return shares;
}

/**
 * @throws BundleError `conflict` when memory and swap together are less than memory alone
 */
export function checkSwap(limit: bigint | undefined, swap: bigint | undefined): void {
  if (limit !== undefined && swap !== undefined && limit > 0n && swap > 0n && swap < limit) {
    throw new BundleError(
      "conflict",
      `${AT}/memory/swap`,
      `memory+swap limit should be >= memory limit, but ${swap} is less than ${limit}`,
      "swap counts memory and swap together; -1 is no limit",
    );
  }
}

/** `undefined` and 0 both mean "not asked for", as in runc. */
export function given(value: bigint | undefined): value is bigint {
  return value !== undefined && value !== 0n;
}

/** `pids.limit` 0 is a limit since runtime-spec 1.3: see {@link CompileOptions.zeroPidsIsLimit}. */
export function zeroPidsIsLimit(ociVersion: string): boolean {
  const [major = 0, minor = 0] = ociVersion.split(".").map(Number);
  return major > 1 || (major === 1 && minor >= 3);
}

/** The value for pids.max, or `undefined` to leave it. */
export function pidsMax(limit: bigint | undefined, options: CompileOptions): string | undefined {
  if (limit === undefined) return undefined;
  if (limit > 0n) return limit.toString();
  // One process, the container's own: with 0 in the file the kernel could not even clone it into the cgroup.
  return limit === 0n && options.zeroPidsIsLimit === true ? "1" : "max";
}

/** A huge page size as file names have it. @throws BundleError `format` */
export function checkedPageSize(pageSize: string, pointer: Pointer): string {
  if (/^[0-9]+[KMG]B$/.test(pageSize)) return pageSize;
  throw new BundleError(
    "format",
    pointer,
    `${JSON.stringify(pageSize)} is not a huge page size`,
    'sizes look like "2MB"',
  );
}

/** A device or interface name that is one word of a line. @throws BundleError `format` */
export function checkedWord(name: string, pointer: Pointer): string {
  if (name !== "" && !/[\s\u0000]/.test(name)) return name;
  throw new BundleError("format", pointer, `${JSON.stringify(name)} is not a device name`);
}

/** The line for rdma.max, the same on v1 and v2. */
export function rdmaLine(
  device: string,
  limit: { readonly hcaHandles: number | undefined; readonly hcaObjects: number | undefined },
): string {
  let line = device;
  if (limit.hcaHandles !== undefined) line += ` hca_handle=${limit.hcaHandles}`;
  if (limit.hcaObjects !== undefined) line += ` hca_object=${limit.hcaObjects}`;
  return line;
}

/** A key as one step of a JSON pointer (RFC 6901, section 3). */
export function pointerStep(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
