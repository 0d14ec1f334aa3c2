/** What a container gets of its host's beside cgroups: network devices, and a share of the processor's caches. */

/** A network device of the host that becomes the container's (config-linux.md, Network Devices). */
export interface NetDevice {
  /** Its name on the host. */
  readonly hostName: string;
  /** Its name in the container, where `%d` becomes the first free number; `undefined` keeps the host's. */
  readonly name: string | undefined;
}

/** Intel Resource Director Technology (config-linux.md, IntelRdt; the kernel's filesystems/resctrl.rst). */
export interface IntelRdt {
  /** The class of service, a folder of resctrl, `/` being its root; `undefined` makes one named as the container. */
  readonly closID: string | undefined;
  /** Lines of the class's `schemata` file, such as `L3:0=f`. */
  readonly l3CacheSchema: string | undefined;
  /** One such line, that begins with `MB:`. */
  readonly memBwSchema: string | undefined;
  /** Further lines, written last. */
  readonly schemata: readonly string[];
  /** Whether the container gets a monitoring group of its own. */
  readonly enableMonitoring: boolean;
}
