/** An image's configuration becomes a config.json (image-spec conversion.md). Pure. */
import type { IdMapping } from "../bundle/types.ts";
import { ImageError } from "./error.ts";
import type { Node } from "./json.ts";
import { isObeyed } from "./labels.ts";
import { findUser, type UserFiles } from "./users.ts";

/** A mount of config.json. */
interface ConfigMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options?: readonly string[];
}

/** The config.json to start from, as `tsrun spec` writes it. */
export interface BaseConfig {
  readonly process: {
    readonly env: readonly string[];
    readonly capabilities: Readonly<Record<string, readonly string[]>>;
  };
  readonly hostname: string;
  readonly mounts: readonly ConfigMount[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[];
    readonly resources?: object;
  };
}

/** What the caller asks for beside the image. */
export interface Wishes {
  /** In the place of Cmd. */
  readonly args: readonly string[];
  /** In the place of Entrypoint; Cmd is left out then. */
  readonly entrypoint: string | undefined;
  readonly env: readonly string[];
  readonly user: string | undefined;
  readonly cwd: string | undefined;
  readonly hostname: string | undefined;
  readonly tty: boolean;
  readonly readonly: boolean;
  readonly caps: readonly string[];
  /** In bytes. */
  readonly memory: number | undefined;
  readonly pids: number | undefined;
  /** How many processors' time. */
  readonly cpus: number | undefined;
  /** A user namespace with these ids. */
  readonly userns: { readonly uid: readonly IdMapping[]; readonly gid: readonly IdMapping[] } | undefined;
}

/** What the image's configuration says, with its defaults. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly user: string;
  readonly cwd: string;
  readonly volumes: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  /** The labels that are no annotations, see `labels.ts`. */
  readonly leftOut: readonly string[];
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Reads an image's configuration; without one there are the defaults. @throws ImageError `format` */
export function readImageConfig(image: Node | undefined): ImageConfig {
  const config = image?.get("config");
  const entrypoint = config?.get("Entrypoint")?.texts() ?? [];
  const cmd = config?.get("Cmd")?.texts() ?? [];
  const volumes = config?.get("Volumes")?.names() ?? [];
  return {
    entrypoint,
    cmd,
    env: config?.get("Env")?.texts() ?? [],
    user: config?.get("User")?.text() ?? "",
    cwd: config?.get("WorkingDir")?.text() || "/",
    volumes: [...volumes].filter((path) => path.startsWith("/")).sort(),
    ...annotationsOf(image, config),
  };
}

const PREFIX = "org.opencontainers.image.";

/** The implicit annotations, and the labels, which count more. */
function annotationsOf(
  image: Node | undefined,
  config: Node | undefined,
): Pick<ImageConfig, "annotations" | "leftOut"> {
  const found = new Map<string, string>();
  if (image === undefined) return { annotations: {}, leftOut: [] };
  for (const name of ["os", "architecture", "variant", "author", "created"]) {
    const value = image.get(name)?.text() ?? "";
    if (value !== "") found.set(PREFIX + name, value);
  }
  for (const [name, key] of [
    ["os.version", "os.version"],
    ["os.features", "os.features"],
  ] as const) {
    const value = image.get(name);
    if (value !== undefined) found.set(PREFIX + key, value.isList() ? value.texts().join(",") : value.text());
  }
  const stop = config?.get("StopSignal")?.text() ?? "";
  if (stop !== "") found.set(`${PREFIX}stopSignal`, stop);
  const ports = config?.get("ExposedPorts")?.names() ?? [];
  if (ports.length > 0) found.set(`${PREFIX}exposedPorts`, [...ports].sort().join(","));
  const leftOut: string[] = [];
  for (const [name, value] of config?.get("Labels")?.map() ?? []) {
    if (isObeyed(name)) leftOut.push(name);
    else if (name !== "") found.set(name, value);
  }
  return { annotations: Object.fromEntries(found), leftOut };
}

/** The program and its arguments. @throws ImageError `missing` where nobody says what to run */
export function argsOf(image: ImageConfig, wishes: Wishes): readonly string[] {
  const entrypoint = wishes.entrypoint === undefined ? image.entrypoint : [wishes.entrypoint];
  const rest = wishes.args.length > 0 || wishes.entrypoint !== undefined ? wishes.args : image.cmd;
  const args = [...entrypoint, ...rest];
  if (args.length > 0) return args;
  throw new ImageError(
    "missing",
    "the image does not say which program to run",
    "say it: --args sh, once for each word",
  );
}

/** The environment: of one name the last counts. PATH is always there, and TERM where there is a terminal. */
export function envOf(image: ImageConfig, wishes: Wishes): readonly string[] {
  const found = new Map<string, string>([["PATH", PATH]]);
  if (wishes.tty) found.set("TERM", "TERM=xterm");
  for (const entry of [...image.env, ...wishes.env]) {
    const equals = entry.indexOf("=");
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (name !== "" && equals >= 0) found.set(name, entry);
  }
  return [...found.values()];
}

/** A period of the processor's quota, in microseconds. */
const PERIOD = 100_000;

function resourcesOf(base: BaseConfig, { memory, pids, cpus }: Wishes): object {
  const limits = {
    ...(base.linux.resources ?? {}),
    ...(memory === undefined ? {} : { memory: { limit: memory } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
    ...(cpus === undefined ? {} : { cpu: { quota: Math.round(cpus * PERIOD), period: PERIOD } }),
  };
  return Object.keys(limits).length === 0 ? {} : { resources: limits };
}

function capsOf(base: BaseConfig, { caps }: Wishes): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const set of Object.keys(base.process.capabilities)) {
    found[set] = [...new Set([...(base.process.capabilities[set] ?? []), ...caps])];
  }
  return found;
}

function linuxOf(base: BaseConfig, wishes: Wishes): object {
  const { userns } = wishes;
  const { namespaces, resources: _, ...rest } = base.linux;
  const others = namespaces.filter(({ type }) => type !== "user");
  return {
    ...(userns === undefined ? {} : { uidMappings: userns.uid, gidMappings: userns.gid }),
    ...resourcesOf(base, wishes),
    namespaces: userns === undefined ? others : [...others, { type: "user" }],
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => !/^[ug]idMappings$/.test(name))),
  };
}

/**
 * Volumes are folders of the root, as everything else: what is written there lasts as long as the bundle. Where the root is
 * read-only they are a tmpfs each, with the image's content.
 */
function volumeMounts({ volumes }: ImageConfig, { readonly }: Wishes): readonly ConfigMount[] {
  if (!readonly) return [];
  return volumes.map((destination) => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "nodev", "tmpcopyup"],
  }));
}

/**
 * The config.json.
 *
 * @param root `root.path`
 * @throws ImageError
 */
export function toConfig(
  base: BaseConfig,
  image: ImageConfig,
  wishes: Wishes,
  files: UserFiles,
  root: string,
): object {
  const user = findUser(wishes.user ?? image.user, files, wishes.user === undefined ? "the image" : "--user");
  const { annotations } = image;
  const cwd = wishes.cwd ?? image.cwd;
  return {
    ...base,
    process: {
      ...base.process,
      terminal: wishes.tty,
      user,
      args: argsOf(image, wishes),
      env: envOf(image, wishes),
      cwd: cwd.startsWith("/") ? cwd : `/${cwd}`,
      capabilities: capsOf(base, wishes),
    },
    root: { path: root, readonly: wishes.readonly },
    hostname: wishes.hostname ?? base.hostname,
    mounts: [...base.mounts, ...volumeMounts(image, wishes)],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    linux: linuxOf(base, wishes),
  };
}
