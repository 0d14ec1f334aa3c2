/** criu's RPC (criu/images/rpc.proto, https://criu.org/RPC): the requests that tsrun makes, and the answers. */
import { encodeMessage, Fields, type Message } from "./protobuf.ts";

/** criu_req_type */
export const REQUEST = { dump: 1, restore: 2, preDump: 4, notify: 6, featureCheck: 9, version: 10 } as const;

/** criu_cg_mode, as far as runc's options name it. */
export const CGROUP_MODES = { ignore: 0, soft: 3, full: 4, strict: 5 } as const;

/** What is done with cgroups beside the container's own. */
export type CgroupMode = keyof typeof CGROUP_MODES;

/** Two texts that go together: key and value of a mount, controller and path of a cgroup, type and file of a namespace. */
export type Pair = readonly [string, string];

/** criu_opts. Descriptors of folders and of `statusFd` are tsrun's own numbers, those of `inheritFd` criu's. */
export interface CriuOptions {
  readonly imagesDirFd: number;
  readonly pid?: number;
  readonly leaveRunning?: boolean;
  readonly extUnixSk: boolean;
  readonly tcpEstablished: boolean;
  readonly evasiveDevices?: boolean;
  readonly shellJob: boolean;
  readonly fileLocks: boolean;
  readonly logFile: string;
  readonly pageServer?: { readonly address: string; readonly port: number } | undefined;
  readonly root: string;
  /** Relative to the folder of the image. */
  readonly parentImg?: string | undefined;
  readonly trackMem?: boolean;
  readonly autoDedup: boolean;
  readonly workDirFd?: number | undefined;
  /** Mounts from outside: on a dump mount point and name, on a restore name and source. */
  readonly extMnt: readonly Pair[];
  readonly cgRoot?: readonly Pair[];
  readonly rstSibling?: boolean;
  /** Name and number, among criu's own. */
  readonly inheritFd?: readonly (readonly [string, number])[];
  readonly cgroupMode: CgroupMode | undefined;
  /** `TYPE[INODE]:NAME` of namespaces that are not the container's. */
  readonly external?: readonly string[];
  /** CLONE_NEW* flags of namespaces whose contents are left out. */
  readonly emptyNs: number;
  readonly joinNs?: readonly Pair[];
  readonly freezeCgroup?: string | undefined;
  readonly lazyPages: boolean;
  readonly configFile: string | undefined;
  readonly lsmProfile?: string | undefined;
  readonly lsmMountContext?: string | undefined;
}

/** A request. */
export type CriuRequest =
  | { readonly type: "dump" | "restore" | "preDump"; readonly options: CriuOptions }
  | { readonly type: "featureCheck"; readonly wanted: Feature }
  | { readonly type: "version" }
  | { readonly type: "notify"; readonly success: boolean };

/** criu_features */
export type Feature = "memTrack" | "lazyPages";

const FEATURES = { memTrack: 1, lazyPages: 2 } as const;

/** Everything is said, and no more than that: criu's debug level. */
const LOG_LEVEL = 4;

/** Its bytes. */
export function encodeRequest(request: CriuRequest): Uint8Array {
  const type = [1, REQUEST[request.type]] as const;
  switch (request.type) {
    case "dump":
    case "restore":
    case "preDump":
      return encodeMessage([type, [2, optionFields(request.options)]]);
    case "notify":
      return encodeMessage([type, [3, request.success]]);
    case "featureCheck":
      return encodeMessage([type, [5, [[FEATURES[request.wanted], true]]]]);
    case "version":
      return encodeMessage([type]);
    default:
      return request satisfies never;
  }
}

function optionFields(options: CriuOptions): Message {
  const { pageServer, cgroupMode } = options;
  return [
    [1, options.imagesDirFd],
    [2, options.pid],
    [3, options.leaveRunning],
    [4, options.extUnixSk],
    [5, options.tcpEstablished],
    [6, options.evasiveDevices],
    [7, options.shellJob],
    [8, options.fileLocks],
    [9, LOG_LEVEL],
    [10, options.logFile],
    [
      11,
      pageServer && [
        [1, pageServer.address],
        [2, pageServer.port],
      ],
    ],
    [12, true], // notify_scripts
    [13, options.root],
    [14, options.parentImg],
    [15, options.trackMem],
    [16, options.autoDedup],
    [17, options.workDirFd],
    ...pairs(23, options.extMnt),
    [24, true], // manage_cgroups: what older ones read
    ...pairs(25, options.cgRoot ?? []),
    [26, options.rstSibling],
    ...pairs(27, options.inheritFd ?? []),
    [34, cgroupMode === undefined ? undefined : CGROUP_MODES[cgroupMode]],
    ...(options.external ?? []).map((name) => [37, name] as const),
    [38, options.emptyNs],
    ...pairs(39, options.joinNs ?? []),
    [44, options.freezeCgroup],
    [48, options.lazyPages],
    [50, true], // orphan_pts_master
    [51, options.configFile],
    [53, options.lsmProfile],
    [63, options.lsmMountContext],
  ];
}

function pairs(field: number, list: readonly (readonly [string, string | number])[]): Message {
  return list.map(([key, value]) => [
    field,
    [
      [1, key],
      [2, value],
    ],
  ]);
}

/** criu_resp */
export interface CriuAnswer {
  readonly type: number;
  readonly success: boolean;
  /** Of a notification: what it is about, and whom. */
  readonly notify: { readonly script: string; readonly pid: number | undefined } | undefined;
  /** The errno, where there is one. */
  readonly errno: number;
  /** In words. */
  readonly said: string | undefined;
  readonly features: { readonly memTrack: boolean; readonly lazyPages: boolean };
  /** `31701` for 3.17.1. */
  readonly version: number;
}

/** @throws RangeError where the bytes are none */
export function decodeAnswer(bytes: Uint8Array): CriuAnswer {
  const fields = new Fields(bytes);
  const notify = fields.message(5);
  const features = fields.message(8);
  const version = fields.message(10);
  return {
    type: fields.number(1) ?? -1,
    success: fields.number(2) === 1,
    notify: notify && { script: notify.text(1) ?? "", pid: notify.number(2) },
    errno: fields.number(7) ?? 0,
    said: fields.text(9),
    features: {
      memTrack: features?.number(FEATURES.memTrack) === 1,
      lazyPages: features?.number(FEATURES.lazyPages) === 1,
    },
    version: version === undefined ? 0 : versionNumber(version),
  };
}

/** One that was built from sources between two releases counts as the next one, as in go-criu. */
function versionNumber(version: Fields): number {
  const [major = 0, minor = 0, sublevel = 0] = [version.number(1), version.number(2), version.number(4)];
  if (version.text(3) !== undefined && version.text(3) !== "") return major * 10_000 + (minor + 1) * 100;
  return major * 10_000 + minor * 100 + sublevel;
}
