import type { Resources } from "../../../src/bundle/types.ts";

/** What a test changes of {@link resources}: groups are merged one level deep. */
export type Change = {
  readonly [K in keyof Resources]?: Resources[K] extends ReadonlyMap<unknown, unknown> | readonly unknown[]
    ? Resources[K]
    : Partial<Resources[K]>;
};

/** Resources in which nothing is asked for, with some changes. */
export function resources(change: Change = {}): Resources {
  return {
    unified: change.unified ?? new Map(),
    devices: change.devices ?? [],
    memory: {
      limit: undefined,
      reservation: undefined,
      swap: undefined,
      kernel: undefined,
      kernelTCP: undefined,
      swappiness: undefined,
      disableOOMKiller: undefined,
      useHierarchy: undefined,
      checkBeforeUpdate: false,
      ...change.memory,
    },
    cpu: {
      shares: undefined,
      quota: undefined,
      burst: undefined,
      period: undefined,
      realtimeRuntime: undefined,
      realtimePeriod: undefined,
      cpus: undefined,
      mems: undefined,
      idle: undefined,
      ...change.cpu,
    },
    pids: { limit: undefined, ...change.pids },
    blockIO: {
      weight: undefined,
      leafWeight: undefined,
      weightDevice: [],
      throttleReadBpsDevice: [],
      throttleWriteBpsDevice: [],
      throttleReadIOPSDevice: [],
      throttleWriteIOPSDevice: [],
      ...change.blockIO,
    },
    hugepageLimits: change.hugepageLimits ?? [],
    network: { classID: undefined, priorities: [], ...change.network },
    rdma: change.rdma ?? new Map(),
  };
}
