import type { IdMapping } from "../../bundle/types.ts";
import { CAPABILITIES } from "../../bundle/vocabulary.ts";
import { readCgroupFacts } from "../../cgroup/facts.ts";
import { UsageError, visible } from "../../error.ts";
import { type BundleMade, makeBundle } from "../../image/bundle.ts";
import type { BaseConfig, Wishes } from "../../image/config.ts";
import { leftOut } from "../../image/labels.ts";
import { defaultStore } from "../../image/store.ts";
import { absolute } from "../../lifecycle/prepare.ts";
import { rootlessConfig, specConfig, thermalPaths } from "../../lifecycle/spec.ts";
import { append } from "../../lists.ts";
import { effectiveGid } from "../../spawn/idmaps.ts";
import { ownMaps, parseMap, startMapped } from "../../spawn/mapped.ts";
import { SIGNALS } from "../../sys/constants.gen.ts";
import { entries, readText } from "../../sys/files.ts";
import { ownCommand } from "../../sys/place.ts";
import { isMapped, privilege } from "../../sys/privilege.ts";
import { exitCode, exitOf, ids } from "../../sys/process.ts";
import { poll, Signals } from "../../sys/watch.ts";
import { Interrupted, Progress, sizeText } from "../progress.ts";
import { print, reportWarning } from "../report.ts";
import { parseSize } from "../sizes.ts";
import { type Command, every, type Options } from "../table.ts";

/** `tsrun bundle` */
export const command: Command = async ({ options, args }) => {
  const [source = "", dir = ""] = args;
  const quiet = options.has("quiet");
  const wishes = wishesOf(options);
  const asked = options.get("store");
  const signals = Signals.catch(["INT", "TERM", "HUP", "QUIT"].map((name) => SIGNALS[name] ?? 0));
  const again = privilege() === "user" ? inOwnNamespace(signals) : undefined;
  if (typeof again === "number") return again;
  try {
    const made = await makeBundle({
      source: source === "-" ? source : absolute(source),
      dir: absolute(dir),
      choice: { image: options.get("image") ?? options.get("tag"), platform: options.get("platform") },
      base: baseConfig(),
      wishes,
      inside: isMapped(),
      devices: privilege() === "root" && !options.has("no-devices"),
      maxSize: size(options, "max-size"),
      store: options.has("overlay") ? (asked === undefined ? defaultStore() : absolute(asked)) : undefined,
      watcher: new Progress(signals, quiet),
    });
    tellLost(made, again?.why);
    const labels = leftOut(made.leftOut);
    if (labels !== undefined) reportWarning(labels);
    if (!quiet) for (const line of told(made, dir, options)) print(`${visible(line)}\n`);
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) return 128 + error.signal;
    throw error;
  }
};

function baseConfig(): BaseConfig {
  const namespaced = readCgroupFacts().mode === "v2";
  const own = ownIds();
  const config = own === undefined ? specConfig(namespaced) : rootlessConfig(namespaced, own);
  append(config.linux.maskedPaths, thermalPaths(entries("/sys/devices/system/cpu").map(({ name }) => name)));
  return config;
}

/** The same once more, where the user's ranges of ids are: its exit code, or why it cannot be. */
function inOwnNamespace(signals: Signals): number | { readonly why: string } {
  const maps = ownMaps();
  const child = "why" in maps ? maps : startMapped([...ownCommand(), ...process.argv.slice(2)], maps);
  if ("why" in child) return child;
  while (!poll([child.fd, signals.fd], -1).includes(child.fd)) {
    for (const signal of signals.take()) child.signal(signal);
  }
  const status = child.reap() ?? 0;
  child.close();
  return exitCode(exitOf(status));
}

/** An ordinary user's, also of the one who has started this in his namespace. */
function ownIds(): { readonly uid: number; readonly gid: number } | undefined {
  if (isMapped()) return { uid: mapOf("uid")[0]?.hostID ?? 0, gid: mapOf("gid")[0]?.hostID ?? 0 };
  if (privilege() !== "user") return undefined;
  return { uid: ids().euid, gid: effectiveGid(readText("/proc/self/status")) };
}

function mapOf(kind: "uid" | "gid"): readonly IdMapping[] {
  return parseMap(readText(`/proc/self/${kind}_map`));
}

function wishesOf(options: Options): Wishes {
  const pids = options.get("pids");
  const cpus = options.get("cpus");
  if (pids !== undefined && !/^[1-9][0-9]{0,8}$/.test(pids))
    throw invalid("pids", pids, "it takes a whole number");
  if (cpus !== undefined && !(/^[0-9]+(?:\.[0-9]+)?$/.test(cpus) && Number(cpus) >= 0.01)) {
    throw invalid("cpus", cpus, "it takes a number of processors, 0.01 at least");
  }
  const caps = every(options, "cap").map((name) => name.toUpperCase().replace(/^(?!CAP_)/, "CAP_"));
  const unknown = caps.find((name) => !(CAPABILITIES as readonly string[]).includes(name));
  if (unknown !== undefined) throw invalid("cap", unknown, "capabilities(7) lists them");
  for (const entry of every(options, "env")) {
    if (!/^[^=]+=/.test(entry)) throw invalid("env", entry, "it takes NAME=VALUE");
  }
  return {
    args: every(options, "args"),
    entrypoint: options.get("entrypoint"),
    env: every(options, "env"),
    user: options.get("user"),
    cwd: options.get("cwd"),
    hostname: options.get("hostname"),
    tty: options.has("tty"),
    readonly: options.has("readonly"),
    caps,
    memory: size(options, "memory"),
    pids: pids === undefined ? undefined : Number(pids),
    cpus: cpus === undefined ? undefined : Number(cpus),
    userns: userns(options.get("userns")),
  };
}

function userns(given: string | undefined): Wishes["userns"] {
  const own = ownIds();
  if (own !== undefined) {
    if (given !== undefined)
      throw invalid("userns", given, "an ordinary user's containers have his own id, as root");
    if (isMapped()) return { uid: mapOf("uid"), gid: mapOf("gid") };
    return {
      uid: [{ containerID: 0, hostID: own.uid, size: 1 }],
      gid: [{ containerID: 0, hostID: own.gid, size: 1 }],
    };
  }
  if (given === undefined) return undefined;
  const [, hostID = "", size = ""] = /^([0-9]{1,10}):([0-9]{1,10})$/.exec(given) ?? [];
  const mapping: IdMapping = { containerID: 0, hostID: Number(hostID), size: Number(size) };
  if (hostID === "" || mapping.size < 1 || mapping.hostID + mapping.size > 0xffffffff) {
    throw invalid("userns", given, "it takes the first id of the host and how many: 100000:65536");
  }
  return { uid: [mapping], gid: [mapping] };
}

function size(options: Options, name: string): number | undefined {
  const given = options.get(name);
  if (given === undefined) return undefined;
  const bytes = Number(parseSize(given) ?? 0n);
  if (bytes < 1 || !Number.isSafeInteger(bytes)) throw invalid(name, given, "it takes a size such as 64M");
  return bytes;
}

function invalid(name: string, value: string, hint: string): UsageError {
  return new UsageError(`invalid value ${JSON.stringify(value)} for --${name}`, { hint });
}

/** What is not as in the image, so that nobody looks for it. */
function tellLost({ lost }: BundleMade, why: string | undefined): void {
  const parts = [
    lost.owners > 0
      ? `${lost.owners} files belong to the container's root instead of their owners${why === undefined ? "" : ` (${why})`}`
      : "",
    lost.devices > 0 ? `${lost.devices} device nodes were left out` : "",
    lost.xattrs > 0 ? `${lost.xattrs} extended attributes were left out` : "",
  ].filter((part) => part !== "");
  if (parts.length > 0) reportWarning(parts.join("; "));
}

function told(made: BundleMade, dir: string, options: Options): readonly string[] {
  if (made.rootPath !== undefined) return [`${dir}: a bundle whose root is ${made.rootPath}, where it stays`];
  const layers = `${made.layers} ${made.layers === 1 ? "layer" : "layers"}`;
  const what = `${sizeText(made.bytes)} in ${made.entries} entries`;
  if (!options.has("overlay")) return [`${dir}: ${made.image}, ${layers}, ${what}`];
  return [
    `${dir}: ${made.image}, an overlay of ${layers}, ${made.shared} of them shared, ${what} new`,
    "runc cannot run this bundle: the overlay is tsrun's to mount",
  ];
}
