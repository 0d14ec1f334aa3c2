/**
 * What `compile` must know about the host and the call, gathered beforehand, so that compiling itself reads nothing.
 */

/** What lies at a path of the host: decides whether a bind needs a folder or a file to sit on. `forbidden` cannot be looked at. */
export type SourceKind = "dir" | "file" | "missing" | "forbidden";

/** One cgroup hierarchy that is mounted on the host. */
export interface Hierarchy {
  /** 1, or 2 for the unified one (in hybrid mode it is one among others, and has no controllers). */
  readonly version: 1 | 2;
  /** Controllers mounted together, such as `["cpu", "cpuacct"]`; `["name=systemd"]` for a named one; `[]` for unified. */
  readonly controllers: readonly string[];
  /** Where it is mounted, for example `/sys/fs/cgroup/memory`. */
  readonly mountpoint: string;
  /** The part of the hierarchy that is visible at the mount point, usually `/`. */
  readonly root: string;
  /** tsrun's own cgroup in it, as /proc/self/cgroup has it. */
  readonly own: string;
}

/** The cgroup hierarchies of the host (cgroups(7)). */
export interface CgroupFacts {
  readonly mode: "v1" | "hybrid" | "v2" | "none";
  readonly hierarchies: readonly Hierarchy[];
}

/** Which security modules are there, as far as the bundle asks for one. */
export interface LsmFacts {
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

/** The layers of a root that is an overlay, by what the bundle's own record and the caller's store say. */
export interface OverlayFacts {
  /** The folder that holds them. */
  readonly folder: string;
  /** Of that folder when it was looked at: what is mounted must be of the same one. */
  readonly inode: bigint;
  /** Their names in it, the topmost first. */
  readonly layers: readonly string[];
}

/** The host as far as a plan depends on it. */
export interface HostFacts {
  readonly cgroup: CgroupFacts;
  readonly lsm: LsmFacts;
  /** The container's cgroup folder in each hierarchy, keyed by the hierarchy's mount point. */
  readonly cgroupDirs: ReadonlyMap<string, string>;
  /** What lies at each bind source, keyed by the absolute path. */
  readonly sources: ReadonlyMap<string, SourceKind>;
  /** The highest capability the running kernel knows (/proc/sys/kernel/cap_last_cap). */
  readonly lastCap: number;
  /** True when tsrun runs as root of the initial user namespace. */
  readonly privileged: boolean;
  /**
   * True when tsrun is root of the user namespace that it is in, the initial one or another: then it may map ids, enter
   * namespaces and open mount sources for a container; an ordinary user gets all privileges from the container's own.
   */
  readonly root: boolean;
  /** linux.seccomp as a program for the kernel; `undefined` where config.json has none. */
  readonly filter: Uint8Array | undefined;
  /** What the root is an overlay of; absent where it is a folder of the bundle's own. */
  readonly overlay?: OverlayFacts | undefined;
}

/** What the command line adds to a process, be it the first one or that of exec. */
export interface ProcessOptions {
  readonly id: string;
  /** `--no-new-keyring`. */
  readonly noNewKeyring: boolean;
  /** `--preserve-fds`, with LISTEN_FDS already added. */
  readonly preserveFds: number;
  /** Entries added to the process's environment, such as `LISTEN_FDS=2`. */
  readonly extraEnv: readonly string[];
  /** The limit of open files that the caller had before the JavaScript engine raised it; `undefined` leaves it. */
  readonly callerNofile: { readonly soft: bigint; readonly hard: bigint } | undefined;
}

/** What the command line adds to the bundle. */
export interface CreateOptions extends ProcessOptions {
  /** The host's folder for the program's notifications (sd_notify(3)); absent where nobody wants any. */
  readonly notifyFolder?: string | undefined;
  /** `--no-pivot`. */
  readonly noPivot: boolean;
}

/** What `exec` adds. */
export interface ExecOptions extends ProcessOptions {
  /** The container's first process. */
  readonly pid: number;
  /** Whether the container's user namespace is tsrun's own: the kernel lets nobody enter the one he is in. */
  readonly ownUserNamespace: boolean;
}
